"""The types of event, one by one, with what is known of each."""

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from vcenter_functions.spelling import closest_matches, did_you_mean
from vcenter_source.core.errors import PermanentError
from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes
from vcenter_source.events.severity import derive_severity
from vcenter_source.events.short_types import expand_type
from vcenter_source.triggers.event_catalog import EventCatalog, subject_types

_ANY_OBJECT = {"ManagedEntity", "ManagedObject"}
_MAX_OBJECTS = 2


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event. ``objects`` are the types of object that it can be about; empty where that is open.

    ``severity_from``: ``vcenter`` for vCenter's own category, ``name`` for a guess from the class's name, ``event``
    where each event has its own, ``adapter`` for the adapter's own events.
    """

    type: str
    class_name: str
    family: str
    severity: str
    severity_from: Literal["vcenter", "name", "event", "adapter"]
    objects: tuple[str, ...] = field(default=())

    def json(self) -> dict[str, str | Sequence[str]]:
        """Return what programs read."""
        return {
            "type": self.type,
            "class": self.class_name,
            "family": self.family,
            "severity": self.severity,
            "severityFrom": self.severity_from,
            "objects": self.objects,
        }

    def describe_objects(self) -> str:
        """Say in a few words what the event can be about."""
        if self.severity_from == "adapter":
            return "none"
        if len(self.objects) > _MAX_OBJECTS:  # the class leaves it open: what the event names, if anything
            return "any or none"
        return "any" if _ANY_OBJECT & set(self.objects) else " or ".join(self.objects) or "any or none"


def list_event_types(catalog: EventCatalog, categories: Mapping[str, str]) -> list[EventType]:
    """List every type that can be sent, sorted; ``categories`` are vCenter's, empty if none was asked."""
    return sorted(_generate_types(catalog, categories), key=lambda type_: type_.type)


def _generate_types(catalog: EventCatalog, categories: Mapping[str, str]) -> Iterator[EventType]:
    yield EventType(GAP_TYPE, "Gap", "adapter", "WARN", "adapter")
    yield EventType(PING_TYPE, "Ping", "adapter", "INFO", "adapter")
    for name, entry in all_classes().items():
        if name in NAMED_BY_ID:
            yield EventType(catalog.type_of_id("*"), name, name, "", "event")
        elif not entry.abstract:
            origin: Literal["vcenter", "name"] = "vcenter" if name in categories else "name"
            severity = derive_severity(name, {}, categories)
            objects = tuple(subject_types(name))
            yield EventType(catalog.type_of(name), name, entry.family, severity, origin, objects)
    for name in catalog.ids:
        severity = derive_severity("EventEx", {"eventTypeId": name}, categories)
        yield EventType(catalog.type_of_id(name), "EventEx", "EventEx", severity, "vcenter")


def match_event_types(types: list[EventType], pattern: str) -> list[EventType]:
    """Select the types whose type, class or family contains the pattern, or matches it if it has a wildcard.

    Case does not count. Raises PermanentError, with the closest names, where nothing matches.
    """
    pattern = expand_type(pattern)
    wild = fnmatch.translate(pattern) if re.search(r"[*?\[]", pattern) else f".*{re.escape(pattern)}.*"
    matches = re.compile(wild, re.IGNORECASE | re.DOTALL).fullmatch
    selected = [each for each in types if any(map(matches, (each.type, each.class_name, each.family)))]
    if not selected:
        names = [name for each in types for name in (each.type, each.class_name, each.type.partition("event.")[2])]
        near = did_you_mean(closest_matches(pattern, names)[:3]) or "; without a pattern, all are listed"
        raise PermanentError(f"no event type matches {pattern}{near}")
    return selected


def resolve_name(catalog: EventCatalog, name: str) -> tuple[str, str]:
    """Return the class and the type with this name. Raises PermanentError, with the closest, for an unknown name."""
    name = expand_type(name)
    if name in catalog.classes:
        return catalog.classes[name], name
    if name == GAP_TYPE or name in all_classes():
        return name, name if name in {GAP_TYPE, *NAMED_BY_ID} else catalog.type_of(name)
    if catalog.id_of(name) is not None:
        return "EventEx", name
    near = closest_matches(name, [*catalog.classes, *all_classes()])
    raise PermanentError(f"no event type is called {name}{did_you_mean(near)}")
