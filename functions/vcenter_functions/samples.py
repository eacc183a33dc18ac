"""Sample events, to test handlers with: of any class, as vcenter-source sends them.

``sample("VmPoweredOnEvent", **{"vm.name": "web-1"})`` is one. Pure, but for the catalogue, a counter and the clock.
"""

import itertools
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vcenter_functions import catalog
from vcenter_functions.catalog import EventClass, Property
from vcenter_functions.errors import HandlerError
from vcenter_functions.event import Event
from vcenter_functions.event_types import check_type, expand_type, is_pattern
from vcenter_functions.sample_objects import SAMPLE_ID, SAMPLE_OBJECTS, SENT_TYPES, USER
from vcenter_functions.spelling import closest_matches, did_you_mean

SOURCE = "https://vcenter.example.com/sdk"
ARGUMENTS = ("datacenter", "computeResource", "host", "vm")
"""What most events have of Event's arguments."""

_NAMES_FROM = {
    "VmEventArgument": "VirtualMachine",
    "HostEventArgument": "HostSystem",
    "ComputeResourceEventArgument": "ClusterComputeResource",
    "ManagedEntityEventArgument": "VirtualMachine",
    "NetworkEventArgument": "Network",
    "DvsEventArgument": "VmwareDistributedVirtualSwitch",
}
_STRINGS = {"userName": USER, "ipAddress": "192.0.2.1", "eventTypeId": SAMPLE_ID}
_PLAIN = {"boolean": False, "integer": 1, "number": 1.0, "binary": "", "any": {"_typeName": "string", "_value": "any"}}
_keys = itertools.count(int(time.time()) % 2**30)


class SampleError(HandlerError):
    """There is no such event, or it has no such property. The message names the nearest."""


def sample(
    type_or_class: str | type[Event], attributes: Mapping[str, Any] | None = None, /, **properties: Any
) -> dict[str, Any]:
    """Return an event as a CloudEvent in JSON: of a type, a class's name or a class.

    Each one has an id of its own and the present as its time. ``properties`` are set in its data, by their path
    (``vm.name``); ``attributes`` are CloudEvents attributes to set instead of the usual ones. Raises SampleError.
    """
    entry, type_id = _find_class(type_or_class if isinstance(type_or_class, str) else type_or_class.__name__)
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    data = _build_data(entry, type_id, now)
    for path, value in properties.items():
        _set(data, entry.name, path.split("."), value, path)
    name = str(data.get("eventTypeId") or entry.name)
    event_attributes = {
        "specversion": "1.0",
        "id": str(data["key"]),
        "source": SOURCE,
        "type": f"{catalog.ID_PREFIX}{name}" if "eventTypeId" in data else entry.type,
        "subject": _find_subject(entry, data),
        "time": data["createdTime"],
        "datacontenttype": "application/json",
        "eventclass": entry.name.lower() if "eventTypeId" in data else "event",
        "eventname": name,
        "eventancestors": ",".join(entry.lineage),
        "severitytext": entry.severity,
        "vsphereapiversion": "8.0.3.0",
    }
    key = event_attributes["subject"] or entry.lineage[-2 if len(entry.lineage) > 1 else -1]
    given = event_attributes | {"partitionkey": key} | dict(attributes or {})
    return {name: value for name, value in given.items() if value is not None} | {"data": data}


def _find_class(name: str) -> tuple[EventClass, str]:
    """Return the class and the event type id of what was named."""
    name = expand_type(name)
    if name.startswith(catalog.ID_PREFIX) and not is_pattern(name):
        return catalog.list_classes()["EventEx"], name.removeprefix(catalog.ID_PREFIX)
    veba = name.removeprefix(catalog.VEBA_PREFIX).removesuffix(".v0")
    entry = catalog.find_class(catalog.names_by_type().get(name, veba))
    if entry is not None:
        return entry, _STRINGS["eventTypeId"] if entry.name in catalog.NAMED_BY_ID.values() else ""
    try:
        check_type(name)
    except HandlerError as exc:
        raise SampleError(str(exc)) from exc
    raise SampleError(f"{name!r} is not one type of event; name a CloudEvents type or a class")


