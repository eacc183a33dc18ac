"""The setting EVENT_TYPES: which events are wanted, and which of that vCenter itself can filter."""

import difflib
import fnmatch
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes, cloudevent_type, event_class, names_by_type
from vcenter_source.events.formats import EVENT_ID_PREFIX, TYPE_PREFIX, VEBA_TYPE_PATTERN, veba_type
from vcenter_source.events.short_types import expand_type

_EVENT_TYPE_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_ADAPTER_PREFIXES = (f"{TYPE_PREFIX}unknown.", f"{TYPE_PREFIX}adapter.")  # of types that vCenter does not have
_ID_PREFIXES = ("com.", "esx.", "hbr.", "vim.", "vprob.")  # of most event type ids; anyone may invent others


@dataclass(frozen=True)
class TypeFilter:
    """The setting EVENT_TYPES: patterns, with ``*``, over CloudEvents types, class names and eventTypeIds.

    A type may be in its short form. Without patterns every event passes. Case counts. A class includes those derived
    from it: VmPoweredOnEvent passes DrsVmPoweredOnEvent, VmEvent all events of VMs. An exact pattern that names nothing
    raises ConfigurationError.
    """

    patterns: tuple[str, ...] = ()
    setting: str = "EVENT_TYPES"
    """What an error calls the patterns."""
    _matches: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", tuple(map(expand_type, self.patterns)))
        for pattern in self.patterns:
            _check(pattern, self.setting)
        expressions = "|".join(map(fnmatch.translate, self.patterns))
        object.__setattr__(self, "_matches", re.compile(expressions))

    def accepts(self, class_name: str, name: str, type: str) -> bool:  # noqa: A002  CloudEvents' name for it
        """Whether an event passes, by its class, its name (an eventTypeId, say) or its type in either format."""
        if not self.patterns:
            return True
        names = (class_name, name, type, cloudevent_type(class_name, name), veba_type(name))
        return any(map(self._matches.match, names)) or any(c in self.patterns for c in event_class(class_name).lineage)

    def exact_names(self) -> list[str] | None:
        """List the names for vCenter's own filter (EventFilterSpec.eventTypeId); None where it cannot filter."""
        names = [_vcenter_names(pattern) for pattern in self.patterns]
        return list(dict.fromkeys(chain.from_iterable(names))) if names and all(names) else None

    def doubts(self, listed: Iterable[str] = ()) -> Iterator[str]:
        """Describe each pattern that matches no known event type, and what was probably meant.

        ``listed`` are the classes and event type ids that a vCenter has. A doubt is not an error: vCenter may send
        other events too.
        """
        ids = [name for name in listed if name not in all_classes()]
        for pattern in self.patterns:
            if not _is_known(pattern, ids):
                yield f"{pattern!r} matches no known event type; {_hint(pattern, ids)}"


def _vcenter_names(pattern: str) -> list[str]:
    """List the names that vCenter filters by for one pattern, with a class those derived from it; empty for none.

    vCenter compares eventTypeId exactly (EventFilterSpec.eventTypeId).
    """
    name = _vcenter_name(pattern)
    derived = [each for each, entry in all_classes().items() if pattern in entry.lineage] if pattern == name else []
    if name is None or not NAMED_BY_ID.isdisjoint(derived):
        return []
    return derived or [name]


def _vcenter_name(pattern: str) -> str | None:
    """Return the class or eventTypeId that a pattern stands for; None for a wildcard and a pattern without one name."""
    if _is_wildcard(pattern) or pattern in NAMED_BY_ID:
        return None
    veba = VEBA_TYPE_PATTERN.fullmatch(pattern)
    if veba:
        return _vcenter_name(veba.group(1))
    if pattern.startswith(EVENT_ID_PREFIX):
        return pattern.removeprefix(EVENT_ID_PREFIX)
    if pattern.startswith(TYPE_PREFIX):
        return names_by_type().get(pattern)
    return pattern if pattern in all_classes() or _EVENT_TYPE_ID.fullmatch(pattern) else None


def _is_wildcard(pattern: str) -> bool:
    return any(mark in pattern for mark in "*?[")


def _check(pattern: str, setting: str) -> None:
    """Reject an exact name that vCenter does not have. An event type id is rejected only if it is a misspelt class."""
    if _is_wildcard(pattern) or pattern in NAMED_BY_ID or pattern.startswith(_ADAPTER_PREFIXES):
        return
    name = _vcenter_name(pattern)
    is_id = name == pattern and name not in all_classes()
    if name is None or (is_id and _respell(pattern)):
        raise ConfigurationError(f"{setting}: vCenter has no event type {pattern!r}; {_hint(pattern)}")


def _is_known(pattern: str, ids: list[str]) -> bool:
    """Whether a pattern matches an event type that is known."""
    if pattern.startswith(_ADAPTER_PREFIXES) or (
        not ids and pattern.startswith(_ID_PREFIXES) and not pattern.startswith(TYPE_PREFIX)
    ):
        return True
    names = chain(all_classes(), names_by_type(), ids, (f"{EVENT_ID_PREFIX}{each}" for each in ids))
    veba = (veba_type(each) for each in chain(all_classes(), ids))
    adapter = (f"{prefix}gap" for prefix in _ADAPTER_PREFIXES)
    return bool(_match(pattern, chain(names, veba, adapter)))


def _match(pattern: str, names: Iterable[str]) -> list[str]:
    return fnmatch.filter(names, pattern) if _is_wildcard(pattern) else [each for each in names if each == pattern]


def _hint(pattern: str, ids: Iterable[str] = ()) -> str:
    """Suggest what was probably meant."""
    known = [*names_by_type(), *all_classes(), *ids]
    near = _respell(pattern) or difflib.get_close_matches(pattern, known, n=3)
    near = near or difflib.get_close_matches(TYPE_PREFIX + pattern, known, n=3, cutoff=0.9)
    return f"did you mean {', '.join(near)}?" if near else "name a CloudEvents type, a class, or use *"


def _respell(pattern: str) -> list[str]:
    """Correct a pattern that is a topic of OpenFaaS, or differs in capitals; at most three names."""
    by_topic = {each.topic: each.type for each in all_classes().values() if not each.abstract}
    by_fold = {each.casefold(): each for each in (*all_classes(), *names_by_type())}
    folded = pattern.casefold()
    for table, wanted in ((by_topic, pattern), (by_fold, folded), (by_fold, TYPE_PREFIX + folded)):
        if matches := _match(wanted, table):
            return [table[each] for each in matches[:3]]
    return []
