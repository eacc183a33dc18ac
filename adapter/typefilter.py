"""The setting EVENT_TYPES: which events are wanted, and which of that vCenter itself can filter."""

import difflib
import fnmatch
import re
from dataclasses import dataclass, field
from itertools import chain

from adapter.catalog import NAMED_BY_ID, TYPE_PREFIX, all_classes, cloudevent_type, event_class, names_by_type
from adapter.errors import ConfigurationError

_EVENT_TYPE_ID = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+")
_OURS = (f"{TYPE_PREFIX}unknown.", f"{TYPE_PREFIX}adapter.")  # types that vCenter itself knows nothing of
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
    if _is_wildcard(pattern) or pattern in NAMED_BY_ID or pattern.startswith(_OURS):
        return
    if _vcenter_name(pattern) is None:
        known = [*names_by_type(), *all_classes()]
        near = difflib.get_close_matches(pattern, known, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else "name a CloudEvents type, a class, or use *"
        raise ConfigurationError(f"EVENT_TYPES: {pattern!r} is no event type that vCenter has; {hint}")
