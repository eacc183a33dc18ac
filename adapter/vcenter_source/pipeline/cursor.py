"""How far the stream has read: what is new in a page, where a collector begins, what is seen to be missing. Pure.

Two things tell that an event was read before: its name (key and created time), and for what is too long ago to be
remembered by name, its time and its key together. The second holds only as long as neither vCenter's clock nor its keys
have been set back, so it is believed of a checkpoint alone, and only until the first collector has shown all there is::

                     horizon         last              now
    ────────────────────┼──────────────┼────────────────▶ vCenter's time
      known by time     │ known by name│ not read yet
        ▲
        └ a new collector begins at ``newest - overlap``, since events are stored a little out of order

Where either was set back, names alone count from then on, and what they do not tell is read again: twice rather than
never.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from vcenter_source.core.errors import KeysRewoundError
from vcenter_source.core.event import ClockReading, Event, Gap, Identity, key_step
from vcenter_source.state.checkpoint import Checkpoint

OVERLAP = timedelta(minutes=10)
"""READ_OVERLAP by default."""

AWAY = timedelta(days=1)
"""For how long nobody may have read, when the clock is found set back by a checkpoint that does not tell the time."""

DRIFT = timedelta(seconds=2)
"""How far vCenter's clock and ours may drift apart while nobody reads."""

REORDERED = 100
"""Keys may come out of order by less than this; by more, they have begun anew."""

COMPRESSED = "EventBurstCompressed"
"""Part of the name of the event that vCenter stores for many of one kind."""


