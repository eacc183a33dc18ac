"""What is known of vCenter's event classes, without pyVmomi.

``catalog.json`` has it, which docs/tools/event_catalog.py writes. It is read when something is first looked up.
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

TYPE_PREFIX = "com.vmware.event."
"""What the CloudEvents types of vCenter's events begin with."""
ID_PREFIX = f"{TYPE_PREFIX}ex."
"""What the type of an EventEx or ExtendedEvent begins with; its event type id follows."""
VEBA_PREFIX = "com.vmware.vsphere."
"""What the types of EVENT_FORMAT=veba begin with; class or event type id follow, and ``.v0``."""
ADAPTER_TYPES = {f"{TYPE_PREFIX}adapter.gap": "Gap", f"{TYPE_PREFIX}adapter.ping": "Ping"}
"""The events that vcenter-source makes itself."""
NAMED_BY_ID = {"eventex": "EventEx", "extendedevent": "ExtendedEvent"}
"""The classes whose event type id says what happened, by the attribute ``eventclass``."""


@dataclass(frozen=True, slots=True)
class Property:
    """A property of a class.

    ``kind`` is string, dateTime, binary, boolean, integer, number, any, fault, reference or object; ``type_name`` is
    the type of an object or of what is referred to, ``value`` an example where vCenter has an enumeration.
    """

    name: str
    kind: str
    type_name: str = ""
    value: str = ""
    optional: bool = False
    repeated: bool = False


@dataclass(frozen=True, slots=True)
class EventClass:
    """An event class. ``lineage`` leads from itself to ``Event``; ``topic`` is the vcenter-connector's name of it.

    ``subjects`` are the paths in its data where its object may stand, the best first.
    """

    name: str
    type: str
    topic: str
    lineage: tuple[str, ...]
    severity: str
    subjects: tuple[tuple[str, ...], ...]
    abstract: bool


def find_class(name: str) -> EventClass | None:
    """Return the class of this name; None for an unknown one."""
    return list_classes().get(name)


@functools.cache
def list_classes() -> Mapping[str, EventClass]:
    """Map the name of each event class to what is known of it."""
    return {name: _build_class(name, entry) for name, entry in _load()["classes"].items()}


@functools.cache
def names_by_type() -> Mapping[str, str]:
    """Map each CloudEvents type that stands for a class to the class's name."""
    return {each.type: name for name, each in list_classes().items() if name not in NAMED_BY_ID.values()}


@functools.cache
def names_by_topic() -> Mapping[str, str]:
    """Map each of the vcenter-connector's topics to the class's name."""
    return {each.topic: name for name, each in list_classes().items()}


@functools.cache
def find_properties(type_name: str) -> Mapping[str, Property] | None:
    """Map the names of a class's or type's properties to them, the base's first; None for an unknown type."""
    tables = _load()
    if type_name in tables["types"]:
        return _read_properties(tables["types"][type_name])
    entry = list_classes().get(type_name)
    if entry is None:
        return None
    own = (_read_properties(tables["classes"][name]) for name in reversed(entry.lineage))
    return {name: each for properties in own for name, each in properties.items()}


@functools.cache
def _load() -> dict[str, Any]:
    loaded: dict[str, Any] = orjson.loads(Path(__file__).with_name("catalog.json").read_bytes())
    return loaded


def _build_class(name: str, entry: dict[str, Any]) -> EventClass:
    lineage = [name]
    while base := _load()["classes"][lineage[-1]]["base"]:
        lineage.append(base)
    subjects = tuple(map(tuple, entry["subjects"]))
    abstract = entry.get("abstract", False)
    return EventClass(name, entry["type"], entry["topic"], tuple(lineage), entry["severity"], subjects, abstract)


def _read_properties(entry: dict[str, Any]) -> dict[str, Property]:
    return {name: _read_property(name, text) for name, text in entry["properties"].items()}


def _read_property(name: str, text: str) -> Property:
    """Read one as docs/tools/event_catalog.py abbreviates it: ``&VirtualMachine?``, ``string=poweredOff``, ``Tag*``."""
    mark = text[-1] if text[-1] in "*?" else ""
    kind, _, value = text.removesuffix(mark).partition("=")
    type_name = ""
    if kind.startswith("&"):
        kind, type_name = "reference", kind[1:]
    elif kind[0].isupper():
        kind, type_name = "object", kind
    return Property(name, kind, type_name, value, optional=mark == "?", repeated=mark == "*")
