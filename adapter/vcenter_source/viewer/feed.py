"""The last events and what became of each: a bounded history that pages are told of in batches.

The hooks of ``Observer`` do no more than to hear what happened. It is gone through a hundred at a time, and then an
event that has come to its end is kept as bytes. All else waits for ``settle``, which is called some ten times a second.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import dropwhile, islice, takewhile
from typing import Any, Literal

import orjson
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Acknowledged, Observer
from vcenter_source.events.codec import encode_data
from vcenter_source.viewer.rates import Rates
from vcenter_source.viewer.rows import family, row

State = Literal["in flight", "retrying", "delivered", "dead letter", "left"]
"""``left``: its delivery was broken off, since another adapter delivers now, say, or this one has begun anew."""

MAX_BYTES = 64 * 1024 * 1024
"""What the history may hold besides being so many events: some have 60 kB and more."""

MAX_TRIES = 20
"""Failed tries of one event that are kept, the last ones."""

MAX_REASON = 500
"""Characters of what a failed try said."""

AT_ONCE = 128
"""How much is heard before the feed goes through it, also where nobody settles it."""

RECORD = 400
"""Bytes of memory that an event takes beside its own, about."""


@dataclass(slots=True, eq=False)
class Record:
    """One event. ``number`` counts from 1; times are seconds since 1970; ``event`` is there until it is bytes."""

    number: int
    event: CloudEvent | None
    taken: float
    state: State = "in flight"
    tries: int = 0
    failures: deque[tuple[float, str]] | None = None
    ended: float | None = None
    told: int = 0
    """The revision that began to have it."""
    revision: int = 0
    """The last one that changed it."""
    noted: bool = True
    """Whether it has changed since then."""
    body: bytes = b""
    """The CloudEvent that was sent, in structured mode."""

    @property
    def attributes(self) -> dict[str, Any]:
        """The CloudEvent's, as in JSON."""
        found: dict[str, Any] = orjson.loads(self.body)
        del found["data"]
        return found

    @property
    def reason(self) -> str:
        """What the last failed try said."""
        return self.failures[-1][1] if self.failures else ""

    def render(self) -> None:
        """Keep the event as bytes: of all ways the one with the least memory to reach for when the next one comes."""
        event = self.event
        if event is not None:
            data = orjson.Fragment(encode_data(event))
            body = orjson.dumps(event.get_attributes() | {"data": data}, option=orjson.OPT_UTC_Z)
            self.body, self.event = bytes(memoryview(body)), None  # a copy: orjson's own holds on to a buffer of 8 kB

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
            found = orjson.loads(self.body)
            entry["row"] = row(found, found["data"])
        return entry


class Feed(Observer):
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
        self._heard: list[tuple[Envelope, float, State]] = []
        self._under_way: dict[int, Record] = {}
        self._noted: list[Record] = []
        self._records: OrderedDict[int, Record] = OrderedDict()
        """By number, in the order of their last change."""
        self.oldest = 1
        """The number of the oldest event that is held; one more than the last where none is."""

    def on_accepted(self, envelope: Envelope) -> None:
        """It is in the window."""
        self._heard.append((envelope, self._clock(), "in flight"))
        if len(self._heard) >= AT_ONCE:
            self._catch_up()

    def on_delivered(self, envelope: Envelope) -> None:
        """The sink has acknowledged it."""
        self._heard.append((envelope, self._clock(), "delivered"))

    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        """A try to send it has failed; another will follow."""
        self._catch_up()
        record = self._under_way[id(envelope)]
        record.state = "retrying"
        record.fail(self._clock(), reason)
        self._note(record)

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:
        """The sink has refused it for good."""
        self._catch_up()
        self._under_way[id(envelope)].fail(self._clock(), reason)
        self._end(envelope, self._clock(), "dead letter")

    def on_start(self, acknowledged: Acknowledged) -> None:  # noqa: ARG002  the feed knows of each event
        """Events that were in flight in an earlier run are not in flight any more."""
        self._catch_up()
        for record in self._under_way.values():
            record.state, record.ended = "left", self._clock()
            self._note(record)
        self._under_way.clear()

    def _catch_up(self) -> None:
        """Go through what was heard: together, since one at a time, between all else, takes twice as long."""
        heard, self._heard = self._heard, []
        for envelope, when, state in heard:
            if state == "in flight":
                self._begin(envelope, when)
            else:
                self._end(envelope, when, state)

    def _begin(self, envelope: Envelope, when: float) -> None:
        self._number += 1
        event = envelope.event
        attributes = event.get_attributes()
        self.rates.count(family(attributes), attributes["time"].timestamp(), when)
        record = self._under_way[id(envelope)] = Record(self._number, event, when)
        self._noted.append(record)

    def _end(self, envelope: Envelope, when: float, state: State) -> None:
        record = self._under_way.pop(id(envelope))
        record.state, record.ended = state, when
        self.counts[state] += 1
        record.render()
        self._note(record)

    def _note(self, record: Record) -> None:
        if not record.noted:
            record.noted = True
            self._noted.append(record)

    def settle(self) -> int:
        """Let pages be told of what was noted; how many events it was about."""
        self._catch_up()
        noted, self._noted = self._noted, []
        records = self._records
        for record in noted:
            record.noted = False
            self.revision = record.revision = self.revision + 1
            if not record.told:
                record.told = self.revision
                record.render()
                self.bytes += len(record.body) + RECORD
                records[record.number] = record
            elif record.number in records:
                records.move_to_end(record.number)
        while len(records) > self.limit or self.bytes > self._max_bytes:
            self.bytes -= len(records.pop(self.oldest).body) + RECORD
            self.oldest += 1
        return len(noted)

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
