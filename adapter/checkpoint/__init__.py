"""How far the sink has acknowledged: the policy, pure. The stores stand beside it."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

Identity = tuple[int, datetime]
"""An event's key and created time: what tells it from every other of the same vCenter."""

KEYS = 2**32
"""Event keys are int32 and wrap around."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Every event up to ``last`` is acknowledged, and those in ``beyond`` after it.

    ``instance_uuid`` tells which vCenter it is of.
    """

    instance_uuid: str
    last: Identity
    beyond: frozenset[Identity] = frozenset()

    def covers(self, identity: Identity) -> bool:
        """Whether this event was acknowledged, also when keys have wrapped around (RFC 1982) or were rewound."""
        key, created = identity
        not_later = (self.last[0] - key) % KEYS < KEYS // 2
        return (created <= self.last[1] and not_later) or identity in self.beyond


class Store(Protocol):
    """Keeps one checkpoint over a restart. Both methods raise RetryableError when the store is out of reach."""

    def load(self) -> Checkpoint | None:
        """The last one saved, None where there is none."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep this one instead."""


@dataclass(slots=True)
class Entry:
    """One event that was read."""

    identity: Identity
    acknowledged: bool = False


class Ledger:
    """Events in the order they were read, and which of them are acknowledged.

    ``last`` moves only past a contiguous run of acknowledged events: never past one still on its way.
    """

    def __init__(self, instance_uuid: str, resumed: Checkpoint | None) -> None:
        self._instance_uuid = instance_uuid
        self._last = resumed.last if resumed else None
        self._earlier = resumed.beyond if resumed else frozenset[Identity]()
        self._open: deque[Entry] = deque()

    def read(self, identity: Identity) -> Entry:
        """Note an event as read; give the entry to ``acknowledge`` when the sink has it."""
        entry = Entry(identity)
        self._open.append(entry)
        return entry

    def acknowledge(self, entry: Entry) -> None:
        """Note an event as acknowledged, in any order."""
        entry.acknowledged = True
        while self._open and self._open[0].acknowledged:
            self._last = self._open.popleft().identity

    @property
    def last(self) -> Identity | None:
        """The event up to which all are acknowledged; None before the first of all is."""
        return self._last

    def checkpoint(self) -> Checkpoint | None:
        """What may be saved now; None before the first event of all is acknowledged."""
        if self._last is None:
            return None
        # What an earlier process acknowledged beyond its own last event still counts, until ours has passed it.
        earlier = {identity for identity in self._earlier if identity[1] >= self._last[1]}
        acknowledged = {entry.identity for entry in self._open if entry.acknowledged}
        return Checkpoint(self._instance_uuid, self._last, frozenset(earlier | acknowledged))
