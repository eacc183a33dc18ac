"""``python -m docs.tools.event_catalog``: write what functions know of vCenter's events, from pyVmomi.

Functions run without pyVmomi, so the catalogue is a file beside their code: ``vcenter_functions/catalog.json``. Type
checkers read the same in ``vcenter_functions/events.pyi``. A test holds both to what this writes.

A property is written in a few letters: ``string``, ``VmEventArgument`` (an object), ``&VirtualMachine`` (a reference),
``string=poweredOff`` (an enumeration, with its first value); ``?`` after it means optional, ``*`` a list.
"""

import keyword
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import orjson

from vcenter_functions.event import Event
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.metadata import Property, VsphereType, vsphere_type
from vcenter_source.events.severity import derive_severity

ROOT = Path(__file__).parents[2]
FILE = ROOT / "functions/vcenter_functions/catalog.json"
STUB = FILE.with_name("events.pyi")
_UNSENT = frozenset({"dynamicType", "dynamicProperty"})
_OWN = {each.name for each in fields(Event)} | {"class_name", "from_cloudevent"}
"""What an event has of its own, whatever its class."""
_MAPPING = {name for name in dir(Mapping) if not name.startswith("_")}
"""What an object in the data has of its own: it is a mapping as well."""
_FAMILY_TOPICS = {"EventEx": "ex"}
"""The vcenter-connector removes both "Event" from this name."""


def render() -> bytes:
    """Return the catalogue as JSON, a line for each class and type."""
    parts = (("classes", _describe_classes()), ("types", _describe_types()))
    return b"{\n" + b",\n".join(_render_part(name, dict(part)) for name, part in parts) + b"\n}\n"


def _render_part(name: str, part: dict[str, Any]) -> bytes:
    lines = (orjson.dumps(key) + b":" + orjson.dumps(value) for key, value in sorted(part.items()))
    return orjson.dumps(name) + b":{\n" + b",\n".join(lines) + b"\n}"


def _describe_classes() -> Iterator[tuple[str, dict[str, Any]]]:
    for name in all_classes():
        entry = event_class(name)
        described: dict[str, Any] = {
            "base": entry.lineage[1] if len(entry.lineage) > 1 else "",
            "type": entry.type,
            "topic": _FAMILY_TOPICS.get(name, entry.topic),
            "severity": derive_severity(name, {}),
            "subjects": entry.subjects,
            "properties": _own_properties(name, entry.lineage[1] if len(entry.lineage) > 1 else ""),
        }
        yield name, described | ({"abstract": True} if entry.abstract else {})


def _describe_types() -> Iterator[tuple[str, dict[str, Any]]]:
    """Describe the objects that events hold, and those that these hold; a type that refers to itself once."""
    seen: set[str] = set()
    waiting = list(all_classes())
    while waiting:
        for declared in _properties(waiting.pop()).values():
            if declared.kind == "object" and declared.type_name not in seen:
                seen.add(declared.type_name)
                waiting.append(declared.type_name)
                yield declared.type_name, {"properties": _own_properties(declared.type_name, "")}


def _own_properties(name: str, base: str) -> dict[str, str]:
    inherited = _properties(base) if base else {}
    return {each.name: _abbreviate(each) for each in _properties(name).values() if each.name not in inherited}


def _properties(name: str) -> dict[str, Property]:
    vsphere = vsphere_type(name)
    return {n: each for n, each in vsphere.properties.items() if n not in _UNSENT} if vsphere else {}


def _abbreviate(declared: Property) -> str:
    vsphere = vsphere_type(declared.type_name)
    mark = "*" if declared.repeated else "?" if declared.optional else ""
    return _abbreviate_value(declared, vsphere) + mark


def _abbreviate_value(declared: Property, vsphere: VsphereType | None) -> str:
    if declared.kind == "reference":
        return f"&{declared.type_name}"
    if declared.kind == "object":
        return declared.type_name
    return f"string={vsphere.values[0]}" if vsphere and vsphere.values else declared.kind


def render_stub() -> str:
    """Return what type checkers read: a class for each class of events, and for each type that these hold."""
    events = sorted(all_classes(), key=lambda name: (len(event_class(name).lineage), name))
    types = sorted(dict(_describe_types()))
    head = _STUB_HEAD + "".join(f"class {name}(DataObject):\n{_render_members(name, '')}" for name in types)
    return head + "".join(_render_event(name) for name in events)


def _render_event(name: str) -> str:
    base = event_class(name).lineage[1] if name != "Event" else ""
    return f"class {name}({base or '_Event'}):\n{_render_members(name, base)}"


def _render_members(name: str, base: str) -> str:
    inherited = _properties(base) if base else {}
    own = [each for each in _properties(name).values() if each.name not in inherited]
    return "".join(_render_member(each, is_event=name in all_classes()) for each in own) or "    ...\n"


def _render_member(declared: Property, *, is_event: bool) -> str:
    """Return the line of one property. What an event has of its own by this name, or Python, has an underscore."""
    taken = keyword.iskeyword(declared.name) or (is_event and declared.name in _OWN) or declared.name in _MAPPING
    name = f"{declared.name}_" if taken else declared.name
    return f"    {name}: {_stub_type(declared)}\n"


def _stub_type(declared: Property) -> str:
    type_ = declared.type_name if declared.kind == "object" else _STUB_TYPES.get(declared.kind, "str")
    if declared.repeated:
        return f"list[{type_}]"
    is_empty_object = declared.type_name.endswith("EventArgument")
    return f"{type_} | None" if declared.optional and not is_empty_object and type_ != "Any" else type_


_STUB_TYPES = {
    "dateTime": "datetime",
    "boolean": "bool",
    "integer": "int",
    "number": "float",
    "any": "Any",
    "reference": "ManagedObjectReference",
    "fault": "Fault",
}
_STUB_HEAD = '''\
"""Written by docs/tools/event_catalog.py."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from vcenter_functions.event import Event as _Event
from vcenter_functions.reference import ManagedObjectReference

class DataObject(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...

class Fault(DataObject):
    faultstring: str | None

'''


if __name__ == "__main__":
    FILE.write_bytes(render())
    STUB.write_text(render_stub(), encoding="utf-8")
