"""Set a property of an event's data by its path: ``vm.name=web-1``. Pure, but for the metadata of classes."""

import binascii
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vcenter_functions.sample_objects import SENT_TYPES
from vcenter_functions.spelling import closest_matches, did_you_mean
from vcenter_source.events.metadata import Property, vsphere_type
from vcenter_source.events.samples import Data, make_reference, sample_value

_BOOLEANS = {"true": True, "false": False}


def assign(data: Data, path: str, text: str, created: datetime) -> None:
    """Set the property at ``path``; objects on the way that are missing get a sample's values.

    A step may begin with a capital, as in the format ``veba``. Of a list, the first element is meant. Raises ValueError
    for a path that the class does not have, and for a text that the property cannot have.
    """
    *steps, last = path.split(".")
    for step in steps:
        data = _enter(data, _find_property(data, step), created)
    declared = _find_property(data, last)
    value = _parse(declared, text)
    data[declared.name] = [value] if declared.repeated else value


def _enter(data: Data, declared: Property, created: datetime) -> Data:
    """Return the object in a property."""
    if declared.name not in data:
        data[declared.name] = sample_value(declared, created)
    value = data[declared.name]
    inner = value[0] if isinstance(value, list) else value
    if not isinstance(inner, dict) or declared.kind == "any":
        raise ValueError(f"{declared.name} is not an object")
    return inner


def _find_property(data: Mapping[str, Any], step: str) -> Property:
    type_name = str(data["_typeName"])
    properties = _list_properties(type_name)
    for name in (step, step[:1].lower() + step[1:]):
        if name in properties:
            return properties[name]
    near = did_you_mean(closest_matches(step, properties)) or f"; it has {', '.join(properties)}"
    raise ValueError(f"{type_name} has no property {step}{near}")


def _list_properties(type_name: str) -> Mapping[str, Property]:
    """Map the names of an object's properties to these; a fault has its message besides."""
    if type_name == "ManagedObjectReference":
        return {name: Property(name, "string", "string", repeated=False, optional=False) for name in ("type", "value")}
    vsphere = vsphere_type(type_name)
    properties = {} if vsphere is None else dict(vsphere.properties)
    if vsphere and vsphere.kind == "fault":
        properties["faultstring"] = Property("faultstring", "string", "string", repeated=False, optional=True)
    return {name: each for name, each in properties.items() if name not in {"dynamicType", "dynamicProperty"}}


def _parse(declared: Property, text: str) -> Any:  # noqa: PLR0911  one line a kind
    match declared.kind:
        case "boolean":
            if text.lower() not in _BOOLEANS:
                raise ValueError(f"{declared.name} has to be true or false")
            return _BOOLEANS[text.lower()]
        case "integer":
            return _convert(int, text, f"{declared.name} has to be a whole number")
        case "number":
            return _convert(float, text, f"{declared.name} has to be a number")
        case "dateTime":
            return _convert(_check_time, text, f"{declared.name} has to be a time such as 2026-01-31T08:00:00Z")
        case "binary":
            _convert(b64decode, text, f"{declared.name} has to be base64")
        case "reference":
            kind, _, identity = text.rpartition(":")
            base = declared.type_name
            return make_reference(kind or SENT_TYPES.get(base, base), identity)
        case "any":
            return {"_typeName": "string", "_value": text}
        case "object" | "fault":
            named = "MethodFault" if declared.kind == "fault" else declared.type_name
            raise ValueError(f"{declared.name} is an object; set one of its properties: {_join_names(named)}")
    return text


def _join_names(type_name: str) -> str:
    return ", ".join(_list_properties(type_name))


def _convert(convert: Any, text: str, otherwise: str) -> Any:
    try:
        return convert(text)
    except (ValueError, binascii.Error):
        raise ValueError(otherwise) from None


def _check_time(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time without a zone")
    return text
