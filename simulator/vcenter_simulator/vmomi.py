"""pyVmomi, as the simulator uses it. Its functions carry no annotations and its types are made at run time: Any."""

from collections.abc import Callable
from functools import cache
from typing import Any

from pyVmomi import Iso8601, SoapAdapter, VmomiSupport
from pyVmomi import vim as _vim
from pyVmomi import vmodl as _vmodl

vim: Any = _vim
vmodl: Any = _vmodl
types: Any = VmomiSupport
wire: Any = SoapAdapter
parse_time: Any = Iso8601.ParseISO8601
format_time: Any = Iso8601.ISO8601Format

NAMESPACE = "urn:vim25"
VERSION = "vim.version.v8_0_3_0"
API_VERSION = "8.0.3.0"
RELEASES = ("8.0.3.0", "8.0.2.0", "8.0.1.0")
"""The releases of VI/JSON that it offers, the newest first."""
# Events keep what a newer client posts, also classes that 8.0.3.0 does not have.
EVENT_VERSION: str = types.newestVersions.Get("vim")


def vim_type(name: str) -> Any:
    """The type of vim25 with this name on the wire. Raises KeyError."""
    return types.GetWsdlType(NAMESPACE, name)


def method_names() -> list[str]:
    """The names of vim25's methods on the wire."""
    return [name for namespace, name in types._wsdlMethodMap if namespace == NAMESPACE]  # noqa: SLF001  no other list


def find_type(name: str) -> Any:
    """The type with this name on the wire; raises InvalidRequest for an unknown one.

    XML Schema's names are lower case, vim25's are not. As in vCenter, a type may also go by its name in the reference,
    ``vim.event.EventEx``.
    """
    try:
        if name[:1].islower() and "." not in name:
            return types.GetWsdlType(types.XMLNS_XSD, name)
        return vim_type(name.rpartition(".")[2])
    except KeyError as exc:
        raise vmodl.fault.InvalidRequest(msg=f"unknown type {name}") from exc


def method_info(name: str) -> Any:
    """What pyVmomi knows of a method of vim25, None for a name that vim25 does not have."""
    try:
        return types.GetWsdlMethod(NAMESPACE, name).info
    except (KeyError, AttributeError):
        return None


def parameters_of(info: Any) -> list[Any]:
    """The parameters of a method in its own order, without those that came after our API version."""
    return [param for param in info.params if types.IsChildVersion(VERSION, param.version)]


def enum_value(kind: Any, text: str) -> Any:
    """A value of an enumeration. Raises ValueError."""
    if text not in kind.values:
        raise ValueError(f"{text!r} is not a {kind.__name__}")
    return kind(text)


def wire_name(kind: Any) -> str:
    """A type's name on the wire."""
    return str(types.GetWsdlName(kind))


def reference(kind: str, moid: str) -> Any:
    """A managed object reference: pyVmomi's object of this type (its name on the wire), without a connection."""
    return vim_type(kind)(moid)


def _list_properties(kind: Any) -> dict[str, Any]:
    return {info.name: info for info in kind._GetPropertyList()}  # noqa: SLF001  pyVmomi's only way to list them


properties_of: Callable[[Any], dict[str, Any]] = cache(_list_properties)
"""The properties of a data or managed type by name, inherited ones too, as pyVmomi describes them."""
