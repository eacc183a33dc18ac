"""Event data in the shape that functions and Triggers written for VMware's event broker read.

That shape is what Go's encoding/json makes of govmomi's structs of the time (2021, without JSON tags): PascalCase
names, every field of a class present with Go's zero value where vCenter left it out, ``{"Type", "Value"}`` for a
reference, plain values where VI/JSON boxes them, ``{"Fault", "LocalizedMessage"}`` for a fault.
"""

import functools
from typing import Any

from vcenter_source.events.metadata import Property, ValueKind, vsphere_type

_NO_FIELDS = frozenset({"dynamicType", "dynamicProperty"})  # govmomi's DynamicData has none
_POINTERS = frozenset({"limit", "overheadLimit", "reservation", "unitNumber"})
"""Integers that are pointers in govmomi (0.19 to 0.30) where they may be unset: its generator goes by their names."""
_NO_VALUES = frozenset({"_typeName", "faultstring"})


def veba_data(data: dict[str, Any]) -> dict[str, Any]:
    """Convert an event's VI/JSON data; that of an unknown class has at least the fields of every event."""
    return _object(data, "Event")


def _object(data: dict[str, Any], declared: str) -> dict[str, Any]:
    type_name = str(data.get("_typeName", declared))
    shape = dict(_zero(type_name) or _zero(declared))
    vsphere = vsphere_type(type_name) or vsphere_type(declared)
    properties = vsphere.properties if vsphere else {}
    for name, value in data.items():
        if name not in _NO_VALUES:
            shape[_pascal(name)] = _value(value, properties.get(name))
    return shape


@functools.cache
def _zero(type_name: str) -> dict[str, Any]:
    """Return a type's fields with Go's zero values; empty for an unknown type."""
    vsphere = vsphere_type(type_name)
    properties = vsphere.properties.values() if vsphere else ()
    return {_pascal(each.name): _zero_value(each) for each in properties if each.name not in _NO_FIELDS}


def _zero_value(declared: Property) -> Any:
    """Return Go's zero value: null for slices, pointers and interfaces.

    govmomi has a pointer where a bool, a time or an object may be unset, and for integers whose 0 is a value of its
    own: a limit of 0, unit number 0.
    """
    zeros: dict[ValueKind, Any] = {"string": "", "integer": 0, "number": 0, "boolean": False}
    is_pointer = declared.optional and (declared.kind == "boolean" or declared.name in _POINTERS)
    return None if declared.repeated or is_pointer else zeros.get(declared.kind)


def _value(value: Any, declared: Property | None) -> Any:
    if isinstance(value, list):
        return [_value(each, declared) for each in value]
    if not isinstance(value, dict):
        return value
    type_name = str(value.get("_typeName", ""))
    if type_name == "ManagedObjectReference":
        return {"Type": value.get("type", ""), "Value": value.get("value", "")}
    if "_value" in value:
        plain = _value(value["_value"], None)
        return {type_name.removeprefix("ArrayOf"): plain} if isinstance(plain, list) else plain
    if _is_fault(value, type_name, declared):
        return {"Fault": _object(value, "MethodFault"), "LocalizedMessage": value.get("faultstring", "")}
    return _object(value, declared.type_name if declared else "")


def _is_fault(value: dict[str, Any], type_name: str, declared: Property | None) -> bool:
    if "faultstring" in value or (declared and declared.kind == "fault"):
        return True
    vsphere = vsphere_type(type_name)
    return vsphere is not None and vsphere.kind == "fault"


@functools.cache
def _pascal(name: str) -> str:
    return name[:1].upper() + name[1:]
