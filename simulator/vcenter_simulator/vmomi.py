"""pyVmomi, as the simulator uses it. Its functions carry no annotations and its types are made at run time: Any."""

from typing import Any

from pyVmomi import Iso8601, SoapAdapter, VmomiSupport
from pyVmomi import vim as _vim
from pyVmomi import vmodl as _vmodl

vim: Any = _vim
vmodl: Any = _vmodl
types: Any = VmomiSupport
wire: Any = SoapAdapter
parse_time: Any = Iso8601.ParseISO8601

NAMESPACE = "urn:vim25"
VERSION = "vim.version.v8_0_3_0"
API_VERSION = "8.0.3.0"
# Events keep what a newer client posts, also classes that 8.0.3.0 does not have.
EVENT_VERSION: str = types.newestVersions.Get("vim")


def vim_type(name: str) -> Any:
    """The type of vim25 with this name on the wire. Raises KeyError."""
    return types.GetWsdlType(NAMESPACE, name)


def method_names() -> list[str]:
    """The names of vim25's methods on the wire."""
    return [name for namespace, name in types._wsdlMethodMap if namespace == NAMESPACE]  # noqa: SLF001  no other list


def wire_name(kind: Any) -> str:
    """A type's name on the wire."""
    return str(types.GetWsdlName(kind))


def reference(kind: str, moid: str) -> Any:
    """A managed object reference: pyVmomi's object of this type (its name on the wire), without a connection."""
    return vim_type(kind)(moid)


def properties_of(kind: Any) -> dict[str, Any]:
    """The properties of a data or managed type by name, inherited ones too, as pyVmomi describes them."""
    return {info.name: info for info in kind._GetPropertyList()}  # noqa: SLF001  pyVmomi's only way to list them
