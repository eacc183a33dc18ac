"""The last events and what became of each: a bounded history that pages receive in batches.

    hooks of Observer ──▶ _pending ──100 at a time──▶ records in flight ──flush, 10 times a second──▶ history ──▶ pages
                                                                │                                        by revision
                                                                └── ended: kept as bytes

The hooks are in the delivery's way, so they only note what happened. Each change of an event gets a new revision at the
next ``flush``, however often it has changed since the last one: a page asks for what is newer than its own revision.
"""

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import dropwhile, islice, takewhile
from typing import Any, Literal

import orjson
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Observer
from vcenter_source.events.codec import CheckedEvent, encode_data
from vcenter_source.viewer.histogram import FamilyHistogram
from vcenter_source.viewer.summary import event_family, summarize

State = Literal["in flight", "retrying", "delivered", "dead letter", "interrupted", "removed"]
"""``interrupted``: its delivery was given up, since another adapter delivers now, or this one has started anew.
``removed``: it was a dead letter, and somebody else has sent it again or discarded it."""

MAX_HISTORY_BYTES = 64 * 1024 * 1024
"""A limit of the history beside the number of events: some have 60 kB and more."""

MAX_FAILURES = 20
"""Failed tries of one event that are kept, the last ones."""

MAX_REASON = 500
"""Characters of the reason of a failed try."""

BATCH_SIZE = 128
"""How much the hooks note before it is processed, also where nobody calls ``flush``."""

RECORD_OVERHEAD = 400
"""Bytes of memory, about, that an event takes beside its own."""


@dataclass(slots=True, eq=False)
class EventRecord:
    """One event. ``number`` counts from 1; times are seconds since 1970; ``event`` is None once it is bytes."""

    number: int
    event: CloudEvent | None
    accepted: float
    state: State = "in flight"
    tries: int = 0
    failures: deque[tuple[float, str]] | None = None
    ended: float | None = None
    first_revision: int = 0
    """The revision that first had it; 0 before."""
    revision: int = 0
    """The last revision that changed it."""
    is_changed: bool = True
    """Whether it has changed since that revision."""
    body: bytes = b""
    """The CloudEvent that was sent, in structured mode."""

    @property
    def attributes(self) -> dict[str, Any]:
        """The CloudEvent's attributes, as in JSON."""
        document: dict[str, Any] = orjson.loads(self.body)
        del document["data"]
        return document

    @property
    def reason(self) -> str:
        """The reason of the last failed try."""
        return self.failures[-1][1] if self.failures else ""

    def encode(self) -> None:
        """Keep the event as bytes: they take the least memory, and least of all to free when the next event comes."""
        event = self.event
        if event is not None:
            data = orjson.Fragment(encode_data(event))
            body = orjson.dumps(event.get_attributes() | {"data": data}, option=orjson.OPT_UTC_Z)
            self.body, self.event = bytes(memoryview(body)), None  # a copy: orjson's own holds on to a buffer of 8 kB

    def add_failure(self, when: float, reason: str) -> None:
        """Note a failed try."""
        if self.failures is None:
            self.failures = deque(maxlen=MAX_FAILURES)
        self.failures.append((when, reason[:MAX_REASON]))
        self.tries += 1

    def changes_since(self, revision: int) -> dict[str, Any]:
        """Return what is new to a page that has everything up to a revision."""
        entry: dict[str, Any] = {"n": self.number, "state": self.state}
        if self.tries:
            entry |= {"tries": self.tries, "reason": self.reason}
        if self.first_revision > revision:
            document = orjson.loads(self.body)
            entry["row"] = summarize(document, document["data"])
        return entry


