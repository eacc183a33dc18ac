"""Events with the properties of their class: ``event.vm.name``. ``vcenter_functions.events`` has the classes."""

import functools
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from vcenter_functions import catalog, event
from vcenter_functions.reference import ManagedObjectReference


class DataObject(Mapping[str, Any]):
    """An object in an event's data. Its properties are attributes, and every one, known or not, is an item.

    A property that the event does not have is None, or an empty list; an event's argument (``event.host``) that it does
    not have is an empty object, which is false. A name that Python has a use for has an underscore after it: ``from_``.
    """

    __slots__ = ("_data", "_type_name")

    def __init__(self, data: Mapping[str, Any], type_name: str) -> None:
        self._data = data
        self._type_name = str(data.get("_typeName", type_name))

    def __getattr__(self, name: str) -> Any:
        return _read_property(self._data, self._type_name, name)

    def __getitem__(self, name: str) -> Any:
        return self._data[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def __repr__(self) -> str:
        return f"{self._type_name}({dict(self._data)})"


class Event(event.Event):
    """vSphere's base class of all events. What an event has of its own by the same name goes before its properties."""

    def __getattr__(self, name: str) -> Any:
        # The class that the event is of may be derived from the one that the handler asks for.
        known = catalog.find_class(self.class_name)
        return _read_property(self.data, known.name if known else type(self).__name__, name)


@functools.cache
def find_event_type(name: str) -> type[Event] | None:
    """Return the class of this name, derived as vSphere's is; None for an unknown one."""
    entry = catalog.find_class(name)
    if entry is None:
        return None
    if name == "Event":
        return Event
    base = find_event_type(entry.lineage[1])
    return type(name, (base or Event,), {"__doc__": f"{entry.type}.", "__module__": "vcenter_functions.events"})


def _read_property(data: Mapping[str, Any], type_name: str, attribute: str) -> Any:
    if attribute.startswith("_"):
        raise AttributeError(attribute)
    name = attribute.removesuffix("_")
    properties = catalog.find_properties(type_name) or {}
    declared = properties.get(name)
    if name in data:
        return _wrap(data[name], declared)
    if declared is None:
        raise AttributeError(f"{type_name} has no property {name!r}")
    if declared.repeated:
        return []
    return DataObject({}, declared.type_name) if declared.type_name.endswith("EventArgument") else None


def _wrap(value: Any, declared: catalog.Property | None) -> Any:
    """Return a value of the data as a handler reads it."""
    if isinstance(value, list):
        return [_wrap(each, declared) for each in value]
    kind = declared.kind if declared else "any"
    if isinstance(value, str) and kind == "dateTime":
        with suppress(ValueError):
            return datetime.fromisoformat(value)
    if not isinstance(value, Mapping):
        return value
    if value.get("_typeName") == "ManagedObjectReference" or kind == "reference":
        return ManagedObjectReference(str(value.get("type", "")), str(value.get("value", "")))
    if "_value" in value:
        return _wrap(value["_value"], None)
    return DataObject(value, "MethodFault" if kind == "fault" else declared.type_name if declared else "")
