"""Where in its data an event names the object that it is about. Pure, but for the metadata of classes.

A path is ``(argument, reference)``: ``("vm", "vm")`` is ``vm.vm``, the reference in the event's VmEventArgument.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.events.metadata import vsphere_type

Path: TypeAlias = tuple[str, ...]

# Event's own arguments, the most specific first: what an event is about when its class does not say.
BASE_PATHS: tuple[Path, ...] = (
    ("vm", "vm"),
    ("host", "host"),
    ("ds", "datastore"),
    ("net", "network"),
    ("dvs", "dvs"),
    ("computeResource", "computeResource"),
    ("datacenter", "datacenter"),
)
# The families whose object stands in an argument of Event with another name than the family's.
_FAMILY_ARGUMENT = {"ClusterEvent": "computeResource", "DVPortgroupEvent": "net", "DatastoreEvent": "ds"}
# Classes that follow none of the rules.
_EXCEPTIONS: dict[str, tuple[Path, ...]] = {
    "TaskEvent": (("info", "entity"),),
    "ExtendedEvent": (("managedObject",),),
}


def subject_paths(lineage: tuple[str, ...], family: str) -> tuple[Path, ...]:
    """List the paths where the events of a class may name their object, the best first.

    First ``entity`` if the class has one, then what its family declares, then Event's argument of the family's name.
    """
    exception = next((_EXCEPTIONS[name] for name in lineage if name in _EXCEPTIONS), None)
    if exception:
        return exception
    stem = family.removesuffix("Event") or family
    argument = _FAMILY_ARGUMENT.get(family, stem[:1].lower() + stem[1:])
    in_base = tuple(path for path in BASE_PATHS if path[0] == argument)
    in_family = _argument_paths(family, _properties_of_family(family)) + in_base
    return tuple(dict.fromkeys(_argument_paths(lineage[0], {"entity"}) + (in_family or BASE_PATHS)))


def reference_at(data: Any, path: Path) -> ManagedObjectReference | None:
    """Return the reference at a path of an event's data; None where there is none."""
    for step in path:
        data = data.get(step) if isinstance(data, dict) else None
    if not isinstance(data, dict) or not data.get("type") or not data.get("value"):
        return None
    return ManagedObjectReference(str(data["type"]), str(data["value"]))


def find_object_name(data: Mapping[str, Any], subject: ManagedObjectReference) -> str | None:
    """Return the name that an event's data has for its object; None where it has none."""
    if event_ex_subject(data) == subject and data.get("objectName"):
        return str(data["objectName"])
    for argument in filter(_is_object, data.values()):
        name = argument.get("name") or argument.get("entityName")
        if name and any(_is_object(value) and value.get("value") == subject.value for value in argument.values()):
            return str(name)
    return None


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def event_ex_subject(data: Mapping[str, Any]) -> ManagedObjectReference | None:
    """Return the object of an EventEx, which has properties of its own for it; None where they are not set."""
    if not data.get("objectType") or not data.get("objectId"):
        return None
    return ManagedObjectReference(str(data["objectType"]).rpartition(".")[2], str(data["objectId"]))


def _argument_paths(class_name: str, names: Iterable[str]) -> tuple[Path, ...]:
    """List the paths that lead through these properties of the class to a reference in an event argument."""
    declared = vsphere_type(class_name)
    properties = declared.properties if declared else {}
    arguments = [each for name, each in properties.items() if name in names and not name.startswith("old")]
    return tuple((each.name, inner) for each in arguments for inner in _reference_properties(each.type_name))


def _reference_properties(type_name: str) -> list[str]:
    declared = vsphere_type(type_name) if type_name.endswith("EventArgument") else None
    return [each.name for each in declared.properties.values() if each.kind == "reference"] if declared else []


def _properties_of_family(family: str) -> set[str]:
    declared, base = vsphere_type(family), vsphere_type("Event")
    return set(declared.properties) - set(base.properties) if declared and base else set()
