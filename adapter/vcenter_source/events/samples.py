"""A sample event of any class, with values that a real one has, made from the metadata of its class. Pure.

A sample has what every event of its class has: the properties that are required, the object that the event is about,
where that object stands in the inventory, and the simple values that the class adds.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from vcenter_functions.sample_objects import SAMPLE_ID, SAMPLE_OBJECTS, SENT_TYPES
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events.catalog import NAMED_BY_ID, EventClass, event_class, find_subject
from vcenter_source.events.metadata import Property, vsphere_type
from vcenter_source.events.sample_values import OTHER_OBJECTS, find_text
from vcenter_source.events.subjects import BASE_PATHS, find_object_name

Data: TypeAlias = dict[str, Any]

_PLACES: dict[str, tuple[str, ...]] = {
    "vm": ("datacenter", "computeResource", "host", "vm", "ds"),
    "host": ("datacenter", "computeResource", "host"),
    "ds": ("datacenter", "ds"),
    "net": ("datacenter", "net"),
    "dvs": ("datacenter", "dvs"),
    "computeResource": ("datacenter", "computeResource"),
    "resourcePool": ("datacenter", "computeResource"),
    "datacenter": ("datacenter",),
}
"""Event's own properties that an event has which is about this property's object: where the object stands."""

_SIMPLE = frozenset({"string", "integer", "number", "boolean", "dateTime", "reference"})
_NO_VALUES = frozenset({"dynamicType", "dynamicProperty", "eventTypeId", "objectId", "objectName", "objectType"})
_OTHER = re.compile("source|dest|old|new|prev|parent")  # of what an event is not about: where a VM comes from, say
_WORD_START = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def sample_data(class_name: str, key: int, created: datetime, event_type_id: str | None = None) -> Data:
    """Return the data (VI/JSON) of a sample event. ``event_type_id`` is that of an EventEx or ExtendedEvent."""
    entry = event_class(class_name)
    data = _Builder(created).event(entry)
    data |= {"key": key, "chainId": key, "createdTime": _format_time(created)}
    if class_name in NAMED_BY_ID:
        data["eventTypeId"] = event_type_id or SAMPLE_ID
    return data


def sample_event(class_name: str, data: Data) -> Event:
    """Return the event that has this data; what follows from other values is added where it is not set."""
    if class_name == "EventEx":
        vm = data["vm"]
        about = {"objectType": vm["vm"]["type"], "objectId": vm["vm"]["value"], "objectName": vm["name"]}
        data.update(about | data)
    subject = find_subject(class_name, data)
    data.setdefault("fullFormattedMessage", _describe(class_name, data, subject))
    created = datetime.fromisoformat(data["createdTime"])
    return Event(class_name, data["key"], created.astimezone(UTC), subject, data)


def sample_value(declared: Property, created: datetime) -> Any:
    """Return a value of a property, a list where it is ``repeated``."""
    return _Builder(created).value(declared)


class _Builder:
    """Builds the values of one event, all from the same time."""

    def __init__(self, created: datetime) -> None:
        self._time = _format_time(created)

    def event(self, entry: EventClass) -> Data:
        """Return an event's data without its identity and message."""
        declared, base = _properties("Event"), _properties(entry.name)
        places = self._places(entry)
        listed = [
            each
            for name, each in base.items()
            if name not in _NO_VALUES and (name in places if name in declared else _is_filled(each))
        ]
        return {"_typeName": entry.name, "userName": find_text("userName")} | {
            each.name: self.value(each, _inner_path(entry, each)) for each in listed
        }

    def _places(self, entry: EventClass) -> Sequence[str]:
        """Return Event's own properties that the sample has; none where the class leaves open what it is about."""
        if entry.name == "EventEx":
            return _PLACES["vm"]
        is_open = entry.subjects == BASE_PATHS
        return () if is_open or not entry.subjects else _PLACES.get(entry.subjects[0][0], ())

    def value(self, declared: Property, wanted: Sequence[str] = ()) -> Any:
        """Return a value of this property; of an object with what is required and what is ``wanted``."""
        value = self._one(declared, wanted)
        return [value] if declared.repeated else value

    def _one(self, declared: Property, wanted: Sequence[str]) -> Any:  # noqa: PLR0911  one line a kind
        match declared.kind:
            case "object":
                return self._object(declared, wanted)
            case "fault":
                return {"_typeName": "MethodFault", "faultstring": "The operation failed."}
            case "reference":
                kind = SENT_TYPES.get(declared.type_name, declared.type_name)
                return make_reference(kind)
            case "any":
                return {"_typeName": "string", "_value": "value"}
            case "dateTime":
                return self._time
            case "integer" | "number":
                return 1
            case "boolean":
                return False
        return find_text(declared.name, declared.type_name)

    def _object(self, declared: Property, wanted: Sequence[str]) -> Data:
        name = SENT_TYPES.get(declared.type_name, declared.type_name)
        data: Data = {"_typeName": name}
        for each in _properties(name).values():
            is_required = not each.optional and not each.repeated
            if is_required or each.name in wanted:
                data[each.name] = self.value(each)
        if name.endswith("EventArgument"):
            _name_object(data, OTHER_OBJECTS if _OTHER.match(declared.name) else SAMPLE_OBJECTS)
        return data


def _name_object(argument: Data, objects: Mapping[str, tuple[str, str]]) -> None:
    """Have an event argument refer to one of these objects, with its name."""
    for reference in argument.values():
        if isinstance(reference, dict) and reference.get("type") in objects:
            reference["value"], argument["name"] = objects[reference["type"]]


def make_reference(kind: str, identity: str | None = None) -> Data:
    """Return a reference to an object of this type, by default the sample's."""
    known = SAMPLE_OBJECTS.get(kind, (f"{kind[:1].lower()}{kind[1:]}-1", ""))[0]
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": identity or known}


def _properties(type_name: str) -> Mapping[str, Property]:
    vsphere = vsphere_type(type_name)
    return vsphere.properties if vsphere else {}


def _is_filled(declared: Property) -> bool:
    """Whether the sample has this property that the class adds: what is required, and what is simple."""
    is_simple = declared.kind in _SIMPLE and not declared.repeated
    return not declared.optional or is_simple or declared.type_name.endswith("EventArgument")


def _inner_path(entry: EventClass, declared: Property) -> Sequence[str]:
    """Return what the object in this property must hold to name the event's subject: a task's ``entity``, say."""
    return tuple(name for path in entry.subjects if path[0] == declared.name for name in (*path[1:], "entityName"))


def _describe(class_name: str, data: Data, subject: ManagedObjectReference | None) -> str:
    """Return a message such as ``Vm powered on: web-1 on esx-1 in DC0``."""
    if data.get("message"):
        return str(data["message"])
    stem = class_name.removesuffix("Event") or class_name
    what = _WORD_START.sub(" ", stem).capitalize()
    return f"{what}: {' '.join(_name_places(data, subject))}" if subject else what


def _name_places(data: Data, subject: ManagedObjectReference) -> Iterator[str]:
    about = find_object_name(data, subject) or str(subject)
    yield about
    for word, argument in (("on", "host"), ("in", "datacenter")):
        place = data.get(argument, {}).get("name")
        if place and place != about:
            yield f"{word} {place}"


def _format_time(created: datetime) -> str:
    return created.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
