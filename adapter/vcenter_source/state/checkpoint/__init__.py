"""How far the sink has acknowledged: the policy, pure. The stores stand beside it."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from vcenter_source.core.event import ClockReading, Identity, key_step

REMEMBERED = 256
"""How many acknowledged events a checkpoint names, newest first; it must stay small enough to be saved each second."""

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the sink has acknowledged: every event created up to ``horizon``, and those named in ``acknowledged``.

    ``instance_uuid`` tells which vCenter it is of. ``last`` is the end of the contiguous run of acknowledged events, in
    the order they were read, None before the first; those after it that are acknowledged too are named. ``horizon`` is
    None while nothing can be left to a time alone, and ``last`` is given then.

    Keys wrap around and are rewound by a restore, so they never tell that an event was acknowledged, only that it was
    not: where vCenter's clock was set back, what comes after ``last`` may be dated before ``horizon``.

    ``read_from`` is given where that is dated later than what comes next: vCenter's clock was set back, or is behind
    that of a host. ``clock`` is how the clocks stood when reading last looked at them.
    """

    instance_uuid: str
    last: Identity | None
    acknowledged: frozenset[Identity]
    horizon: datetime | None = None
    read_from: datetime | None = None
    clock: ClockReading | None = field(default=None, compare=False)

    @property
    def newest(self) -> datetime | None:
        """The created time up to which reading has come, as far as is known."""
        newest = self.last[1] if self.last else self.horizon
        return min(newest, self.read_from) if newest and self.read_from else newest

    def is_before(self, moment: datetime) -> bool:
        """Whether all that is told here was created before; ``last`` may be dated before others, stored late."""
        newest = self.newest
        return newest is not None and newest < moment and all(created < moment for _, created in self.acknowledged)

    def covers(self, identity: Identity) -> bool:
        """Whether this event was acknowledged."""
        return identity in self.acknowledged or self.covers_by_time(identity)

    def covers_by_time(self, identity: Identity) -> bool:
        """Whether its time and its key alone say so: both can deceive where keys and the clock were set back."""
        return self.horizon is not None and identity[1] <= self.horizon and not after(self.last, identity)


def after(last: Identity | None, identity: Identity) -> bool:
    """Whether an event is seen to come after the last one, by its key."""
    return last is not None and key_step(last[0], identity[0]) > 0


class Store(Protocol):
    """Keeps one checkpoint over a restart. Raises RetryableError when the store is out of reach."""

    def load(self) -> Checkpoint | None:
        """The last one saved, None where there is none."""

    def claim(self) -> None:
        """Take the checkpoint over from whoever had it."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep this one instead. Raises OvertakenError once another process has claimed it."""

    def check(self) -> bool:
        """Whether what was claimed or saved last is still there. Raises OvertakenError as ``save`` does."""

    def removal(self) -> str:
        """The command by which an operator removes the checkpoint, to begin at START_FROM."""


@dataclass(slots=True, eq=False)
class Entry:
    """Something that was read: an event's identity, or None for what has none of its own, a gap.

    ``reaches`` is the last event that was read before the next entry: this one, or one behind it that nobody wants.
    """

    identity: Identity | None
    reaches: Identity | None
    acknowledged: bool = False


