"""How far the stream has read: what is new in a page, where a collector begins, what is seen to be missing. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from adapter.checkpoint import Checkpoint
from adapter.event import Event, Gap, Identity, key_step

OVERLAP = timedelta(seconds=60)
"""How far before the newest event a new collector begins, since vCenter may store events a little out of order."""

AWAY = timedelta(days=1)
"""For how long nobody may have read, when vCenter's clock is found set back at the start."""

INSTANT = timedelta(microseconds=1)

REORDERED = 100
"""Keys may come out of order by less than this; by more, they have begun anew."""

COMPRESSED = "EventBurstCompressed"
"""Part of the name of the event that vCenter stores for many of one kind."""


@dataclass(slots=True)
class Position:
    """How far the stream has read.

    ``since`` is where the first collector begins (None: at the oldest event that vCenter holds), unless ``resumed``
    says it: the checkpoint that an earlier process left. ``newest`` is the latest created time that was read, ``last``
    the event that was read last. ``seen`` holds what was read within the last ``OVERLAP`` before ``newest``: what a new
    collector shows again. Nothing before ``floor`` can be reached any more.
    """

    since: datetime | None
    resumed: Checkpoint | None = None
    newest: datetime | None = None
    last: Identity | None = None
    floor: datetime | None = None
    seen: dict[Identity, None] = field(default_factory=dict)
    _expected: Identity | None = None

    def __post_init__(self) -> None:
        if self.resumed is not None:
            self.since, self.newest, self.last = None, self.resumed.newest, self.resumed.last

    def begin(self) -> datetime | None:
        """Where a new collector begins. From here on it is expected to show the last event again."""
        self._expected = self.last
        if self.newest is None:
            return self.since
        return latest(self.newest - OVERLAP, self.floor, self.since)

    def fresh(self, page: Iterable[Event]) -> Iterator[Event | Gap]:
        """What of a page was not read before, and the gaps between. Each counts as read when it is taken."""
        for event in page:
            if event.identity == self._expected:
                self._expected = None
            if self.knows(event.identity):
                continue
            gap = self._gap_before(event)
            if gap is not None:
                yield gap
            self._note(event)
            yield event
            if COMPRESSED in event.name:
                yield Gap("compressed", event.identity, event.identity)

    def knows(self, identity: Identity) -> bool:
        """Whether this event was read before, by an earlier process maybe, as far back as a collector shows it."""
        return identity in self.seen or (self.resumed is not None and self.resumed.covers(identity))

    def unread(self, identities: Iterable[Identity]) -> list[Identity]:
        """Which of these were not read, although they were created after what was read last."""
        newest = self.newest
        return [i for i in identities if not self.knows(i) and (newest is None or i[1] >= newest)]

    def skip_to(self, begin: datetime, before: Identity) -> Gap:
        """Give up what lies before ``begin``, where no collector gets past it."""
        gap = Gap("hidden", self.last, before)
        self.floor = begin
        self.newest = begin if self.newest is None else max(self.newest, begin)
        self.last = None
        return gap

    def clock_at_start(self, now: datetime) -> None:
        """vCenter's clock as reading begins. When it was set back since the checkpoint was kept is not known."""
        if self.newest is not None and self.newest > now:
            self.set_back(now - AWAY)

    def set_back(self, earliest: datetime) -> None:
        """vCenter's clock was set back, and what is new since may be dated from ``earliest`` on: read from there.

        What was read by now is told by its key from what is new; it was read up to ``OVERLAP`` before the newest.
        """
        self.floor = None
        if self.newest is None or self.last is None:
            self.since = earliest if self.since is None else min(self.since, earliest)
            self.resumed = self.newest = None
            return
        before = self.resumed or Checkpoint("", None, frozenset())
        begun = self.since and self.since - INSTANT
        horizon = latest(before.horizon, begun, self.newest - OVERLAP if self.seen else None)
        self.resumed = Checkpoint("", self.last, before.acknowledged.union(self.seen), horizon)
        self.seen.clear()
        self.since, self.newest = None, min(self.newest, earliest)

    def _gap_before(self, event: Event) -> Gap | None:
        """What is seen to be missing between the last event and this one, if anything."""
        last, expected = self.last, self._expected
        self._expected = None
        if last is None or event.created < last[1]:
            return None
        step = key_step(last[0], event.key)
        if step <= -REORDERED:
            return Gap("rewound", last, event.identity)
        return Gap("purged", last, event.identity) if expected is not None and step != 1 else None

    def _note(self, event: Event) -> None:
        self.last = event.identity
        self.seen[event.identity] = None
        self.newest = event.created if self.newest is None else max(self.newest, event.created)
        horizon = self.newest - OVERLAP
        while (oldest := next(iter(self.seen))) != event.identity and oldest[1] < horizon:
            del self.seen[oldest]
        if self.resumed is not None and self.resumed.is_before(horizon):
            self.resumed = None  # no collector goes back so far, and a clock that is set back must not meet it


def latest(*moments: datetime | None) -> datetime | None:
    """The latest of those that are given."""
    return max((moment for moment in moments if moment is not None), default=None)
