"""The last events and what became of each: a bounded history that pages are told of in batches.

The hooks of ``Watch`` run once or twice an event and only note what happened; everything else waits for ``settle``,
which is called some ten times a second. Then an event becomes bytes, which take a fraction of its objects' memory.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, takewhile
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


@dataclass(slots=True, eq=False)
class Record:
    """One event. ``number`` counts from 1; times are seconds since 1970; ``event`` is there until it is settled."""

    number: int
    event: CloudEvent | None
    taken: float
    state: State = "in flight"
    tries: int = 0
    failures: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=MAX_TRIES))
    ended: float | None = None
    told: int = 0
    """The revision in which it was first told of."""
    revision: int = 0
    """The last one that had it."""
    row: bytes = b""
    attributes: bytes = b""
    data: bytes = b""

    @property
    def size(self) -> int:
        """Bytes that it holds, its objects' own size aside."""
        return len(self.row) + len(self.attributes) + len(self.data)

    @property
    def reason(self) -> str:
        """What the last failed try said."""
        return self.failures[-1][1] if self.failures else ""

    def settle(self) -> None:
        """Turn the event into bytes."""
        if self.event is not None:
            self.row = orjson.dumps(row(self.event), option=orjson.OPT_UTC_Z)
            self.attributes = orjson.dumps(self.event.get_attributes(), option=orjson.OPT_UTC_Z)
            self.data = OrjsonFormat().write_data(self.event.get_data(), "application/json")
            self.event = None

    def cloudevent(self) -> bytes:
        """It as the CloudEvent that was sent, in structured mode."""
        return b'%b,"data":%b}' % (self.attributes[:-1], self.data)

    def told_since(self, revision: int) -> dict[str, Any]:
        """What to tell a page that knows everything up to a revision."""
        entry: dict[str, Any] = {"n": self.number, "state": self.state}
        if self.tries:
            entry |= {"tries": self.tries, "reason": self.reason}
        if self.told > revision:
            entry["row"] = orjson.Fragment(self.row)
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
        self._records: dict[int, Record] = {}
        self._by_change: OrderedDict[int, Record] = OrderedDict()

    def taken(self, parcel: Parcel) -> None:
        """It is in the window."""
        self._number += 1
        record = self._under_way[id(parcel)] = Record(self._number, parcel.event, self._clock())
        self._noted.append(record)

    def failed(self, parcel: Parcel, reason: str) -> None:
        """A try to send it has failed; another will follow."""
        record = self._under_way[id(parcel)]
        record.state = "retrying"
        record.tries += 1
        record.failures.append((self._clock(), reason[:MAX_REASON]))
        self._noted.append(record)

    def delivered(self, parcel: Parcel) -> None:
        """The sink has acknowledged it."""
        self._end(parcel, "delivered")

    def dead_lettered(self, parcel: Parcel, reason: str) -> None:
        """The sink has refused it for good."""
        self._under_way[id(parcel)].failures.append((self._clock(), reason[:MAX_REASON]))
        self._under_way[id(parcel)].tries += 1
        self._end(parcel, "dead letter")

    def begun(self) -> None:
        """A delivery begins; what was under way in one before it is not, any more."""
        for record in self._under_way.values():
            record.state, record.ended = "left", self._clock()
            self._noted.append(record)
        self._under_way.clear()

    def _end(self, parcel: Parcel, state: State) -> None:
        record = self._under_way.pop(id(parcel))
        record.state, record.ended = state, self._clock()
        self.counts[state] += 1
        self._noted.append(record)

    def settle(self) -> bool:
        """Make what was noted a revision of its own; whether there was anything."""
        noted, self._noted = dict.fromkeys(self._noted), []
        if not noted:
            return False
        self.revision += 1
        for record in noted:
            self._settle(record)
        while len(self._records) > self.limit or self.bytes > self._max_bytes:
            self._forget_oldest()
        return True

    def _settle(self, record: Record) -> None:
        if record.event is not None:
            attributes = record.event.get_attributes()
            self.rates.count(family(attributes), attributes["time"].timestamp())
            record.settle()
            record.told = self.revision
            self._records[record.number] = record
            self.bytes += record.size
        if record.number in self._records:
            record.revision = self.revision
            self._by_change[record.number] = record
            self._by_change.move_to_end(record.number)

    def _forget_oldest(self) -> None:
        number = next(iter(self._records))
        self.bytes -= self._records.pop(number).size
        self._by_change.pop(number)

    def __len__(self) -> int:
        return len(self._records)

    @property
    def oldest(self) -> int:
        """The number of the oldest event that is held; one more than the last where none is."""
        return next(iter(self._records), self._number + 1)

    def get(self, number: int) -> Record | None:
        """The event with this number, if it is still held."""
        return self._records.get(number)

    def since(self, revision: int) -> list[dict[str, Any]]:
        """What has changed after a revision, oldest event first."""
        changed = takewhile(lambda each: each.revision > revision, reversed(self._by_change.values()))
        return [each.told_since(revision) for each in sorted(changed, key=lambda each: each.number)]

    def latest(self, most: int) -> Iterator[Record]:
        """The last events, newest first."""
        return islice(reversed(self._records.values()), most)


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
