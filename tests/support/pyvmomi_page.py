"""pyVmomi as the other side of the decoder's tests: filled instances, genuine pages, and its own reading of them."""

import base64
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pyVmomi
from pyVmomi import SoapAdapter, VmomiSupport

support: Any = VmomiSupport
adapter: Any = SoapAdapter
_package: Any = pyVmomi  # it makes its types as they are asked for, out of the type checker's sight
vim: Any = _package.vim

VERSION = support.newestVersions.Get("vim")
EVENT = support.GetVmodlType("vim.event.Event")
WHEN = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)


def any_values() -> Iterator[Any]:
    """Every shape that an any-typed property may hold, for ever in turn."""
    key_value = support.GetVmodlType("vmodl.KeyAnyValue")
    fault = vim.fault.InvalidPowerState(existingState="poweredOn", requestedState="poweredOff")
    fault.msg = "wrong state"
    return itertools.cycle(
        [
            "text",
            7,
            support.long(1 << 40),
            support.short(3),
            support.byte(4),
            support.double(1.5),
            True,
            WHEN,
            support.binary(b"\x00\xff"),
            support.URI("https://example.com/"),
            vim.VirtualMachine("vm-any"),
            vim.VirtualMachine.PowerState.poweredOn,
            support.GetVmodlType("string[]")(["a", "b"]),
            support.GetVmodlType("int[]")([1, 2]),
            support.GetVmodlType("vim.HostSystem[]")([vim.HostSystem("host-1"), vim.HostSystem("host-2")]),
            support.GetVmodlType("vim.VirtualMachine.PowerState[]")(["poweredOn", "poweredOff"]),
            support.GetVmodlType("vmodl.KeyAnyValue[]")([key_value(key="k", value="v"), key_value(key="l", value=2)]),
            support.GetVmodlType("anyType[]")(["mixed", 3]),
            key_value(key="nested", value=support.short(2)),
            fault,
        ]
    )


class Filler:
    """Makes instances with every property set, down to ``depth`` levels."""

    def __init__(self) -> None:
        self._any = any_values()

    def object(self, vmodl: Any, depth: int) -> Any:
        made = vmodl()
        for info in vmodl._GetPropertyList():
            required = not info.flags & support.F_OPTIONAL
            if (depth or required) and info.name not in {"dynamicType", "dynamicProperty"}:
                setattr(made, info.name, self.value(info, max(depth - 1, 0)))
        return made

    def value(self, info: Any, depth: int) -> Any:
        if info.flags & support.F_LINK:
            return ["link-1", "link-2"] if issubclass(info.type, list) else "link-1"
        if issubclass(info.type, list):
            return info.type([self.one(info.type.Item, depth), self.one(info.type.Item, depth)])
        return self.one(info.type, depth)

    def one(self, vmodl: Any, depth: int) -> Any:  # noqa: C901, PLR0911  one line a kind
        if vmodl is object:
            return next(self._any)
        if vmodl is type:
            return vim.VirtualMachine
        if vmodl is support.ManagedMethod:
            return support.GuessWsdlMethod("PowerOnVM_Task")
        if vmodl is datetime:
            return WHEN
        if issubclass(vmodl, support.ManagedObject):
            return vmodl("object-1")
        if issubclass(vmodl, support.DataObject):
            return self.object(vmodl, depth)
        if issubclass(vmodl, support.Enum):
            return getattr(vmodl, vmodl.values[0])
        if vmodl is bool:
            return True
        if issubclass(vmodl, support.binary):
            return vmodl(b"\x01\x02")
        if issubclass(vmodl, (int, float)):
            return vmodl(-2)
        return vmodl("some <text> & \u00fcnicode")


def page(*events: Any) -> bytes:
    """The answer to ReadNextEvents with these events, as vCenter sends it."""
    info = support.Object(name="returnval", type=EVENT, flags=0, version=support.BASE_VERSION)
    namespaces = dict(adapter.SOAP_NSMAP)
    written = [adapter.SerializeToStr(each, info, VERSION, dict(namespaces)) for each in events]
    return envelope("".join(written))


def envelope(returned: str) -> bytes:
    body = f'<ReadNextEventsResponse xmlns="urn:vim25">{returned}</ReadNextEventsResponse>'
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{adapter.SOAP_START}{body}{adapter.SOAP_END}'.encode()


class _Stub:
    version = VERSION

    def SupportServerGUIDs(self) -> bool:
        return False


def read(xml: bytes) -> list[Any]:
    """The page as pyVmomi reads it."""
    answer = adapter.SoapResponseDeserializer(_Stub()).Deserialize(xml, EVENT.Array)
    return list(answer)


def vijson(value: Any, declared: Any = None) -> Any:
    """pyVmomi's object in the shape of VI/JSON, by other means than the decoder's."""
    if isinstance(value, support.DataObject):
        return vijson_object(value)
    if isinstance(value, support.ManagedObject):
        return {"_typeName": "ManagedObjectReference", "type": name_of(type(value)), "value": value._GetMoId()}
    if isinstance(value, list):
        item = getattr(value, "Item", None) or declared.Item
        plain = [vijson(each, item) for each in value]
        return {"_typeName": array_name(item), "_value": plain} if declared is object else plain
    plain = vijson_scalar(value)
    if declared is not object:
        return plain
    return {"_typeName": name_of(type(value)).replace("base64Binary", "binary"), "_value": plain}


def vijson_object(value: Any) -> dict[str, Any]:
    shape: dict[str, Any] = {"_typeName": name_of(type(value))}
    for info in value._GetPropertyList():
        held = getattr(value, info.name)
        if held is None or (isinstance(held, list) and not held):
            continue
        shape["faultstring" if info.name == "msg" else info.name] = vijson(held, info.type)
    return shape


def vijson_scalar(value: Any) -> Any:
    if isinstance(value, type):
        return name_of(value)
    if isinstance(value, support.ManagedMethod):
        return value.info.wsdlName
    if isinstance(value, datetime):
        return pyVmomi.Iso8601.ISO8601Format(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    for plain in (bool, int, float):
        if isinstance(value, plain):
            return plain(value)
    return str(value)


def array_name(item: Any) -> str:
    name = "ManagedObjectReference" if issubclass(item, support.ManagedObject) else name_of(item)
    return f"ArrayOf{name[0].upper()}{name[1:]}"


def name_of(vmodl: Any) -> str:
    return str(support.GetWsdlName(vmodl))
