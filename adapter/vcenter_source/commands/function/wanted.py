"""The types of event that a new function is to get: what ``@on`` is given for each, and a sample to test it with."""

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

from vcenter_functions import catalog
from vcenter_functions.errors import HandlerError
from vcenter_functions.event_types import check_type, is_pattern
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.short_types import expand_type

_SAMPLE_ID = "com.example.sample"
"""Stands for what a pattern of event type ids leaves open."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One type that ``--on`` names.

    ``argument`` is how ``@on`` is given it, ``class_name`` the class of its events, empty where it is none of one
    class, and ``example`` the name of one type or class.
    """

    argument: str
    class_name: str
    example: str

    @property
    def sample(self) -> str:
        """The expression that makes an event of it."""
        if self.example not in catalog.ADAPTER_TYPES:
            return f'sample("{self.example}")'
        attributes = {"type": self.example, "eventname": catalog.ADAPTER_TYPES[self.example], "eventancestors": None}
        return f'sample("Event", {attributes})'.replace("'", '"')

    @property
    def is_class(self) -> bool:
        """Whether ``@on`` is given the class itself."""
        return self.argument == self.class_name


def read_wanted(name: str) -> Wanted:
    """Return what a name of ``--on`` stands for. Raises ConfigurationError, with the nearest, for an unknown one."""
    name = expand_type(name)
    try:
        check_type(name)
    except HandlerError as exc:
        raise ConfigurationError(f"--on: {exc}") from exc
    if name in catalog.list_classes():
        return Wanted(name, name, _find_concrete(name))
    own = {own_name: type_ for type_, own_name in catalog.ADAPTER_TYPES.items()}.get(name, name)
    if own in catalog.ADAPTER_TYPES:
        return Wanted(own, "", own)
    if is_pattern(name):
        return _read_pattern(name)
    bare = name.removeprefix(catalog.VEBA_PREFIX).removesuffix(".v0") if name.startswith(catalog.VEBA_PREFIX) else name
    class_name = catalog.names_by_type().get(bare, bare)
    if entry := catalog.find_class(class_name):
        return Wanted(
            entry.type, class_name, _find_concrete(class_name)
        )  # in each format, it is called so in a handler
    id_type = _complete_id(bare)
    return Wanted(id_type, "", id_type)


def find_common_class(wanted: Sequence[Wanted]) -> str:
    """Return the nearest class that all of them derive from; empty where that is no more than Event."""
    lineages = [entry.lineage for each in wanted if (entry := catalog.find_class(each.class_name))]
    if len(lineages) < len(wanted):
        return ""
    common = next(name for name in lineages[0] if all(name in lineage for lineage in lineages))
    return "" if common == "Event" else common


def find_named_property(class_name: str) -> str:
    """Return the property that holds the object of a class's events, and has its name; empty where there is none."""
    entry, properties = catalog.find_class(class_name), catalog.find_properties(class_name) or {}
    for path in entry.subjects if entry else ():
        declared = properties.get(path[0])
        if declared and not declared.repeated and "name" in (catalog.find_properties(declared.type_name) or {}):
            return path[0]
    return ""


def _read_pattern(pattern: str) -> Wanted:
    for name, entry in sorted(catalog.list_classes().items()):
        if not entry.abstract and fnmatch.filter((entry.type, name), pattern):
            return Wanted(pattern, "", name)
    whole = _complete_id(pattern)
    return Wanted(whole, "", whole.replace("*", _SAMPLE_ID).replace("?", "x"))


def _complete_id(name: str) -> str:
    """Return the type of an event type id; a type stays as it is."""
    return name if name.startswith((catalog.TYPE_PREFIX, catalog.VEBA_PREFIX)) else f"{catalog.ID_PREFIX}{name}"


def _find_concrete(name: str) -> str:
    """Return the class itself, or the first one derived from it that vCenter sends."""
    derived = (each for each in catalog.list_classes().values() if name in each.lineage and not each.abstract)
    return name if not catalog.list_classes()[name].abstract else min(each.name for each in derived)
