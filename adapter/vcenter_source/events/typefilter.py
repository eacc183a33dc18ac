"""The setting EVENT_TYPES: which events are wanted, and which of that vCenter itself can filter."""

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import (
    NAMED_BY_ID,
    TYPE_PREFIX,
    all_classes,
    cloudevent_type,
    event_class,
    names_by_type,
)

_EVENT_TYPE_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_OURS = (f"{TYPE_PREFIX}unknown.", f"{TYPE_PREFIX}adapter.")  # types that vCenter itself knows nothing of
_ID_HEADS = ("com.", "esx.", "hbr.", "vim.", "vprob.")
"""What most event type ids begin with; anyone may make up others."""

_VEBA_TYPE = re.compile(r"com\.vmware\.vsphere\.(.+)\.v0")


@dataclass(frozen=True)
class TypeFilter:
    """The setting EVENT_TYPES: patterns, with ``*``, over CloudEvents types, class names and eventTypeIds.

    Without patterns everything passes. Case counts. A class stands for those derived from it too: VmPoweredOnEvent for
    DrsVmPoweredOnEvent, VmEvent for all about VMs. An exact pattern that names nothing raises ConfigurationError.
    """

    patterns: tuple[str, ...] = ()
    _matches: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for pattern in self.patterns:
            _check(pattern)
        expressions = "|".join(map(fnmatch.translate, self.patterns))
        object.__setattr__(self, "_matches", re.compile(expressions))

    def accepts(self, class_name: str, name: str, type: str) -> bool:  # noqa: A002  CloudEvents' name for it
        """Whether an event passes, by its class, its name (an eventTypeId, say) or its type, in whatever format."""
        if not self.patterns:
            return True
        names = (class_name, name, type, cloudevent_type(class_name, name), f"com.vmware.vsphere.{name}.v0")
        return any(map(self._matches.match, names)) or any(c in self.patterns for c in event_class(class_name).lineage)

    def exact_names(self) -> list[str] | None:
        """The names to filter by in vCenter itself (EventFilterSpec.eventTypeId); None where it cannot filter."""
        names = [_vcenter_names(pattern) for pattern in self.patterns]
        return list(dict.fromkeys(chain.from_iterable(names))) if names and all(names) else None

    def doubts(self, listed: Iterable[str] = ()) -> Iterator[str]:
        """Say which patterns match nothing that is known, and what was probably meant.

        ``listed`` are the classes and event type ids that a vCenter has. A doubt is no error: others may be sent too.
        """
        ids = [name for name in listed if name not in all_classes()]
        for pattern in self.patterns:
            if not _is_known(pattern, ids):
                yield f"{pattern!r} matches no event type that is known; {_hint(pattern, ids)}"


def _vcenter_names(pattern: str) -> list[str]:
    """What vCenter filters by for one pattern, of a class also those derived from it; empty where it cannot.

    vCenter compares eventTypeId exactly (EventFilterSpec.eventTypeId).
    """
    name = _vcenter_name(pattern)
    derived = [each for each, its in all_classes().items() if pattern in its.lineage] if pattern == name else []
    if name is None or not NAMED_BY_ID.isdisjoint(derived):
        return []
    return derived or [name]


def _vcenter_name(pattern: str) -> str | None:
    """The class name or eventTypeId that an exact pattern stands for; None for a wildcard and what has no one name."""
    if _is_wildcard(pattern) or pattern in NAMED_BY_ID:
        return None
    veba = _VEBA_TYPE.fullmatch(pattern)
    if veba:
        return _vcenter_name(veba.group(1))
    if pattern.startswith(f"{TYPE_PREFIX}ex."):
        return pattern.removeprefix(f"{TYPE_PREFIX}ex.")
    if pattern.startswith(TYPE_PREFIX):
        return names_by_type().get(pattern)
    return pattern if pattern in all_classes() or _EVENT_TYPE_ID.fullmatch(pattern) else None


def _is_wildcard(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def _check(pattern: str) -> None:
    """Refuse an exact name that is none; of an event type id only what is another spelling of a class."""
    if _is_wildcard(pattern) or pattern in NAMED_BY_ID or pattern.startswith(_OURS):
        return
    name = _vcenter_name(pattern)
    is_id = name == pattern and name not in all_classes()
    if name is None or (is_id and _respelt(pattern)):
        raise ConfigurationError(f"EVENT_TYPES: {pattern!r} is no event type that vCenter has; {_hint(pattern)}")


def _is_known(pattern: str, ids: list[str]) -> bool:
    """Whether a pattern matches something that is known to be sent."""
    if pattern.startswith(_OURS) or (not ids and pattern.startswith(_ID_HEADS) and not pattern.startswith(TYPE_PREFIX)):
        return True
    names = chain(all_classes(), names_by_type(), ids, (f"{TYPE_PREFIX}ex.{each}" for each in ids))
    veba = (f"com.vmware.vsphere.{each}.v0" for each in chain(all_classes(), ids))
    ours = (f"{each}gap" for each in _OURS)
    return bool(_matching(pattern, chain(names, veba, ours)))


def _matching(pattern: str, names: Iterable[str]) -> list[str]:
    return fnmatch.filter(names, pattern) if _is_wildcard(pattern) else [each for each in names if each == pattern]


def _hint(pattern: str, ids: Iterable[str] = ()) -> str:
    """What was probably meant."""
    known = [*names_by_type(), *all_classes(), *ids]
    near = _respelt(pattern) or difflib.get_close_matches(pattern, known, n=3)
    near = near or difflib.get_close_matches(TYPE_PREFIX + pattern, known, n=3, cutoff=0.9)
    return f"did you mean {', '.join(near)}?" if near else "name a CloudEvents type, a class, or use *"


def _respelt(pattern: str) -> list[str]:
    """The right spelling, at most three, of what lacks its beginning, is OpenFaaS's topic, or differs in capitals."""
    if _matching(TYPE_PREFIX + pattern, names_by_type()):
        return [TYPE_PREFIX + pattern]
    by_topic = {each.topic: each.type for each in all_classes().values() if not each.abstract}
    by_fold = {each.casefold(): each for each in (*all_classes(), *names_by_type())}
    folded = pattern.casefold()
    for table, wanted in ((by_topic, pattern), (by_fold, folded), (by_fold, TYPE_PREFIX + folded)):
        if found := _matching(wanted, table):
            return [table[each] for each in found[:3]]
    return []