def _build_data(entry: EventClass, type_id: str, now: str) -> dict[str, Any]:
    properties = catalog.find_properties(entry.name) or {}
    wanted = {*ARGUMENTS, *(path[0] for path in entry.subjects[:1])}
    if "VmEvent" not in entry.lineage and entry.subjects[:1] != (("vm", "vm"),):
        wanted.discard("vm")
    data: dict[str, Any] = {"_typeName": entry.name}
    for each in properties.values():
        if not (each.optional or each.repeated) or each.name in wanted:
            data[each.name] = _build_value(each, entry.name, now)
    data |= {"key": next(_keys), "chainId": data["key"], "createdTime": now, "userName": _STRINGS["userName"]}
    if type_id:
        data |= {"eventTypeId": type_id}
    data["chainId"] = data["key"]
    about = next((_walk(data, (path[0], "name")) for path in entry.subjects[:1]), None)
    data["fullFormattedMessage"] = f"Sample of {type_id or entry.name}" + (f" about {about}" if about else "")
    return data


def _build_value(declared: Property, owner: str, now: str, depth: int = 0) -> Any:
    if declared.kind == "reference":
        kind = SENT_TYPES.get(declared.type_name, declared.type_name)
        moid = SAMPLE_OBJECTS.get(kind, (f"{kind.lower()}-1", ""))[0]
        return {"_typeName": "ManagedObjectReference", "type": kind, "value": moid}
    if declared.kind == "object":
        return _build_object(declared.type_name, now, depth + 1)
    if declared.kind == "fault":
        return {"_typeName": "MethodFault", "faultstring": "A sample of a fault."}
    if declared.kind == "dateTime":
        return now
    if declared.kind == "string":
        return declared.value or _STRINGS.get(declared.name) or _name_object(declared.name, owner)
    return _PLAIN[declared.kind]


def _build_object(type_name: str, now: str, depth: int) -> dict[str, Any]:
    built: dict[str, Any] = {"_typeName": type_name}
    for each in (catalog.find_properties(type_name) or {}).values():
        if not (each.optional or each.repeated):
            built[each.name] = _build_value(each, type_name, now, depth)
    return built


def _name_object(name: str, owner: str) -> str:
    """Return a text for a property: the object's name in an event's argument, else what the property is called."""
    kind = _NAMES_FROM.get(owner, owner.removesuffix("EventArgument"))
    return SAMPLE_OBJECTS[kind][1] if name == "name" and kind in SAMPLE_OBJECTS else name


def _set(data: dict[str, Any], type_name: str, path: list[str], value: Any, whole: str) -> None:
    """Set a property; objects on the way to it are made. Text becomes a number or a boolean where that is declared."""
    name = path[0]
    properties = catalog.find_properties(type_name) or {}
    if type_name == "ManagedObjectReference":
        properties = {each: Property(each, "string") for each in ("type", "value", "serverGuid")}
    declared = properties.get(name)
    if declared is None:
        near = did_you_mean(closest_matches(name, properties))
        raise SampleError(f"{whole}: {type_name} has no property {name!r}{near}")
    if len(path) == 1:
        data[name] = _convert(value, declared.kind, whole)
        return
    inner = "ManagedObjectReference" if declared.kind == "reference" else declared.type_name
    if not isinstance(data.get(name), dict):
        now = str(data.get("createdTime") or datetime.now(UTC).isoformat())
        data[name] = _build_value(declared, type_name, now)
    _set(data[name], inner, path[1:], value, whole)


def _convert(value: Any, kind: str, whole: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if kind == "boolean":
            return {"true": True, "false": False}[value.lower()]
        return int(value) if kind == "integer" else float(value) if kind == "number" else value
    except (KeyError, ValueError):
        raise SampleError(f"{whole}: {value!r} is not of type {kind}") from None


def _find_subject(entry: EventClass, data: Mapping[str, Any]) -> str | None:
    for path in entry.subjects:
        reference = _walk(data, path)
        if isinstance(reference, Mapping) and reference.get("type") and reference.get("value"):
            return f"{reference['type']}:{reference['value']}"
    return None


def _walk(data: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        data = data.get(step) if isinstance(data, Mapping) else None
    return data
