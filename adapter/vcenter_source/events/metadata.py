"""vSphere's types as pyVmomi's metadata describes them. Names are those on the wire (WSDL).

Nothing is loaded when this module is imported. Each type is looked up once and remembered.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pyVmomi import VmomiSupport

ValueKind = Literal[
    "string", "dateTime", "binary", "boolean", "integer", "number", "reference", "fault", "any", "object"
]

_pyvmomi: Any = VmomiSupport  # it has no types of its own


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a vSphere type. ``type_name`` is the type of the value, of one element where ``repeated``."""

    name: str
    kind: ValueKind
    type_name: str
    repeated: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class VsphereType:
    """A vSphere type: its name on the wire, its kind, and for an object or a fault its properties, the base's first.

    ``values`` are those of an enumeration, which is a string to us; a newer vCenter may have more of them.
    """

    name: str
    kind: ValueKind
    properties: Mapping[str, Property]
    values: tuple[str, ...] = ()


@functools.cache
def vsphere_type(name: str) -> VsphereType | None:
    """Return the type with this name on the wire (``VmEventArgument``, ``string``).

    None for an unknown type and for an array.
    """
    vmodl = _find_vmodl(name)
    if vmodl is None or issubclass(vmodl, list):
        return None
    kind = _kind_of_value(vmodl)
    listed = vmodl._GetPropertyList() if kind in {"object", "fault"} else ()  # noqa: SLF001  it is public
    properties = [_convert_property(info) for info in listed if info.name != "msg"]  # pyVmomi's own, never on the wire
    values = tuple(vmodl.values) if issubclass(vmodl, _pyvmomi.Enum) else ()
    return VsphereType(_wire_name(vmodl), kind, {each.name: each for each in properties}, values)


@functools.cache
def event_lineages() -> Mapping[str, tuple[str, ...]]:
    """Map each event class to its lineage, which leads from the class itself to ``Event``."""
    base = _pyvmomi.GetVmodlType("vim.event.Event")
    types = (_pyvmomi.GetVmodlType(name) for name in _pyvmomi.ListDataTypes() if name.startswith("vim.event."))
    return {_wire_name(vmodl): _lineage(vmodl) for vmodl in types if issubclass(vmodl, base)}


@functools.cache
def object_types(base: str) -> tuple[str, ...]:
    """List a managed object type and those derived from it: Network, DistributedVirtualPortgroup, … for ``Network``."""
    vmodl = _find_vmodl(base)
    if vmodl is None:
        return ()
    managed = (_pyvmomi.GetVmodlType(name) for name in _pyvmomi.ListManagedTypes())
    return (base, *(_wire_name(each) for each in managed if issubclass(each, vmodl) and each is not vmodl))


def _find_vmodl(name: str) -> Any:
    for namespace in (_pyvmomi.XMLNS_VMODL_BASE, _pyvmomi.XMLNS_XSD):
        try:
            return _pyvmomi.GetWsdlType(namespace, name)
        except KeyError:
            continue
    try:
        return _pyvmomi.GuessWsdlType(name)  # vSAN, storage policies and the like have namespaces of their own
    except KeyError:
        return None


def _lineage(vmodl: Any) -> tuple[str, ...]:
    names = [_wire_name(each) for each in vmodl.__mro__ if issubclass(each, _pyvmomi.DataObject)]
    return tuple(names[: names.index("Event") + 1])


def _convert_property(info: Any) -> Property:
    repeated = issubclass(info.type, list)
    vmodl = info.type.Item if repeated else info.type
    optional = bool(info.flags & _pyvmomi.F_OPTIONAL)
    return Property(info.name, _kind_of_value(vmodl), _wire_name(vmodl), repeated, optional)


def _wire_name(vmodl: Any) -> str:
    return str(_pyvmomi.GetWsdlName(vmodl))


def _kind_of_value(vmodl: Any) -> ValueKind:  # noqa: PLR0911  one line a kind
    if vmodl is object:
        return "any"
    if issubclass(vmodl, _pyvmomi.ManagedObject):
        return "reference"
    if issubclass(vmodl, _pyvmomi.DataObject):
        return "fault" if issubclass(vmodl, Exception) else "object"
    if vmodl is bool:
        return "boolean"
    if issubclass(vmodl, int):
        return "integer"
    if issubclass(vmodl, float):
        return "number"
    if vmodl is _pyvmomi.binary:
        return "binary"
    return "dateTime" if vmodl is datetime else "string"
