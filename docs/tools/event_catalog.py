"""``python -m docs.tools.event_catalog``: write what functions know of vCenter's events, from pyVmomi.

Functions run without pyVmomi, so the catalogue is a file beside their code: ``vcenter_functions/catalog.json``. A test
holds it to what this writes.

A property is written in a few letters: ``string``, ``VmEventArgument`` (an object), ``&VirtualMachine`` (a reference),
``string=poweredOff`` (an enumeration, with its first value); ``?`` after it means optional, ``*`` a list.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.metadata import Property, VsphereType, vsphere_type
from vcenter_source.events.severity import derive_severity

ROOT = Path(__file__).parents[2]
FILE = ROOT / "functions/vcenter_functions/catalog.json"
_UNSENT = frozenset({"dynamicType", "dynamicProperty"})
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


if __name__ == "__main__":
    FILE.write_bytes(render())