class Ledger:
    """Events in the order they were read, and which of them are acknowledged.

    ``last`` moves only past a contiguous run of acknowledged events: never past one still on its way. ``since`` is
    where reading begins without a checkpoint (None: at the oldest event); nothing before it is ever asked for.
    """

    def __init__(self, instance_uuid: str, resumed: Checkpoint | None, since: datetime | None = None) -> None:
        self._instance_uuid = instance_uuid
        self._last = resumed.last if resumed else None
        self._horizon = resumed.horizon if resumed else since and since - INSTANT
        self._done = deque(sorted(resumed.acknowledged, key=lambda identity: identity[1]) if resumed else ())
        self._open: deque[Entry] = deque()
        self._read = self._passed = 0
        self._read_from = resumed.read_from if resumed else None
        self._caught_up: tuple[int, datetime] | None = None
        """How many events had been read when all were, and vCenter's time then."""
        self.clock = resumed.clock if resumed else None

    def begin(self, start: ClockReading) -> None:
        """Reading begins where a checkpoint says, or there is none; vCenter's clock was not set back meanwhile."""
        self.clock = self.clock or start

    def set_back(self, earliest: datetime) -> None:
        """vCenter's clock was set back: what is read from now on may be dated from ``earliest`` on."""
        self._read_from = earliest if self._read_from is None else min(self._read_from, earliest)
        self._caught_up = None

    def catch_up(self, clock: ClockReading) -> None:
        """All has been read that vCenter had when the clocks stood so."""
        self.clock = clock
        self._caught_up = self._read, clock.vcenter
        self._settle()

    def read(self, identity: Identity | None) -> Entry:
        """Note an event as read; give the entry to ``acknowledge`` when the sink has it."""
        entry = Entry(identity, identity)
        self._open.append(entry)
        self._read += 1
        return entry

    def skip(self, identity: Identity) -> None:
        """Note an event as read that nobody wants. It costs no room, and is read and skipped again after a restart."""
        if self._open:
            self._open[-1].reaches = identity
        else:
            self._last = identity

    def acknowledge(self, entry: Entry) -> None:
        """Note an event as acknowledged, in any order."""
        entry.acknowledged = True
        while self._open and self._open[0].acknowledged:
            self._pass(self._open.popleft())

    def _pass(self, entry: Entry) -> None:
        self._last = entry.reaches or self._last
        self._passed += 1
        self._settle()
        if entry.identity is None:
            return
        self._done.append(entry.identity)
        for _ in range(2):  # a checkpoint that was kept behind something stuck names more; it grows short again
            if len(self._done) > REMEMBERED:
                forgotten = self._done.popleft()[1]
                self._horizon = forgotten if self._horizon is None else max(self._horizon, forgotten)

    def _settle(self) -> None:
        """Once all that was read by then is acknowledged, reading may begin there, or at ``last`` if it is earlier."""
        if self._caught_up is not None and self._passed >= self._caught_up[0]:
            now, self._caught_up = self._caught_up[1], None
            self._read_from = now if self._last is not None and self._last[1] > now else None

    def has_room(self, ahead: int) -> bool:
        """Whether one more may be read, where at most ``ahead`` are named beyond those that every checkpoint names.

        One at least is read whatever an earlier process has left: what is stuck has to come first again.
        """
        return not self._open or len(self._open) + max(0, len(self._done) - REMEMBERED) < ahead

    @property
    def last(self) -> Identity | None:
        """The event up to which all are acknowledged; None before the first of all is."""
        return self._last

    def checkpoint(self) -> Checkpoint | None:
        """What may be saved now; None while an empty checkpoint would say as much."""
        if self._last is None and self._horizon is None:
            return None
        beyond = frozenset(entry.identity for entry in self._open if entry.acknowledged and entry.identity is not None)
        waiting = [entry.identity for entry in self._open if not entry.acknowledged and entry.identity is not None]
        named, horizon = beyond.union(self._done), self._before(waiting)
        return Checkpoint(self._instance_uuid, self._last, named, horizon, self._read_from, self.clock)

    def _before(self, waiting: Iterable[Identity]) -> datetime | None:
        """The horizon, moved back where it would cover an event that is not acknowledged.

        Nor is it ever later than ``last``: what comes next is dated later than that unless the clock is set back, which
        a resumed adapter sees. So a horizon from before an earlier setting back covers nothing that comes after it.
        """
        if self._horizon is None:
            return None
        covered = (created - INSTANT for key, created in waiting if not after(self._last, (key, created)))
        limits = [limit for limit in (self._last and self._last[1], self._read_from) if limit is not None]
        return min([self._horizon, *covered, *limits])
