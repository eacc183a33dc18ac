"""Which keys were acknowledged: ranges without a hole. Pure.

Time alone does not tell that an event was read: vCenter may store it late, dated before others, where no collector that
is open shows it. Its key, though, lies between those of the events that were stored when it was. So a hole in the keys
says that it was not read, or is none of those that this adapter reads.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from vcenter_source.core.event import Identity, key_step

RANGES = 128
"""How many ranges a checkpoint has at most, in some 20 to 80 bytes each. A vCenter that is read whole has a few; where
vCenter filters by type, most events are a range of their own."""


class KeyRange(NamedTuple):
    """Acknowledged events with consecutive keys, read in their order, from the first to the last."""

    first: Identity
    last: Identity

    def includes(self, identity: Identity) -> bool:
        """Return whether the event is one of them, by its key and its time."""
        (key, created), (first, begin), (last, end) = identity, self.first, self.last
        return begin <= created <= end and 0 <= key_step(first, key) <= key_step(first, last)


class RangeList:
    """The ranges so far, in the order of reading. The oldest of too many is dropped.

    ``after`` is the time after which every acknowledged event is in one, None if all are.
    """

    def __init__(self, ranges: Iterable[KeyRange], after: datetime | None) -> None:
        self._ranges = deque(map(list, ranges))
        self.after = after

    def add(self, identity: Identity) -> None:
        """Add an event that was read after all others."""
        if self.extend(identity):
            return
        self._ranges.append([identity, identity])
        if len(self._ranges) > RANGES:
            dropped = self._ranges.popleft()[1][1]
            self.after = dropped if self.after is None else max(self.after, dropped)

    def add_missing(self, identities: Iterable[Identity]) -> None:
        """Add those of these events that are in no range."""
        known = self.to_tuple()
        for identity in identities:
            if not any(each.includes(identity) for each in known):
                self.add(identity)

    def extend(self, identity: Identity, count: int = 1) -> bool:
        """Let the newest range end with this event if its key is so many further on; return whether it does."""
        if not self._ranges:
            return False
        key, created = self._ranges[-1][1]
        is_next = key_step(key, identity[0]) == count and identity[1] >= created
        if is_next:
            self._ranges[-1][1] = identity
        return is_next

    def to_tuple(self) -> tuple[KeyRange, ...]:
        """Return the ranges, the oldest first."""
        return tuple(KeyRange(first, last) for first, last in self._ranges)
