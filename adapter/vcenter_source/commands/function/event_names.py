"""What ``@on`` calls types of event, in the words of a Trigger. Pure, but for the catalogue.

A handler's names are wider than a Trigger's: a pattern may be of classes, an event type id needs no prefix, and every
name means the same in both formats. Where a Trigger cannot be as exact, it lets more through, and the kit decides.
"""

import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from vcenter_functions.catalog import ADAPTER_TYPES, ID_PREFIX, TYPE_PREFIX, VEBA_PREFIX, names_by_type
from vcenter_functions.event_types import is_pattern
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.triggers.event_catalog import EventCatalog

_TYPE_PREFIXES = (TYPE_PREFIX, VEBA_PREFIX)
_ID_PREFIXES = ("com.vmware.", "esx.", "hbr.", "vim.", "vprob.")
"""What event type ids begin with, and no type of another source."""


@dataclass(frozen=True, slots=True)
class TriggerNames:
    """Names for a TriggerRequest: ``types`` of vCenter's events, and those that may be another source's."""

    types: tuple[str, ...]
    foreign: tuple[str, ...] = ()


def translate_names(names: Iterable[str], catalog: EventCatalog) -> TriggerNames:
    """Return the names of a handler's filter as a Trigger has them, for events of this catalog's format."""
    translated = [translate_name(name, catalog) for name in names]
    return TriggerNames(
        tuple(dict.fromkeys(type_ for each in translated for type_ in each.types)),
        tuple(dict.fromkeys(type_ for each in translated for type_ in each.foreign)),
    )


def translate_name(name: str, catalog: EventCatalog) -> TriggerNames:
    """Return what one name means."""
    if name in all_classes():
        return TriggerNames((name,))
    if is_pattern(name):
        return _translate_pattern(name, catalog)
    own = {own_name: type_ for type_, own_name in ADAPTER_TYPES.items()}
    if name in own or name in ADAPTER_TYPES:
        return TriggerNames((own.get(name, name),))
    if name in names_by_type():
        return TriggerNames((catalog.type_of(names_by_type()[name]),))
    if name.startswith(ID_PREFIX):
        return TriggerNames((catalog.type_of_id(name.removeprefix(ID_PREFIX)),))
    # The kit takes the event broker's types as they are: a handler of one gets nothing in the other format.
    return TriggerNames((name,)) if name.startswith(_TYPE_PREFIXES) else _translate_id(name, catalog)


def widen_pattern(pattern: str) -> str:
    """Return a pattern of a shell with ``*`` as its only wildcard, which lets at least as much through."""
    return re.sub(r"\*+", "*", re.sub(r"\[[^\]]+\]|\?", "*", pattern))


def _translate_pattern(pattern: str, catalog: EventCatalog) -> TriggerNames:
    classes, wide = tuple(_find_roots(pattern)), widen_pattern(pattern)
    if pattern.startswith("*"):
        is_of_types = not classes or bool(fnmatch.filter(catalog.types, pattern))
        return TriggerNames(((wide,) if is_of_types else ()) + classes)
    if catalog.event_format == "veba" and pattern.startswith(TYPE_PREFIX):
        return TriggerNames(tuple(_list_veba(pattern, wide, catalog)))
    if "." not in pattern:
        return TriggerNames(classes or (wide,))
    fixed = wide.partition("*")[0]
    if fixed.startswith(_TYPE_PREFIXES) or any(prefix.startswith(fixed) for prefix in _TYPE_PREFIXES):
        return TriggerNames((wide,))
    return _translate_id(wide, catalog)


def _translate_id(name: str, catalog: EventCatalog) -> TriggerNames:
    """Return what a name with a dot means that is none of vCenter's types: an event type id, or another source's."""
    return TriggerNames((catalog.type_of_id(name),), () if name.startswith(_ID_PREFIXES) else (name,))


def _find_roots(pattern: str) -> Iterator[str]:
    """Yield the classes whose name matches, but for those that derive from another of them."""
    found = set(fnmatch.filter(all_classes(), pattern))
    yield from sorted(name for name in found if not found & set(event_class(name).lineage[1:]))


def _list_veba(pattern: str, wide: str, catalog: EventCatalog) -> Iterator[str]:
    """Yield the event broker's types of what matches a pattern of ours, which has no pattern there."""
    matching = fnmatch.filter((each for each in names_by_type() if not each.startswith(ID_PREFIX)), pattern)
    classes = (names_by_type()[each] for each in matching)
    yield from sorted(catalog.type_of(name) for name in classes if not event_class(name).abstract)
    if wide.startswith(ID_PREFIX):
        yield catalog.type_of_id(wide.removeprefix(ID_PREFIX))
