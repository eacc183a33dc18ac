"""The JSON Schema (2020-12) of an event's data, in the shape of VI/JSON.

It describes what ``vcenter.values`` makes of vCenter's answers, as far as pyVmomi's metadata goes. It is open where
the data is: a newer vCenter may add properties, derived types and values of enumerations.
"""

from typing import Any

from vcenter_source.events.adapter_events import GAP_TYPE
from vcenter_source.events.metadata import Property, vsphere_type

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_BOX = 'Any value; a primitive or an array is boxed: {"_typeName": "string", "_value": "text"}.'
_UNSENT = frozenset({"dynamicType", "dynamicProperty"})  # vSphere has no use for them
_PLAIN: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "dateTime": {"type": "string", "format": "date-time"},
    "binary": {"type": "string", "contentEncoding": "base64"},
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "any": {"description": _BOX},
}
_REFERENCE = {
    "type": "object",
    "properties": {
        "_typeName": {"const": "ManagedObjectReference"},
        "type": {"type": "string"},
        "value": {"type": "string"},
        "serverGuid": {"type": "string"},
    },
    "required": ["_typeName", "type", "value"],
}
_END = {
    "type": ["object", "null"],
    "properties": {"key": {"type": "integer"}, "createdTime": {"type": "string", "format": "date-time"}},
    "required": ["key", "createdTime"],
}
_GAP = {
    "type": "object",
    "properties": {
        "reason": {"enum": ["purged", "hidden", "rewound", "compressed"]},
        "after": _END,
        "before": _END,
    },
    "required": ["reason", "after", "before"],
}


def event_schema(class_name: str, type_name: str) -> dict[str, Any]:
    """Return the schema of the data of an event class, whose CloudEvents type is ``type_name``."""
    if type_name == GAP_TYPE:
        return {"$schema": _DIALECT, "title": type_name, **_GAP}
    definitions = _Definitions()
    body = definitions.object(class_name)
    body["properties"]["_typeName"] = {"const": class_name}
    title = {"$schema": _DIALECT, "title": class_name, "description": f"The data of {type_name}."}
    return {**title, **body, "$defs": dict(sorted(definitions.definitions.items()))}


class _Definitions:
    """The types that a schema refers to, each once."""

    def __init__(self) -> None:
        self.definitions: dict[str, Any] = {}

    def object(self, type_name: str) -> dict[str, Any]:
        """Describe an object or a fault. An empty list is not sent at all, so no list is required."""
        vsphere = vsphere_type(type_name)
        listed = [each for name, each in vsphere.properties.items() if name not in _UNSENT] if vsphere else []
        properties = {"_typeName": {"type": "string"}} | {each.name: self._property(each) for each in listed}
        if vsphere and vsphere.kind == "fault":
            properties["faultstring"] = {"type": "string", "description": "The localized message."}
        required = [each.name for each in listed if not each.optional and not each.repeated]
        return {"type": "object", "properties": properties, "required": ["_typeName", *required]}

    def _property(self, declared: Property) -> dict[str, Any]:
        value = self._value(declared)
        return {"type": "array", "items": value} if declared.repeated else value

    def _value(self, declared: Property) -> dict[str, Any]:
        vsphere = vsphere_type(declared.type_name)
        if declared.kind == "reference":
            self.definitions["ManagedObjectReference"] = _REFERENCE
            return {"$ref": "#/$defs/ManagedObjectReference", "description": f"A {declared.type_name}."}
        if declared.kind in {"object", "fault"}:
            return self._reference("MethodFault" if declared.kind == "fault" else declared.type_name)
        if vsphere and vsphere.values:  # a newer vCenter may have more
            return {"anyOf": [{"enum": list(vsphere.values)}, {"type": "string"}]}
        return _PLAIN[declared.kind]

    def _reference(self, type_name: str) -> dict[str, Any]:
        if type_name not in self.definitions:
            self.definitions[type_name] = {}  # it may refer to itself
            self.definitions[type_name] = self.object(type_name)
        return {"$ref": f"#/$defs/{type_name}"}
