"""VI/JSON outwards: pyVmomi's values as JSON text.

``_typeName`` stands in every object, references included; what is unset, and an empty array in a property, is left out
(govmomi's ``vim25/types/testdata/retrieveResult.json`` is an answer of a real vCenter). Any-typed values that are no
objects stand in a box: ``{"_typeName": "string", "_value": …}``, arrays in ``{"_typeName": "ArrayOfString", …}``.
"""

import base64
import json
import math
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import Any

from vcenter_simulator.event_page import EventPage, SingleEvent
from vcenter_simulator.vmomi import EVENT_VERSION, VERSION, format_time, types, vmodl, wire_name

_quote: Callable[[str], str] = json.encoder.encode_basestring
# Names are strings, as over SOAP: in that answer of a real vCenter, a folder's childType is an ArrayOfString.
_BOXED = {
    "base64Binary": "binary",
    "Base64Binary": "binary",
    "TypeName": "string",
    "MethodName": "string",
    "PropertyPath": "string",
}
_OWN_NUMBERS = ("key", "chainId", "createdTime")


class JsonWire:
    """JSON as a way to write an answer down: the HTTP status and the body."""

    name = "json"
    media_type = "application/json"

    def write_result(self, _method: str, kind: Any, result: Any) -> tuple[int, bytes]:
        """Write what a method gave back, or what a property is. Without a value the answer is 204."""
        return (204, b"") if result is None else (200, write_value(result, kind).encode())

    def write_fault(self, error: Any) -> tuple[int, bytes]:
        """Write the fault that a method ended with."""
        return 500, write_value(error, type(error)).encode()


def write_value(value: Any, declared: Any = object, version: str = VERSION) -> str:
    """A value as JSON; in a box where it is declared as anything, unless it says its type itself."""
    if isinstance(value, list) and not isinstance(value, types.Array):
        value = declared(value)  # a handler's plain list
    for base, write in _WRITERS:
        if isinstance(value, base):
            text = write(value, version)
            return text if declared is not object or text.startswith('{"_typeName"') else _write_box(value, text)
    raise TypeError(f"no value of {type(value).__name__} can be written")


def _write_box(value: Any, text: str) -> str:
    return f'{{"_typeName":"{_name_box(value)}","_value":{text}}}'


def _name_box(value: Any) -> str:
    if isinstance(value, types.Array) and issubclass(value.Item, types.ManagedObject):
        return "ArrayOfManagedObjectReference"
    name = wire_name(type if isinstance(value, type) else type(value))
    is_array = name.startswith("ArrayOf")
    boxed = _BOXED.get(name.removeprefix("ArrayOf"), name.removeprefix("ArrayOf"))
    return f"ArrayOf{boxed[0].upper()}{boxed[1:]}" if is_array else boxed


def _write_data_object(value: Any, version: str) -> str:
    kind = types.GetCompatibleType(type(value), version)
    return "".join((f'{{"_typeName":"{wire_name(kind)}"', *_write_properties(value, version), "}"))


def _write_properties(value: Any, version: str, without: Collection[str] = ()) -> Iterator[str]:
    """The properties that are set, each with the comma before it."""
    for info in value._GetPropertyList():  # noqa: SLF001  pyVmomi's only way to list them
        each = getattr(value, info.name)
        is_unset = each is None or (isinstance(each, list) and not each and info.type is not object)
        if not is_unset and info.name not in without and types.IsChildVersion(version, info.version):
            yield f',"{info.name}":{write_value(each, info.type, version)}'


def _write_fault(value: Any, version: str) -> str:
    """A fault stands for itself, with its message; SOAP wraps it in a LocalizedMethodFault.

    So an 8.0.3 writes a task's error (github.com/evoila/meho/issues/3663). govc looks for the wrapper, and finds none.
    """
    properties = "".join(_write_properties(value, version, ("msg",)))
    message = "" if value.msg is None else f',"faultstring":{_quote(value.msg)}'
    return f'{{"_typeName":"{wire_name(type(value))}"{properties}{message}}}'


def _write_reference(value: Any, _version: str) -> str:
    guid = "" if value._serverGuid is None else f',"serverGuid":{_quote(value._serverGuid)}'  # noqa: SLF001  as above
    kind, moid = wire_name(type(value)), _quote(value._GetMoId())  # noqa: SLF001  as above
    return f'{{"_typeName":"ManagedObjectReference","type":"{kind}","value":{moid}{guid}}}'


def _write_array(value: Any, version: str) -> str:
    return f"[{','.join(write_value(each, value.Item, version) for each in value)}]"


def _write_number(value: float, _version: str) -> str:
    return str(value) if math.isfinite(value) else f'"{value}"'  # JSON has no INF and NaN


def _write_page(page: EventPage, _version: str) -> str:
    return f"[{','.join(record.json(full_message=page.full_message) for record in page)}]"


def write_event_tail(event: Any) -> str:
    """What follows an event's own three numbers, to the end of the object."""
    return "".join((*_write_properties(event, EVENT_VERSION, _OWN_NUMBERS), "}"))


# The first base class that fits decides: what stands for events first, bool before numbers, types and faults before
# other data objects.
_WRITERS: tuple[tuple[Any, Callable[[Any, str], str]], ...] = (
    (EventPage, _write_page),
    (SingleEvent, lambda value, _version: value.__dict__["record"].json()),
    (types.Array, _write_array),
    (vmodl.MethodFault, _write_fault),
    (types.DataObject, _write_data_object),
    (types.ManagedObject, _write_reference),
    (type, lambda value, _version: _quote(wire_name(value))),
    (types.ManagedMethod, lambda value, _version: _quote(value.info.wsdlName)),
    (datetime, lambda value, _version: f'"{format_time(value)}"'),
    (bytes, lambda value, _version: f'"{base64.b64encode(value).decode()}"'),
    (bool, lambda value, _version: "true" if value else "false"),
    ((int, float), _write_number),
    (str, lambda value, _version: _quote(value)),
)
