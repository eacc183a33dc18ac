"""What is known of vCenter's event classes and types, all of it read from pyVmomi's metadata.

Names are those on the wire (WSDL). Each class is looked up once and remembered; nothing is loaded when this module is
imported, and the whole table only when ``all_classes`` is asked for. A class that pyVmomi does not know, from a newer
vCenter, gets an entry as well: nothing here fails for an event.

The CloudEvents type of a class follows from its name and its family, the ancestor right below ``Event``:
``ResourcePoolCreatedEvent`` is ``com.vmware.event.resourcepool.created``.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pyVmomi import VmomiSupport

from vcenter_source.core.event import ManagedObjectReference

Kind = Literal["string", "dateTime", "binary", "boolean", "integer", "number", "reference", "fault", "any", "object"]
Severity = Literal["INFO", "WARN", "ERROR"]

TYPE_PREFIX = "com.vmware.event."
"""What every CloudEvents type of this source starts with."""

_pyvmomi: Any = VmomiSupport  # it has no types of its own
NAMED_BY_ID = frozenset({"EventEx", "ExtendedEvent"})  # their eventTypeId says what happened
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
class Property:
    """One property of a vSphere type. ``type_name`` is the type of the value, of one element where ``repeated``."""

    name: str
    kind: Kind
    type_name: str
    repeated: bool
    optional: bool


@dataclass(frozen=True, slots=True)
class Schema:
    """A vSphere type: its name on the wire, its kind, and for an object or a fault its properties, the base's first.

    ``values`` are those of an enumeration, which is a string to us; a newer vCenter may know more of them.
    """

    name: str
    kind: Kind
    properties: Mapping[str, Property]
    values: tuple[str, ...] = ()


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
    subjects: tuple[tuple[str, ...], ...]
    known: bool = True
    abstract: bool = False


# --- types -----------------------------------------------------------------------------------------------------------


@functools.cache
def schema(type_name: str) -> Schema | None:
    """The type of that name on the wire (``VmEventArgument``, ``string``); None if it is unknown or an array."""
    vmodl = _vmodl_type(type_name)
    if vmodl is None or issubclass(vmodl, list):
        return None
    kind = _kind(vmodl)
    listed = vmodl._GetPropertyList() if kind in {"object", "fault"} else ()  # noqa: SLF001  it is public
    properties = (_property(info) for info in listed if info.name != "msg")  # pyVmomi's own, never on the wire
    values = tuple(vmodl.values) if issubclass(vmodl, _pyvmomi.Enum) else ()
    return Schema(_wsdl_name(vmodl), kind, {each.name: each for each in properties}, values)


def _vmodl_type(type_name: str) -> Any:
    for namespace in (_pyvmomi.XMLNS_VMODL_BASE, _pyvmomi.XMLNS_XSD):
        try:
            return _pyvmomi.GetWsdlType(namespace, type_name)
        except KeyError:
            continue
    try:
        return _pyvmomi.GuessWsdlType(type_name)  # vSAN, storage policies and the like have namespaces of their own
    except KeyError:
        return None


def _property(info: Any) -> Property:
    repeated = issubclass(info.type, list)
    vmodl = info.type.Item if repeated else info.type
    return Property(info.name, _kind(vmodl), _wsdl_name(vmodl), repeated, bool(info.flags & _pyvmomi.F_OPTIONAL))


def _wsdl_name(vmodl: Any) -> str:
    return str(_pyvmomi.GetWsdlName(vmodl))


def _kind(vmodl: Any) -> Kind:  # noqa: PLR0911  one line a kind
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


@functools.cache
def object_types(base: str) -> tuple[str, ...]:
    """The managed object types that are of this one: Network, DistributedVirtualPortgroup, … for ``Network``."""
    vmodl = _vmodl_type(base)
    if vmodl is None:
        return ()
    managed = (_pyvmomi.GetVmodlType(name) for name in _pyvmomi.ListManagedTypes())
    return (base, *(_wsdl_name(each) for each in managed if issubclass(each, vmodl) and each is not vmodl))


# --- event classes ---------------------------------------------------------------------------------------------------


@functools.cache
def event_class(name: str) -> EventClass:
    """The class of that name; a made-up entry for a class that pyVmomi does not know."""
    vmodl = _event_types().get(name)
    if vmodl is None:
        unknown = f"{TYPE_PREFIX}unknown.{_stem(name).lower()}"
        return EventClass(name, unknown, name, (name, "Event"), _topic(name), _BASE_ARGUMENTS, known=False)
    lineage = _lineage(vmodl)
    family = lineage[-2] if len(lineage) > 1 else name
    subjects, abstract = _subjects(lineage, family), name in _parents() - _SENT_PARENTS
    return EventClass(name, _class_type(name, family), family, lineage, _topic(name), subjects, abstract=abstract)


@functools.cache
def all_classes() -> Mapping[str, EventClass]:
    """Every class that pyVmomi knows, by name, abstract ones and ``Event`` itself included."""
    return {name: event_class(name) for name in _event_types()}


def cloudevent_type(class_name: str, name: str | None = None) -> str:
    """The CloudEvents type of an event; of an EventEx or ExtendedEvent the name, its eventTypeId, is in it verbatim."""
    if class_name in NAMED_BY_ID and name and name != class_name:
        return f"{TYPE_PREFIX}ex.{name}"
    return event_class(class_name).type


@functools.cache
def _event_types() -> dict[str, Any]:
    base = _pyvmomi.GetVmodlType("vim.event.Event")
    types = (_pyvmomi.GetVmodlType(each) for each in _pyvmomi.ListDataTypes() if each.startswith("vim.event."))
    return {_wsdl_name(each): each for each in types if issubclass(each, base)}


@functools.cache
def names_by_type() -> Mapping[str, str]:
    """CloudEvents type -> class name, of every class that a type stands for."""
    return {each.type: name for name, each in all_classes().items() if name not in NAMED_BY_ID}


@functools.cache
def _parents() -> frozenset[str]:
    """The classes that others derive from."""
    return frozenset(parent for vmodl in _event_types().values() for parent in _lineage(vmodl)[1:])


def _lineage(vmodl: Any) -> tuple[str, ...]:
    names = [_wsdl_name(each) for each in vmodl.__mro__ if issubclass(each, _pyvmomi.DataObject)]
    return tuple(names[: names.index("Event") + 1])


@functools.cache
def _family_stems() -> tuple[str, ...]:
    """The stems of the families that have members, the longest first."""
    families = {lineage[-2] for lineage in map(_lineage, _event_types().values()) if len(lineage) > 2}  # noqa: PLR2004  self, family, Event
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


# --- the object that an event is about --------------------------------------------------------------------------------

# Event's own arguments, the most specific first: what an event is about when its class does not say.
_BASE_ARGUMENTS: tuple[tuple[str, ...], ...] = (
    ("vm", "vm"),
    ("host", "host"),
    ("ds", "datastore"),
    ("net", "network"),
    ("dvs", "dvs"),
    ("computeResource", "computeResource"),
    ("datacenter", "datacenter"),
)
# Families whose object stands in one of Event's own arguments; only these two are not called like it.
_FAMILY_ARGUMENT = {"ClusterEvent": "computeResource", "DVPortgroupEvent": "net", "DatastoreEvent": "ds"}
# Classes that name their object in a way of their own.
_OWN_WAY: dict[str, tuple[tuple[str, ...], ...]] = {
    "TaskEvent": (("info", "entity"),),
    "ExtendedEvent": (("managedObject",),),
}


def subject(class_name: str, data: Mapping[str, Any]) -> ManagedObjectReference | None:
    """The object that an event with this data (VI/JSON) is about; None where there is none, as for a login."""
    if class_name == "EventEx" and data.get("objectType") and data.get("objectId"):
        return ManagedObjectReference(str(data["objectType"]).rpartition(".")[2], str(data["objectId"]))
    for path in event_class(class_name).subjects:
        found = _reference(data, path)
        if found:
            return found
    return None


def _reference(data: Any, path: tuple[str, ...]) -> ManagedObjectReference | None:
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not data.get("type") or not data.get("value"):
        return None
    return ManagedObjectReference(str(data["type"]), str(data["value"]))


def _subjects(lineage: tuple[str, ...], family: str) -> tuple[tuple[str, ...], ...]:
    """``entity`` if the class has one, then what its family declares, then Event's argument of the family's name."""
    own = next((_OWN_WAY[each] for each in lineage if each in _OWN_WAY), None)
    if own:
        return own
    argument = _FAMILY_ARGUMENT.get(family, _stem(family)[:1].lower() + _stem(family)[1:])
    of_family = _arguments(family, _declared(family)) + tuple(each for each in _BASE_ARGUMENTS if each[0] == argument)
    return tuple(dict.fromkeys(_arguments(lineage[0], {"entity"}) + (of_family or _BASE_ARGUMENTS)))


def _arguments(class_name: str, names: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """The paths, through those properties of the class, to a managed object inside an event argument."""
    known = schema(class_name)
    properties = known.properties if known else {}
    listed = [each for name, each in properties.items() if name in names and not name.startswith("old")]
    return tuple((each.name, inner) for each in listed for inner in _managed_objects(each.type_name))


def _managed_objects(type_name: str) -> list[str]:
    known = schema(type_name) if type_name.endswith("EventArgument") else None
    return [each.name for each in known.properties.values() if each.kind == "reference"] if known else []


def _declared(family: str) -> set[str]:
    known, base = schema(family), schema("Event")
    return set(known.properties) - set(base.properties) if known and base else set()


# --- severity ---------------------------------------------------------------------------------------------------------

_SEVERITIES: dict[str, Severity] = {"info": "INFO", "user": "INFO", "warning": "WARN", "error": "ERROR"}
_SOUNDS_LIKE_ERROR = re.compile(r"Error|Fail|error|fail")
_SOUNDS_LIKE_WARNING = re.compile(r"Warning|warning")


def severity(class_name: str, data: Mapping[str, Any], categories: Mapping[str, str] | None = None) -> Severity:
    """How bad it is.

    An EventEx says so itself. For the rest vCenter has a category for each class and eventTypeId, which
    ``categories`` maps (EventManager.description.eventInfo: info, warning, error, user). Without either the name
    decides: one with "Error" or "Fail" is an ERROR, one with "Warning" a WARN, everything else INFO.
    """
    name = str(data.get("eventTypeId") or class_name)
    told = data.get("severity") if class_name == "EventEx" else None
    for category in (told, (categories or {}).get(name)):
        if str(category).lower() in _SEVERITIES:
            return _SEVERITIES[str(category).lower()]
    if _SOUNDS_LIKE_ERROR.search(name):
        return "ERROR"
    return "WARN" if _SOUNDS_LIKE_WARNING.search(name) else "INFO"
