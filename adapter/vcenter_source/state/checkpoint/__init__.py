"""How far the sink has acknowledged: the rules, without any I/O. The stores are the modules beside this one."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from vcenter_source.core.event import ClockReading, Identity, key_step
from vcenter_source.state.checkpoint.ranges import KeyRange, RangeList

REMEMBERED = 256
"""How many acknowledged events up to ``last`` a checkpoint names; it must stay small enough to be saved each second."""

INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the sink has acknowledged: every event created up to ``horizon``, and the events in ``acknowledged``.

    ``instance_uuid`` identifies the vCenter. ``last`` is the end of the contiguous run of acknowledged events in the
    order they were read, None before the first; acknowledged events after it are named. ``horizon`` is None while no
    event can be covered by its time alone.

    Keys wrap around and a restore rewinds them, so a key never proves that an event was acknowledged, only that it was
    not: if vCenter's clock was set back, an event after ``last`` may be created before ``horizon``. And an event may be
    stored late, dated before others, and shown by no collector that was open then: its key is in none of ``ranges``,
    which have every acknowledged event created after ``ranges_after`` (None: every one). In a checkpoint of an earlier
    version, ``ranges`` is None.

    ``read_from`` is set if ``last`` was created later than the events that come next: vCenter's clock was set back, or
    is behind that of a host. ``clock`` holds the clocks as reading last saw them.
    """

    instance_uuid: str
    last: Identity | None
    acknowledged: frozenset[Identity]
    horizon: datetime | None = None
    read_from: datetime | None = None
    clock: ClockReading | None = field(default=None, compare=False)
    ranges: tuple[KeyRange, ...] | None = None
    ranges_after: datetime | None = None

    @property
    def newest(self) -> datetime | None:
        """The created time up to which events were read, as far as is known."""
        newest = self.last[1] if self.last else self.horizon
        return min(newest, self.read_from) if newest and self.read_from else newest

    def is_before(self, moment: datetime) -> bool:
        """Return whether every event named here was created before; ``last`` may be older than others, stored late."""
        newest = self.newest
        return newest is not None and newest < moment and all(created < moment for _, created in self.acknowledged)

    def covers(self, identity: Identity) -> bool:
        """Return whether this event was acknowledged."""
        return identity in self.acknowledged or self.covers_by_time(identity)

    def covers_by_time(self, identity: Identity) -> bool:
        """Return whether time and key alone say so; both can mislead if keys and the clock were set back."""
        if self.horizon is None or identity[1] > self.horizon or is_after(self.last, identity):
            return False
        if self.ranges is None or (self.ranges_after is not None and identity[1] <= self.ranges_after):
            return True
        return any(each.includes(identity) for each in self.ranges)


def is_after(last: Identity | None, identity: Identity) -> bool:
    """Return whether the key shows that an event comes after ``last``."""
    return last is not None and key_step(last[0], identity[0]) > 0


@dataclass(frozen=True, slots=True)
class NamedCheckpoint:
    """A checkpoint beside another. ``name`` is its vCenter's; None for that of an adapter with one vCenter."""

    name: str | None
    checkpoint: Checkpoint