class Feed(Observer):
    """The history. ``limit`` is in events; ``clock`` gives seconds since 1970."""

    def __init__(
        self, limit: int, *, max_bytes: int = MAX_HISTORY_BYTES, clock: Callable[[], float] = time.time
    ) -> None:
        self.limit = limit
        self.revision = 0
        self.bytes = 0
        self.counts: Counter[str] = Counter()
        """How many events came to each end since the start."""
        self.rates = FamilyHistogram(clock)
        self._max_bytes = max_bytes
        self._clock = clock
        self._number = 0
        self._pending: list[tuple[Envelope, float, State]] = []
        self._in_flight: dict[int, tuple[Envelope, EventRecord]] = {}
        self._changed: list[EventRecord] = []
        self._records: OrderedDict[int, EventRecord] = OrderedDict()
        """By number, in the order of their last change."""
        self.oldest = 1
        """The number of the oldest event in the history; one more than the last where it is empty."""

    def on_accepted(self, envelope: Envelope) -> None:
        """Note that an event is in flight."""
        self._pending.append((envelope, self._clock(), "in flight"))
        if len(self._pending) >= BATCH_SIZE:
            self._process_pending()

    def on_delivered(self, envelope: Envelope) -> None:
        """Note that the sink has acknowledged an event."""
        self._pending.append((envelope, self._clock(), "delivered"))

    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        """Note a failed try that another will follow."""
        self._process_pending()
        _, record = self._in_flight[id(envelope)]
        record.state = "retrying"
        record.add_failure(self._clock(), reason)
        self._mark_changed(record)

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:
        """Note that the sink has refused an event for good."""
        self._process_pending()
        self._in_flight[id(envelope)][1].add_failure(self._clock(), reason)
        self._finish(envelope, self._clock(), "dead letter")

    def add_letter(self, event: CloudEvent, when: float, reason: str) -> int:
        """Add an event that was refused some time ago; return its number."""
        self._process_pending()
        self._number += 1
        shown = CheckedEvent({"time": datetime.fromtimestamp(when, UTC)} | event.get_attributes(), event.get_data())
        if not isinstance(event.get_data(), dict):  # any text or bytes, as a text
            shown.encoded = orjson.dumps(encode_data(event).decode(errors="replace"))
        record = EventRecord(self._number, shown, when, "dead letter", ended=when)
        record.add_failure(when, reason)
        self._changed.append(record)
        return self._number

    def refuse(self, number: int, when: float, reason: str) -> bool:
        """Note that an event is a dead letter, once more maybe; return False for one that is not in the history."""
        record = self._records.get(number)
        if record is not None and record.state != "dead letter":
            record.state, record.ended = "dead letter", when
            record.add_failure(when, reason)
            self._mark_changed(record)
        return record is not None

    def settle(self, number: int, state: State) -> None:
        """Note what became of a dead letter; nothing for an event that is none."""
        record = self._records.get(number)
        if record is not None and record.state == "dead letter":
            record.state, record.ended = state, self._clock()
            self._mark_changed(record)

    def find_in_states(self, states: Collection[State]) -> Iterator[EventRecord]:
        """Yield the events in one of these states."""
        return (record for record in self._records.values() if record.state in states)

    def interrupt(self, vcenter: str) -> None:
        """Mark the events of a vCenter that are in flight as interrupted: its pipeline has stopped."""
        self._process_pending()
        for key, (envelope, record) in list(self._in_flight.items()):
            if envelope.vcenter == vcenter:
                record.state, record.ended = "interrupted", self._clock()
                self._mark_changed(record)
                del self._in_flight[key]

    def _process_pending(self) -> None:
        """Process what the hooks have noted: one at a time, between all else, would take twice as long."""
        pending, self._pending = self._pending, []
        for envelope, when, state in pending:
            if state == "in flight":
                self._start(envelope, when)
            else:
                self._finish(envelope, when, state)

    def _start(self, envelope: Envelope, when: float) -> None:
        self._number += 1
        event = envelope.event
        attributes = event.get_attributes()
        self.rates.count(event_family(attributes), attributes["time"].timestamp(), when)
        record = EventRecord(self._number, event, when)
        self._in_flight[id(envelope)] = envelope, record
        self._changed.append(record)

    def _finish(self, envelope: Envelope, when: float, state: State) -> None:
        _, record = self._in_flight.pop(id(envelope))
        record.state, record.ended = state, when
        self.counts[state] += 1
        record.encode()
        self._mark_changed(record)

    def _mark_changed(self, record: EventRecord) -> None:
        if not record.is_changed:
            record.is_changed = True
            self._changed.append(record)

    def flush(self) -> int:
        """Make the changes visible to pages; return how many events have changed."""
        self._process_pending()
        changed, self._changed = self._changed, []
        records = self._records
        for record in changed:
            record.is_changed = False
            self.revision = record.revision = self.revision + 1
            if not record.first_revision:
                record.first_revision = self.revision
                record.encode()
                self.bytes += len(record.body) + RECORD_OVERHEAD
                records[record.number] = record
            elif record.number in records:
                records.move_to_end(record.number)
        self._forget_oldest()
        return len(changed)

    def _forget_oldest(self) -> None:
        while len(self._records) > self.limit or self.bytes > self._max_bytes:
            self.bytes -= len(self._records.pop(self.oldest).body) + RECORD_OVERHEAD
            self.oldest += 1

    @property
    def last(self) -> int:
        """The number of the last event in the history."""
        return self.oldest + len(self._records) - 1

    def __len__(self) -> int:
        return len(self._records)

    def get(self, number: int) -> EventRecord | None:
        """Return the event with this number; None where the history does not have it any more."""
        return self._records.get(number)

    def find_changed(self, revision: int, limit: int | None = None) -> list[EventRecord]:
        """Return the first events that have changed after a revision, in the order of their changes."""
        records = self._records.values()
        if self.revision - revision > len(records) // 2:  # nearer to the beginning of the history than to its end
            return list(islice(dropwhile(lambda record: record.revision <= revision, records), limit))
        return [*takewhile(lambda record: record.revision > revision, reversed(records))][::-1][:limit]

    def latest(self, limit: int) -> Iterator[EventRecord]:
        """Yield the last events, newest first."""
        last = self.last
        return (self._records[number] for number in range(last, max(self.oldest, last - limit + 1) - 1, -1))


class FeedInterruption(Observer):
    """Tells a history that a vCenter's pipeline has stopped."""

    def __init__(self, feed: Feed, vcenter: str) -> None:
        self._feed, self._vcenter = feed, vcenter

    def on_stop(self) -> None:
        """Mark the events in flight as interrupted."""
        self._feed.interrupt(self._vcenter)
