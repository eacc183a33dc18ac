"""How far reading has come: what is new in a page, where a collector starts, and which events are missing. Pure.

A new collector starts ``overlap`` before the newest event that was read, because vCenter stores events a little out of
order. So it shows events that were read before, and the cursor leaves them out. It recognizes them in two ways::

     newest - overlap     horizon          newest           now
    ────────┼────────────────┼───────────────┼───────────────▶ vCenter's time
            │ known by time  │ known by name │ not read yet
            │ and key        │               │
            ▲
            └ a new collector starts here

An event's name is its key and its created time, and names are exact. A process knows by name all that it has read
itself. A checkpoint names only the last events; of older ones, up to its horizon, it says that all in its ranges of
keys were acknowledged. Such an event is recognized by its time and its key together, and both deceive once vCenter's
clock or its keys have been set back. So time is trusted only for what a checkpoint says, only until the first collector
has shown all there is, and only for what a collector shows before it shows the last event again. After a set-back names
alone count, and events that they do not cover are read again: twice rather than never.
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

MAX_ABSENCE = timedelta(days=1)
"""How long reading may have been interrupted if a checkpoint without clocks shows that the clock was set back."""

MAX_DRIFT = timedelta(seconds=2)
"""How far vCenter's clock and ours may drift apart between two processes."""

MAX_REORDERING = 100
"""Keys may come out of order by less than this; a larger step back means that they have begun anew."""

COMPRESSED_NAME = "EventBurstCompressed"
"""Part of the name of the event that vCenter stores in place of many of one kind."""