class CheckpointStore(Protocol):
    """Keeps one checkpoint over a restart. Every call raises RetryableError if the store is out of reach."""

    @property
    def removal_command(self) -> str:
        """The command with which an operator removes the checkpoint, to begin at START_FROM."""

    def load(self) -> Checkpoint | None:
        """Return the checkpoint saved last, None if there is none."""

    def claim(self) -> None:
        """Take the checkpoint over from its present owner."""

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint. Raises OvertakenError once another process has claimed it."""

    def check(self) -> bool:
        """Return whether what was claimed or saved last is still stored. Raises OvertakenError as ``save`` does."""

    def list_others(self) -> Sequence[NamedCheckpoint]:
        """List the checkpoints that are kept beside this one, for other vCenters or under another name."""


@dataclass(slots=True, eq=False)
class TrackedEvent:
    """One event that was read: its identity, or None for a gap, which has no identity of its own.

    ``covers_up_to`` is the last event read before the next tracked one: this event, or an unwanted one behind it. It is
    None if that is dated later than vCenter's clock shows.
    """

    identity: Identity | None
    covers_up_to: Identity | None
    acknowledged: bool = False
    skipped: int = 0
    """How many unwanted events were read between this one and the next."""


class OffsetTracker:
    """Track events in the order they were read, and which of them the sink has acknowledged.

    ``last`` moves only past a contiguous run of acknowledged events, never past one that is still on its way::

        read order    1   2   3   4   5   6   7       + acknowledged    - unwanted    . in flight
                      +   +   -   .   +   .   +
        last                  ^                       1 and 2 are acknowledged, and nobody wants 3
        named         1   2           5       7       ``Checkpoint.acknowledged``

    After a restart, reading begins some time before ``last`` and skips the named events: only 4 and 6 are sent again.
    At most ``remembered`` events up to ``last`` stay named. When one is dropped, ``horizon`` moves up to its created
    time, and from then on covers it, and all events before it, by their time alone.

    ``since`` is where reading begins without a checkpoint (None: at the oldest event); nothing earlier is ever read.
    """

    def __init__(
        self,
        instance_uuid: str,
        resumed: Checkpoint | None,
        since: datetime | None = None,
        remembered: int = REMEMBERED,
    ) -> None:
        self._instance_uuid = instance_uuid
        self._remembered = remembered
        self._last = resumed.last if resumed else None
        self._horizon = self._start = resumed.horizon if resumed else since and since - INSTANT
        self._done = deque(sorted(resumed.acknowledged, key=lambda identity: identity[1]) if resumed else ())
        self._open: deque[TrackedEvent] = deque()
        known = (resumed.ranges, resumed.ranges_after) if resumed and resumed.ranges is not None else ((), self._start)
        self._ranges = RangeList(*known)
        self._ranges.add_missing(self._done)
        self._read_count = self._passed_count = 0
        self._read_from = resumed.read_from if resumed else None
        self._ahead: Identity | None = None
        self._caught_up: tuple[int, datetime] | None = None
        """How many events had been read when none was left to read, and vCenter's time then."""
        self.clock = resumed.clock if resumed else None

    def begin(self, clock: ClockReading, earliest: datetime | None) -> None:
        """Note the clocks at the start, and from where on is read if vCenter's was set back since the checkpoint.

        Then the checkpoint keeps its own clocks, or none, until reading has caught up. What was noticed now is noted
        for itself: the next process could not notice it if the clock is set forward again.
        """
        if earliest is None:
            self.clock = self.clock or clock
        else:
            self.note_clock_set_back(earliest)

    def note_clock_set_back(self, earliest: datetime) -> None:
        """Note that vCenter's clock was set back: events read from now on may be created from ``earliest`` on."""
        self._read_from = earliest if self._read_from is None else min(self._read_from, earliest)
        self._caught_up = None

    def mark_caught_up(self, clock: ClockReading) -> None:
        """Note that every event was read that vCenter had when the clocks stood like this."""
        self.clock = clock
        self._caught_up = self._read_count, clock.vcenter
        self._update_read_from()

    def note_ahead(self, identity: Identity) -> None:
        """Note that the event that comes next is dated later than vCenter's clock shows.

        Events that were not read yet may be dated before it, so it does not show how far reading has come.
        """
        self._ahead = identity

    def track(self, identity: Identity | None) -> TrackedEvent:
        """Note an event as read; pass the result to ``acknowledge`` when the sink has the event."""
        event = TrackedEvent(identity, identity if identity != self._ahead else None)
        self._open.append(event)
        self._read_count += 1
        return event

    def skip(self, identity: Identity) -> None:
        """Note an unwanted event as read. It takes no room, and is read and skipped again after a restart."""
        if identity == self._ahead:
            return
        if self._open:
            self._open[-1].covers_up_to = identity
            self._open[-1].skipped += 1
        else:
            self._last = identity
            self._ranges.extend(identity)

    def acknowledge(self, event: TrackedEvent) -> None:
        """Note an event as acknowledged, in any order."""
        event.acknowledged = True
        while self._open and self._open[0].acknowledged:
            self._advance_past(self._open.popleft())

    def _advance_past(self, event: TrackedEvent) -> None:
        self._last = event.covers_up_to or self._last
        self._passed_count += 1
        if self._caught_up is not None:
            self._update_read_from()
        if event.identity is None:
            return
        self._ranges.add(event.identity)
        if event.skipped and event.covers_up_to is not None:
            self._ranges.extend(event.covers_up_to, event.skipped)
        self._done.append(event.identity)
        # Two at a time: behind a stuck event, more than that were named, and the list has to shrink again.
        for _ in range(2):
            if len(self._done) > self._remembered:
                forgotten = self._done.popleft()[1]
                self._horizon = forgotten if self._horizon is None else max(self._horizon, forgotten)

    def _update_read_from(self) -> None:
        """Once every event read before catching up is acknowledged, let reading begin at that time, or at ``last``."""
        if self._caught_up is not None and self._passed_count >= self._caught_up[0]:
            now, self._caught_up = self._caught_up[1], None
            self._read_from = now if self._last is not None and self._last[1] > now else None

    def can_accept(self, ahead: int) -> bool:
        """Return whether another event may be read, with at most ``ahead`` named beyond those remembered.

        At least one event is always accepted, whatever an earlier process left: a stuck event has to come first again.
        """
        return not self._open or len(self._open) + max(0, len(self._done) - self._remembered) < ahead

    @property
    def last(self) -> Identity | None:
        """The event up to which all are acknowledged; None before the very first."""
        return self._last

    def to_checkpoint(self) -> Checkpoint | None:
        """Return what may be saved now; None while an empty checkpoint would say as much."""
        if self._last is None and self._horizon is None and not self._done:
            return None
        beyond = frozenset(event.identity for event in self._open if event.acknowledged and event.identity is not None)
        waiting = [event.identity for event in self._open if not event.acknowledged and event.identity is not None]
        named, horizon = beyond.union(self._done), self._limit_horizon(waiting)
        return Checkpoint(
            self._instance_uuid,
            self._last,
            named,
            horizon,
            self._read_from,
            self.clock,
            self._ranges.to_tuple(),
            self._ranges.after,
        )

    def _limit_horizon(self, waiting: Iterable[Identity]) -> datetime | None:
        """Return the horizon, moved back so that it covers no event that is not acknowledged.

        It is never later than ``last`` either: the next event is created after ``last`` unless the clock is set back,
        which a resumed adapter sees. So a horizon from before an earlier setting back covers nothing that comes later.
        """
        reached = self._last[1] if self._last else self._start
        if self._horizon is None or reached is None:
            return None
        covered = [created - INSTANT for key, created in waiting if not is_after(self._last, (key, created))]
        return min([self._horizon, reached, *covered, *([self._read_from] if self._read_from else [])])