@dataclass(slots=True)
class ReadCursor:
    """How far the stream has read.

    ``since`` is where the first collector begins (None: at the oldest event that vCenter holds), unless ``resumed``
    says it: the checkpoint that an earlier process left. ``newest`` is the latest created time that was read, ``last``
    the event that was read last. ``seen`` holds what was read within the last ``overlap`` before ``newest``: what a new
    collector shows again. Nothing before ``floor`` can be reached any more. ``begun`` is where the collector begins
    that is read now. ``clock`` tells vCenter's time, as far as it is known: what is dated later was stored before it
    was set back, or by a host whose own clock is ahead, and does not tell how far reading has come.
    """

    since: datetime | None
    resumed: Checkpoint | None = None
    overlap: timedelta = OVERLAP
    clock: Callable[[], datetime | None] = lambda: None
    newest: datetime | None = None
    last: Identity | None = None
    floor: datetime | None = None
    begun: datetime | None = None
    seen: set[Identity] = field(default_factory=set)
    _order: deque[Identity] = field(default_factory=deque)
    """The same in the order of reading: a dict takes ever longer to find its first when many were taken away."""
    _by_time: set[Identity] = field(default_factory=set)
    """What of ``seen`` the checkpoint's time alone says was read."""
    _expected: Identity | None = None
    _now: datetime | None = None
    _set_back_to: datetime | None = None
    """What vCenter's clock showed when it was set back, until all has been read that was dated since."""

    def __post_init__(self) -> None:
        if self.resumed is not None:
            self.since, self.newest, self.last = None, self.resumed.newest, self.resumed.last

    def begin(self) -> datetime | None:
        """Where a new collector begins. From here on it is expected to show the last event again."""
        self._expected = self.last
        self.begun = self.since
        if self.newest is not None:
            self.begun = latest(self._reach(self.newest), self.floor, self.since)
        return self.begun

    def _reach(self, newest: datetime) -> datetime:
        """How far back a new collector has to go, and names are remembered."""
        return min(newest, self._set_back_to or newest) - self.overlap

    def fresh(self, page: Iterable[Event]) -> Iterator[Event | Gap]:
        """What of a page was not read before, and the gaps between. Each counts as read when it is taken.

        Raises KeysRewoundError where something may have been left out, since its time and its key deceive.
        """
        for event in page:
            if event.identity == self._expected:
                self._expected = None
            if self._was_read(event) or self.is_too_old(event.created):
                continue
            gap = self._gap_before(event)
            if gap is not None:
                yield gap
            self._must_not_trust_time(event)
            self._note(event)
            yield event
            if COMPRESSED in event.name:
                yield Gap("compressed", event.identity, event.identity)

    def is_too_old(self, created: datetime) -> bool:
        """Whether a collector was not asked for what was created then, though it may show it."""
        return self.begun is not None and created < self.begun

    def is_late(self, event: Event) -> bool:
        """Whether vCenter has stored it so late that twice as much would be too late to be read."""
        if self.newest is None or self._set_back_to is not None:
            return False
        return self.newest - event.created > self.overlap / 2

    def knows(self, identity: Identity) -> bool:
        """Whether this event was read before, by an earlier process maybe, as far back as a collector shows it."""
        return identity in self.seen or (self.resumed is not None and self.resumed.covers(identity))

    def unread(self, identities: Iterable[Identity]) -> list[Identity]:
        """Which of these the collector should show, and were not read."""
        return [i for i in identities if not self.knows(i) and not self.is_too_old(i[1])]

    def catch_up(self) -> None:
        """The collector has shown all there is. What else comes, is new."""
        self._trust_names_alone()
        self._set_back_to = None

    def skip_to(self, begin: datetime, before: Identity) -> Gap:
        """Give up what lies before ``begin``, where no collector gets past it.

        For good, or where it is dated later than what comes next, just this once.
        """
        gap = Gap("hidden", self.last, before)
        if self.is_ahead(begin):
            return gap
        self.floor = begin
        self.newest = begin if self.newest is None else max(self.newest, begin)
        self.last = None
        return gap

    def clock_at_start(self, start: ClockReading) -> bool:
        """See by the clocks whether vCenter's was set back since the checkpoint was kept; return whether it was."""
        kept = self.resumed
        if self.newest is None or kept is None:
            return False
        earliest = self._set_back_since(kept.clock, start)
        if earliest is not None:
            self.set_back(earliest)
        self.newest = min(self.newest, start.vcenter)
        return earliest is not None

    def _set_back_since(self, kept: ClockReading | None, start: ClockReading) -> datetime | None:
        """What vCenter's clock showed at the earliest where it was set back since then; None where it was not."""
        if kept is not None and start.ours >= kept.ours and kept.is_plausible and start.is_plausible:
            back = kept.vcenter + (start.ours - kept.ours) - start.vcenter
            return kept.vcenter - back if back > DRIFT else None
        return start.vcenter - AWAY if self.newest is not None and self.newest > start.vcenter else None

    def set_back(self, earliest: datetime) -> None:
        """vCenter's clock was set back, and what is new since may be dated from ``earliest`` on: read from there."""
        self._forget_times()
        self.floor = self._now = None
        named = self.resumed.acknowledged.union(self.seen) if self.resumed else frozenset(self.seen)
        if named:
            self.resumed = Checkpoint("", self.last, named)
        self.seen.clear()
        self._order.clear()
        self.since = self.since and min(self.since, earliest)
        if self.newest is not None:
            self._set_back_to = min(earliest, self._set_back_to or earliest)
            self.newest = min(self.newest, earliest)

    def _was_read(self, event: Event) -> bool:
        """As ``knows``; what the checkpoint knows by time alone is remembered by name from here on."""
        identity = event.identity
        if identity in self.seen:
            return True
        if self.resumed is None:
            return False
        if identity in self.resumed.acknowledged:
            return True
        by_time = self.resumed.covers_by_time(identity)
        if by_time:
            self._by_time.add(identity)
            self._remember(identity)
        return by_time

    def _must_not_trust_time(self, event: Event) -> None:
        """Raise KeysRewoundError where an event shows that keys began anew while nobody read."""
        if not self._by_time and (self.resumed is None or self.resumed.horizon is None):
            return
        last = self.last
        if last is None or event.created < last[1] or key_step(last[0], event.key) > 0:
            return
        if not self.is_ahead(event.created):
            self._forget_times()
            raise KeysRewoundError("keys have begun anew, so what was read is known by its name alone")

    def _trust_names_alone(self) -> None:
        if self.resumed is not None and self.resumed.horizon is not None:
            self.resumed = replace(self.resumed, horizon=None)

    def _forget_times(self) -> None:
        self._trust_names_alone()
        for identity in self._by_time:
            self.seen.discard(identity)
        self._by_time.clear()

    def _gap_before(self, event: Event) -> Gap | None:
        """What is seen to be missing between the last event and this one, if anything."""
        last, expected = self.last, self._expected
        self._expected = None
        if last is None:
            return None
        step = key_step(last[0], event.key)
        if step < 0 and self._is_rewound(event, step, last_is_gone=expected is not None):
            return None if self.is_ahead(event.created) else Gap("rewound", last, event.identity)
        if step < 0 or event.created < last[1]:
            return None
        return Gap("purged", last, event.identity) if expected is not None and step != 1 else None

    def _is_rewound(self, event: Event, step: int, *, last_is_gone: bool) -> bool:
        """Whether a key lower than the last one is one that was begun anew, rather than out of order or read late.

        It is where the event is dated later; where it is not, since the clock was set back too, another that was read
        has its key, or a higher one and an earlier date.
        """
        if self.last is not None and event.created >= self.last[1] and (step <= -REORDERED or last_is_gone):
            return True
        read = [*self.seen, *(self.resumed.acknowledged if self.resumed else ())]
        return any(
            key == event.key or (created <= event.created and key_step(event.key, key) >= REORDERED)
            for key, created in read
        )

    def is_ahead(self, created: datetime) -> bool:
        """Whether a time is later than vCenter's clock shows."""
        if self._now is None or created > self._now:
            self._now = self.clock()
        return self._now is not None and created > self._now

    def _remember(self, identity: Identity) -> None:
        self.seen.add(identity)
        self._order.append(identity)

    def _note(self, event: Event) -> None:
        self._remember(event.identity)
        if self.is_ahead(event.created):
            return
        self.last = event.identity
        self.newest = event.created if self.newest is None else max(self.newest, event.created)
        horizon = self._reach(self.newest)
        while self._order and self._order[0][1] < horizon:
            oldest = self._order.popleft()
            self.seen.discard(oldest)
            self._by_time.discard(oldest)
        if self.resumed is not None and self.resumed.is_before(horizon):
            self.resumed = None  # no collector goes back so far


def latest(*moments: datetime | None) -> datetime | None:
    """The latest of those that are given."""
    return max((moment for moment in moments if moment is not None), default=None)