@dataclass(slots=True)
class ReadCursor:
    """How far reading has come.

    ``since`` is where the first collector starts (None: at the oldest event that vCenter holds), unless ``resumed``
    says it, the checkpoint of an earlier process. ``newest`` is the latest created time that was read, ``last`` the
    event that was read last. ``seen`` holds the events of the last ``overlap`` before ``newest``: a new collector shows
    them again. Nothing before ``lower_bound`` can be reached any more. ``collector_start`` is where the current
    collector starts. ``clock`` returns vCenter's time, None while it is unknown. An event dated later was stored before
    the clock was set back, or by a host whose clock is ahead, so it does not show how far reading has come.
    """

    since: datetime | None
    resumed: Checkpoint | None = None
    overlap: timedelta = OVERLAP
    clock: Callable[[], datetime | None] = lambda: None
    newest: datetime | None = None
    last: Identity | None = None
    lower_bound: datetime | None = None
    collector_start: datetime | None = None
    seen: set[Identity] = field(default_factory=set)
    _order: deque[Identity] = field(default_factory=deque)
    """The same in the order of reading: a dict takes ever longer to find its first key after many deletions."""
    _by_time: set[Identity] = field(default_factory=set)
    """Those of ``seen`` that only the checkpoint's time says were read."""
    _expected: Identity | None = None
    _now: datetime | None = None
    _set_back_to: datetime | None = None
    """What vCenter's clock showed after it was set back, until everything dated since has been read."""

    def __post_init__(self) -> None:
        if self.resumed is not None:
            self.since, self.newest, self.last = None, self.resumed.newest, self.resumed.last
            self._set_back_to = self.resumed.read_from  # what is read again may be dated later, and moves ``newest``

    def start_collector(self) -> datetime | None:
        """Return where a new collector starts. From here on it is expected to show the last event again."""
        self._expected = self.last
        self.collector_start = self.since
        if self.newest is not None:
            self.collector_start = latest(self._find_horizon(self.newest), self.lower_bound, self.since)
        return self.collector_start

    def _find_horizon(self, newest: datetime) -> datetime:
        """Return how far back a new collector has to go, and how far back names are remembered."""
        start = newest if self._set_back_to is None else min(newest, self._set_back_to)
        return start - self.overlap

    def deduplicate(self, page: Iterable[Event]) -> Iterator[Event | Gap]:
        """Yield the events of a page that were not read before, and gaps between them. What is yielded counts as read.

        Raises KeysRewoundError if an event may have been left out because its time and its key deceive.
        """
        for event in page:
            identity = event.identity
            is_known = self._is_known(identity) or self.is_too_old(event.created)
            if identity == self._expected:
                self._expected = None
            if self.resumed is not None and identity == self.resumed.last:
                self._trust_names_alone()  # what a collector shows from here on was stored later
            if is_known:
                continue
            gap = self._find_gap(event)
            if gap is not None:
                yield gap
            self._check_keys(event)
            self._record(identity)
            yield event
            if COMPRESSED_NAME in event.name:
                yield Gap("compressed", identity, identity)

    def is_too_old(self, created: datetime) -> bool:
        """Whether the collector was not asked for events created then, though it may show them."""
        return self.collector_start is not None and created < self.collector_start

    def is_late(self, event: Event) -> bool:
        """Whether vCenter has stored an event so late that twice as late would be too late to be read."""
        if self.newest is None or self._set_back_to is not None:
            return False
        return self.newest - event.created > self.overlap / 2

    def has_read(self, identity: Identity) -> bool:
        """Whether an event was read before, maybe by an earlier process, as far back as a collector shows it."""
        return identity in self.seen or (self.resumed is not None and self.resumed.covers(identity))

    def find_unread(self, identities: Iterable[Identity]) -> list[Identity]:
        """Return those events that the collector should show and that were not read."""
        return [i for i in identities if not self.has_read(i) and not self.is_too_old(i[1])]

    def find_silence(self) -> tuple[datetime, datetime] | None:
        """Return from when until when a collector that shows nothing more may hide unread events; None if it does not.

        That is so once vCenter's clock was set back, if the collector has not shown again the event that was read last:
        it fell silent at hidden events before, and all that was stored since is read already, so nothing tells of it.
        """
        if self._set_back_to is None or self._expected is None or self.collector_start is None:
            return None
        return self.collector_start, self._expected[1]

    def mark_caught_up(self) -> None:
        """Note that the collector has shown all there is: every other event is new."""
        self._trust_names_alone()
        self._set_back_to = None

    def advance_past(self, begin: datetime, before: Identity) -> Gap:
        """Give up the events before ``begin``, since no collector gets past them; return the gap up to ``before``.

        They are given up for good, or just this once if they are dated later than what comes next.
        """
        gap = Gap("hidden", self.last, before)
        if self.is_ahead(begin):
            return gap
        self.lower_bound = begin
        self.newest = begin if self.newest is None else max(self.newest, begin)
        self.last = None
        return gap

    def detect_clock_set_back(self, start: ClockReading) -> datetime | None:
        """Move back if vCenter's clock was set back since the checkpoint was saved. Return from where on it is read."""
        kept = self.resumed
        if self.newest is None or kept is None:
            return None
        earliest = self._set_back_since(kept.clock, start)
        if earliest is not None:
            self.move_back(earliest)
        self.newest = min(self.newest, start.vcenter)
        return earliest

    def _set_back_since(self, kept: ClockReading | None, start: ClockReading) -> datetime | None:
        """Return the earliest time that vCenter's clock may have shown since a set-back; None without a set-back."""
        if kept is not None and start.ours >= kept.ours and kept.is_plausible and start.is_plausible:
            back = kept.vcenter + (start.ours - kept.ours) - start.vcenter
            return kept.vcenter - back if back > MAX_DRIFT else None
        return start.vcenter - MAX_ABSENCE if self.newest is not None and self.newest > start.vcenter else None

    def move_back(self, earliest: datetime) -> None:
        """Read from ``earliest``: vCenter's clock was set back, and new events may be dated from then on."""
        self._forget_times()
        self.lower_bound = self._now = None
        named = self.resumed.acknowledged.union(self.seen) if self.resumed else frozenset(self.seen)
        if named:
            self.resumed = Checkpoint("", self.last, named)
        self.seen.clear()
        self._order.clear()
        self.since = self.since and min(self.since, earliest)
        if self.newest is not None:
            self._set_back_to = min(earliest, self._set_back_to or earliest)
            self.newest = min(self.newest, earliest)

    def _is_known(self, identity: Identity) -> bool:
        """Like ``has_read``; an event that the checkpoint knows by time alone is remembered by name from here on."""
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

    def _check_keys(self, event: Event) -> None:
        """Raise KeysRewoundError if an event shows that keys have begun anew while nobody read."""
        if not self._by_time and (self.resumed is None or self.resumed.horizon is None):
            return
        last = self.last
        if last is None or event.created <= last[1] or key_step(last[0], event.key) > 0:
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

    def _find_gap(self, event: Event) -> Gap | None:
        """Return the gap between the last event and this one, if events are seen to be missing."""
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
        """Whether a key lower than the last one shows that keys have begun anew; it may be out of order or late, too.

        Keys have begun anew if the event is dated later. If it is dated earlier, since the clock was set back as well,
        another event that was read has the same key, or a higher key and an earlier date.
        """
        if self.last is not None and event.created >= self.last[1] and (step <= -MAX_REORDERING or last_is_gone):
            return True
        read = [*self.seen, *(self.resumed.acknowledged if self.resumed else ())]
        return any(
            key == event.key or (created <= event.created and key_step(event.key, key) >= MAX_REORDERING)
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

    def _record(self, identity: Identity) -> None:
        self._remember(identity)
        created = identity[1]
        if self.is_ahead(created):
            return
        self.last = identity
        if self.newest is None or created > self.newest:
            self.newest = created
        horizon = self._find_horizon(self.newest)
        while self._order and self._order[0][1] < horizon:
            oldest = self._order.popleft()
            self.seen.discard(oldest)
            self._by_time.discard(oldest)
        if self.resumed is not None and self.resumed.is_before(horizon):
            self.resumed = None  # no collector goes back so far


def latest(*moments: datetime | None) -> datetime | None:
    """Return the latest of the given moments; None without any."""
    return max((moment for moment in moments if moment is not None), default=None)
