"""What is known of vCenter's event classes: type, family, lineage and object, all derived from pyVmomi's metadata.

A class that pyVmomi does not know, from a newer vCenter, gets an entry as well: nothing here fails for an event. The
whole table is built only when ``all_classes`` is called.

The CloudEvents type of a class follows from its name and its family, the ancestor right below ``Event``:
``ResourcePoolCreatedEvent`` is ``com.vmware.event.resourcepool.created``.
"""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.events.formats import EVENT_ID_PREFIX, TYPE_PREFIX
from vcenter_source.events.metadata import event_lineages
from vcenter_source.events.subjects import BASE_PATHS, Path, event_ex_subject, reference_at, subject_paths

NAMED_BY_ID = frozenset({"EventEx", "ExtendedEvent"})
"""The classes whose eventTypeId, not the class, says what happened."""

_SUFFIXED_FAMILIES = ("SessionEvent", "UpgradeEvent")  # BadUsernameSessionEvent, not SessionBadUsernameEvent
# Classes that vCenter sends although others derive from them; no metadata says so.
_SENT_PARENTS = {
    "ClusterOvercommittedEvent", "ClusterStatusChangedEvent", "CustomizationFailed", "DvsHealthStatusChangeEvent",
    "EnteredStandbyModeEvent", "EnteringStandbyModeEvent", "ExitStandbyModeFailedEvent", "ExitedStandbyModeEvent",
    "ExitingStandbyModeEvent", "TaskEvent", "VmDasBeingResetEvent", "VmMigratedEvent", "VmPoweredOffEvent",
    "VmPoweredOnEvent", "VmStartingEvent",
}  # fmt: skip
_CAMEL_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+")
_WORD_START = re.compile(r"(?<=[^A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][^A-Z])")


@dataclass(frozen=True, slots=True)
class EventClass:
    """One event class.

    ``lineage`` leads from the class itself to ``Event``. ``family`` is the ancestor right below ``Event``, the class
    itself where there is none. ``topic`` is OpenFaaS's name (``drs.vm.powered.on``). ``subjects`` are the paths in the
    event's data where the object it is about may stand, the best first. ``known`` is False for a class that pyVmomi
    does not have, ``abstract`` True for one that no event has, only those derived from it.
    """

    name: str
    type: str
    family: str
    lineage: tuple[str, ...]
    topic: str
    subjects: tuple[Path, ...]
    known: bool = True
    abstract: bool = False


@functools.cache
def event_class(name: str) -> EventClass:
    """Return the class of that name; a made-up entry for a class that pyVmomi does not know."""
    lineage = event_lineages().get(name)
    if lineage is None:
        unknown = f"{TYPE_PREFIX}unknown.{_stem(name).lower()}"
        return EventClass(name, unknown, name, (name, "Event"), _topic(name), BASE_PATHS, known=False)
    family = lineage[-2] if len(lineage) > 1 else name
    paths, abstract = subject_paths(lineage, family), name in _parents() - _SENT_PARENTS
    return EventClass(name, _class_type(name, family), family, lineage, _topic(name), paths, abstract=abstract)


@functools.cache
def all_classes() -> Mapping[str, EventClass]:
    """Map the name of every class that pyVmomi knows to its entry, abstract ones and ``Event`` itself included."""
    return {name: event_class(name) for name in event_lineages()}


@functools.cache
def names_by_type() -> Mapping[str, str]:
    """Map each CloudEvents type that stands for a class to the class's name."""
    return {each.type: name for name, each in all_classes().items() if name not in NAMED_BY_ID}


def cloudevent_type(class_name: str, name: str | None = None) -> str:
    """Return an event's CloudEvents type. For an EventEx or ExtendedEvent it ends with ``name``, its eventTypeId."""
    if class_name in NAMED_BY_ID and name and name != class_name:
        return f"{EVENT_ID_PREFIX}{name}"
    return event_class(class_name).type


def find_subject(class_name: str, data: Mapping[str, Any]) -> ManagedObjectReference | None:
    """Return the object that an event with this data (VI/JSON) is about; None where there is none, as for a login."""
    if class_name == "EventEx" and (event_ex := event_ex_subject(data)):
        return event_ex
    for path in event_class(class_name).subjects:
        reference = reference_at(data, path)
        if reference:
            return reference
    return None


@functools.cache
def _parents() -> frozenset[str]:
    """Return the classes that others derive from."""
    return frozenset(parent for lineage in event_lineages().values() for parent in lineage[1:])


@functools.cache
def _family_stems() -> tuple[str, ...]:
    """Return the stems of the families that have members, the longest first."""
    families = {lineage[-2] for lineage in event_lineages().values() if len(lineage) > 2}  # noqa: PLR2004  self, family, Event
    return tuple(sorted(map(_stem, families), key=len, reverse=True))


def _stem(name: str) -> str:
    return name.removesuffix("Event") or name


def _class_type(name: str, family: str) -> str:
    stem, entity = _stem(name), _stem(family)
    if entity not in _family_stems():
        prefixes = [each for each in _family_stems() if stem.startswith(each)]
        entity = prefixes[0] if prefixes else _CAMEL_WORD.findall(stem)[0]
    suffixed = family in _SUFFIXED_FAMILIES and stem.endswith(entity)
    action = stem.removesuffix(entity) if suffixed else stem.removeprefix(entity)
    return f"{TYPE_PREFIX}{entity.lower()}.{action.lower() or 'event'}"


def _topic(name: str) -> str:
    return _WORD_START.sub(".", _stem(name)).lower()
