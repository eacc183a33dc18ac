"""Event data of VMware's event broker and event router, converted to the shape of VI/JSON. Pure.

The adapter's ``events.veba`` converts the other way. What Go's zero values stand for cannot be told apart, so the
strings, numbers and booleans that are empty stay, and what is null is left out.
"""

from typing import Any


def to_vi_json(value: Any) -> Any:
    """Convert an object, or what it holds: names in camelCase, references and faults as VI/JSON has them."""
    if isinstance(value, list):
        return [to_vi_json(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"Type", "Value"}:
        return {"_typeName": "ManagedObjectReference", "type": value["Type"], "value": value["Value"]}
    if value.keys() == {"Fault", "LocalizedMessage"}:
        fault = to_vi_json(value["Fault"])
        return (fault if isinstance(fault, dict) else {}) | {"faultstring": value["LocalizedMessage"]}
    return {_lower_first(name): to_vi_json(each) for name, each in value.items() if each is not None}


def _lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
