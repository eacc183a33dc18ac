"""The last events and what became of each: a bounded history that pages are told of in batches.

The hooks of ``Watch`` note what happened, and turn an event's data into bytes, which take a fraction of its objects'
memory, as soon as it has come to its end. All else waits for ``settle``, which is called some ten times a second.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile
from typing import Any, Literal

import orjson
from cloudevents.core.v1.event import CloudEvent

from adapter.cloudevent import OrjsonFormat
from adapter.delivery import Parcel, Watch
from adapter.viewer.rates import Rates
from adapter.viewer.rows import family, row

State = Literal["in flight", "retrying", "delivered", "dead letter", "left"]
"""``left``: its delivery was broken off, since another adapter delivers now, say, or this one has begun anew."""

MAX_BYTES = 64 * 1024 * 1024
"""What the history may hold besides being so many events: some have 60 kB and more."""

MAX_TRIES = 20
"""Failed tries of one event that are kept, the last ones."""

MAX_REASON = 500
"""Characters of what a failed try said."""

ATTRIBUTES = 1200
"""Bytes of memory that the attributes of an event take, about."""

_FORMAT = OrjsonFormat()


@dataclass(slots=True, eq=False)
class Record:
    """One event. ``number`` counts from 1; times are seconds since 1970; ``event`` is there until its data is bytes."""

    number: int
    event: CloudEvent | None
    attributes: dict[str, Any]
    taken: float
    state: State = "in flight"
    tries: int = 0
    failures: deque[tuple[float, str]] | None = None
    ended: float | None = None
    told: int = 0
    """The revision that began to have it."""
    revision: int = 0
    """The last one that changed it."""
    noted: bool = False
    """Whether it has changed since then."""
    data: bytes = b""

    @property
    def body(self) -> bytes:
        """The CloudEvent that was sent, in structured mode."""
        return orjson.dumps(self.attributes | {"data": orjson.Fragment(self.data)}, option=orjson.OPT_UTC_Z)

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        return len(self.data) + ATTRIBUTES

    @property
    def reason(self) -> str:
        """What the last failed try said."""
        return self.failures[-1][1] if self.failures else ""

    def render(self) -> None:
        """Turn the event's data into bytes."""
        event, self.event = self.event, None
        if event is not None:
            self.data = _FORMAT.write_data(event.get_data(), "application/json")

    def fail(self, when: float, reason: str) -> None:
        """A try has failed."""
        if self.failures is None:
            self.failures = deque(maxlen=MAX_TRIES)
        self.failures.append((when, reason[:MAX_REASON]))
        self.tries += 1

    def told_since(self, revision: int) -> dict[str, Any]:
        """What to tell a page that knows everything up to a revision."""
        entry: dict[str, Any] = {"n": self.number, "state": self.state}
        if self.tries:
            entry |= {"tries": self.tries, "reason": self.reason}
        if self.told > revision:
            entry["row"] = row(self.attributes, orjson.loads(self.data))
        return entry


class Feed(Watch):
    """The history. ``limit`` is in events; ``clock`` gives seconds since 1970."""

    def __init__(self, limit: int, *, max_bytes: int = MAX_BYTES, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self.revision = 0
        self.bytes = 0
        self.counts: Counter[str] = Counter()
        """How many events came to each end since the start."""
        self.rates = Rates(clock)
        self._max_bytes = max_bytes
        self._clock = clock
        self._number = 0
        self._under_way: dict[int, Record] = {}
        self._noted: list[Record] = []
        self._records: OrderedDict[int, Record] = OrderedDict()
        """By number, in the order of their last change."""
        self.oldest = 1
        """The number of the oldest event that is held; one more than the last where none is."""

    def taken(self, parcel: Parcel) -> None:
        """It is in the window."""
        self._number += 1
        record = self._under_way[id(parcel)] = Record(
            self._number, parcel.event, parcel.event.get_attributes(), self._clock()
        )
        self._note(record)

    def failed(self, parcel: Parcel, reason: str) -> None:
        """A try to send it has failed; another will follow."""
        record = self._under_way[id(parcel)]
        record.state = "retrying"
        record.fail(self._clock(), reason)
        self._note(record)

    def delivered(self, parcel: Parcel) -> None:
        """The sink has acknowledged it."""
        self._end(parcel, "delivered")

    def dead_lettered(self, parcel: Parcel, reason: str) -> None:
        """The sink has refused it for good."""
        self._under_way[id(parcel)].fail(self._clock(), reason)
        self._end(parcel, "dead letter")

    def begun(self) -> None:
        """A delivery begins; what was under way in one before it is not, any more."""
        for record in self._under_way.values():
            record.state, record.ended = "left", self._clock()
            self._note(record)
        self._under_way.clear()

    def _end(self, parcel: Parcel, state: State) -> None:
        record = self._under_way.pop(id(parcel))
        record.state, record.ended = state, self._clock()
        self.counts[state] += 1
        record.render()  # now, while the processor has it at hand: later it takes five times as long
        self._note(record)

    def _note(self, record: Record) -> None:
        if not record.noted:
            record.noted = True
            self._noted.append(record)

    def settle(self) -> int:
        """Let pages be told of what was noted; how many events it was about."""
        noted, self._noted = self._noted, []
        now = self._clock()
        for record in noted:
            self._settle(record, now)
        while len(self._records) > self.limit or self.bytes > self._max_bytes:
            self._forget_oldest()
        return len(noted)

    def _settle(self, record: Record, now: float) -> None:
        record.noted = False
        self.revision += 1
        record.revision = self.revision
        if not record.told:
            record.render()
            self.rates.count(family(record.attributes), record.attributes["time"].timestamp(), now)
            record.told = self.revision
            self.bytes += record.size
            self._records[record.number] = record
        elif record.number in self._records:
            self._records.move_to_end(record.number)

    def _forget_oldest(self) -> None:
        self.bytes -= self._records.pop(self.oldest).size
        self.oldest += 1

    def __len__(self) -> int:
        return len(self._records)

    def get(self, number: int) -> Record | None:
        """The event with this number, if it is still held."""
        return self._records.get(number)

    def since(self, revision: int, most: int | None = None) -> list[Record]:
        """The first events that have changed after a revision, in the order of their changes."""
        if self.revision - revision > len(self._records) // 2:  # nearer to the beginning of the history than to its end
            return list(islice(dropwhile(lambda each: each.revision <= revision, self._records.values()), most))
        return [*takewhile(lambda each: each.revision > revision, reversed(self._records.values()))][::-1][:most]

    def latest(self, most: int) -> Iterator[Record]:
        """The last events, newest first."""
        last = self.oldest + len(self._records) - 1
        return (self._records[number] for number in range(last, max(self.oldest, last - most + 1) - 1, -1))


class Together(Watch):
    """Several that watch the same deliveries."""

    def __init__(self, watches: Iterable[Watch]) -> None:
        self._watches = tuple(watches)

    def begun(self) -> None:
        """Tell all of them."""
        for watch in self._watches:
            watch.begun()

    def taken(self, parcel: Parcel) -> None:
        """Tell all of them."""
        for watch in self._watches:
            watch.taken(parcel)

    def failed(self, parcel: Parcel, reason: str) -> None:
        """Tell all of them."""
        for watch in self._watches:
            watch.failed(parcel, reason)

    def delivered(self, parcel: Parcel) -> None:
        """Tell all of them."""
        for watch in self._watches:
            watch.delivered(parcel)

    def dead_lettered(self, parcel: Parcel, reason: str) -> None:
        """Tell all of them."""
        for watch in self._watches:
            watch.dead_lettered(parcel, reason)
