"""What is read next and what was read before, on a history that a test writes itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vcenter_source.core.backoff import Backoff
from vcenter_source.core.errors import AuthenticationError, SessionLostError, VcenterSourceError
from vcenter_source.core.event import ClockReading, Event, Gap, Identity
from vcenter_source.pipeline.cursor import OVERLAP, ReadCursor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.state.checkpoint import Checkpoint, OffsetTracker

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
NO_WAIT = Backoff(base=0.0, longest=0.0, random=lambda: 1.0)


def event(key: int, seconds: float = 0.0) -> Event:
    return Event("VmPoweredOnEvent", key, NOW + timedelta(seconds=seconds), None, {})


@dataclass
class History:
    """Events that can be read in pages; ``failures`` holds what reading page n raises, once."""

    stored: list[Event]
    page_size: int = 3
    failures: dict[int, VcenterSourceError] = field(default_factory=dict)
    begins: list[datetime | None] = field(default_factory=list)
    pages_read: int = 0

    @asynccontextmanager
    async def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AsyncIterator["Pages"]:
        self.begins.append(since)
        yield Pages(self, self.between(since, until))

    def between(self, since: datetime | None, until: datetime | None) -> list[Event]:
        return [e for e in self.stored if (not since or e.created >= since) and (not until or e.created <= until)]


@dataclass
class Pages:
    history: History
    matching: list[Event]

    async def read(self) -> list[Event]:
        self.history.pages_read += 1
        if self.history.pages_read in self.history.failures:
            raise self.history.failures[self.history.pages_read]
        page = self.matching[: self.history.page_size]
        del self.matching[: len(page)]
        return page

    async def wait(self, seconds: int) -> ClockReading:
        await asyncio.sleep(0)
        return ClockReading(NOW + timedelta(days=1), NOW)

    async def read_latest(self) -> list[Identity]:
        return [event.identity for event in self.history.stored[-10:]]


async def first(count: int, history: History, position: ReadCursor) -> list[Event | Gap]:
    async def no_sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    taken: list[Event | Gap] = []
    async with aclosing(
        EventReader(history, position, (), NO_WAIT, no_sleep, OffsetTracker("uuid", None)).events()
    ) as stream:
        async for one in stream:
            taken.append(one)
            if len(taken) == count:
                break
    return taken


@given(
    count=st.integers(1, 30),
    page_size=st.integers(1, 7),
    failing=st.sets(st.integers(1, 25), max_size=8),
    gaps=st.lists(st.sampled_from([0.0, 0.001, 1.0, 59.0, 61.0, 3600.0]), min_size=30, max_size=30),
)
def test_every_event_is_read_once_however_often_the_session_is_lost(
    count: int, page_size: int, failing: set[int], gaps: list[float]
) -> None:
    stored = [event(n, sum(gaps[:n])) for n in range(count)]
    history = History(stored, page_size, {n: SessionLostError("gone") for n in failing})
    assert asyncio.run(first(count, history, ReadCursor(None))) == stored


def test_a_refused_password_is_tried_again_too() -> None:
    history = History([event(1)], failures={1: AuthenticationError("wrong")})
    assert asyncio.run(first(1, history, ReadCursor(None))) == [event(1)]


def test_the_first_collector_begins_at_start_from_and_the_next_ones_before_the_newest_event() -> None:
    stored = [event(1, 1500), event(2, 1501), event(3, 1502)]
    history = History(stored, page_size=2, failures={2: SessionLostError("gone")})
    asyncio.run(first(3, history, ReadCursor(NOW)))
    assert history.begins == [NOW, NOW + timedelta(seconds=1501) - OVERLAP]


def test_a_new_collector_never_begins_before_start_from() -> None:
    position = ReadCursor(NOW)
    assert list(position.deduplicate([event(1, 1)])) == [event(1, 1)]
    assert position.start_collector() == NOW


def test_a_resumed_stream_drops_what_the_checkpoint_covers_and_nothing_else() -> None:
    stored = [event(n, n) for n in range(1, 8)]
    acknowledged = frozenset(stored[n].identity for n in (0, 1, 2, 4))
    checkpoint = Checkpoint("uuid", stored[2].identity, acknowledged)
    history = History(stored)
    read = asyncio.run(first(3, history, ReadCursor(NOW + timedelta(days=1), checkpoint)))
    assert read == [stored[3], stored[5], stored[6]]
    assert history.begins == [stored[2].created - OVERLAP]


def test_an_event_that_vcenter_stored_late_is_not_missed_by_a_new_collector() -> None:
    early, late, newest = event(1, 0), event(2, 5), event(3, 10)
    position = ReadCursor(None)
    assert list(position.deduplicate([early, newest])) == [early, newest]
    assert list(position.deduplicate([early, late, newest])) == [late]


def test_what_was_acknowledged_is_known_after_a_resume_though_the_last_of_it_was_stored_late() -> None:
    newest, late = event(1, 100), event(2, 41)
    position = ReadCursor(None, Checkpoint("uuid", late.identity, frozenset({newest.identity, late.identity})))
    assert list(position.deduplicate([event(3, 102)])) == [event(3, 102)]
    assert list(position.deduplicate([newest, event(3, 102)])) == []


def test_only_the_overlap_is_remembered() -> None:
    position = ReadCursor(None)
    for n in range(1000):
        assert len(list(position.deduplicate([event(n, n)]))) == 1
    assert len(position.seen) == OVERLAP.total_seconds() + 1


def test_an_event_that_was_not_taken_does_not_count_as_read() -> None:
    position = ReadCursor(None)
    assert next(position.deduplicate([event(1), event(2)])) == event(1)
    assert list(position.deduplicate([event(1), event(2)])) == [event(2)]


# What is seen to be missing


def test_a_history_that_was_purged_is_a_gap() -> None:
    position = ReadCursor(None)
    assert list(position.deduplicate([event(1, 0), event(2, 1)])) == [event(1, 0), event(2, 1)]
    position.start_collector()
    gap = Gap("purged", event(2, 1).identity, event(9, 5).identity)
    assert list(position.deduplicate([event(9, 5), event(10, 6)])) == [gap, event(9, 5), event(10, 6)]


def test_a_history_that_goes_on_where_it_was_is_none() -> None:
    position = ReadCursor(None)
    list(position.deduplicate([event(1, 0), event(2, 1)]))
    position.start_collector()
    assert list(position.deduplicate([event(2, 1), event(9, 5)])) == [event(9, 5)]
    position.start_collector()
    assert list(position.deduplicate([event(10, 6)])) == [event(10, 6)], "the next key, so nothing can lie between"


def test_keys_that_begin_anew_are_a_gap_and_keys_that_wrap_around_are_not() -> None:
    position = ReadCursor(None)
    list(position.deduplicate([event(2**31 - 1, 0)]))
    assert list(position.deduplicate([event(-(2**31), 1)])) == [event(-(2**31), 1)]
    list(position.deduplicate([event(5000, 2)]))
    gap = Gap("rewound", event(5000, 2).identity, event(17, 3).identity)
    assert list(position.deduplicate([event(17, 3)])) == [gap, event(17, 3)]


def test_what_vcenter_has_compressed_is_a_gap() -> None:
    compressed = Event("EventEx", 7, NOW, None, {"eventTypeId": "vim.event.EventBurstCompressedEvent"})
    position = ReadCursor(None)
    assert list(position.deduplicate([compressed])) == [
        compressed,
        Gap("compressed", compressed.identity, compressed.identity),
    ]


@dataclass
class Hiding(History):
    """Like a vCenter: a page is counted first, and what the account may not see is taken out of it then."""

    hidden: frozenset[int] = frozenset()

    @asynccontextmanager
    async def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AsyncIterator["Pages"]:
        self.begins.append(since)
        yield HidingPages(self, self.between(since, until), self.hidden)


@dataclass
class HidingPages(Pages):
    hidden: frozenset[int] = frozenset()

    async def read(self) -> list[Event]:
        self.history.pages_read += 1
        if self.history.pages_read in self.history.failures:
            raise self.history.failures[self.history.pages_read]
        page = [e for e in self.matching[: self.history.page_size] if e.key not in self.hidden]
        if page:
            del self.matching[: self.history.page_size]
        return page

    async def read_latest(self) -> list[Identity]:
        return [e.identity for e in self.history.stored if e.key not in self.hidden][-2:]


async def all_visible(history: Hiding) -> list[Event]:
    visible = [e for e in history.stored if e.key not in history.hidden]

    async def no_sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    taken: list[Event] = []
    async with aclosing(
        EventReader(history, ReadCursor(None), (), NO_WAIT, no_sleep, OffsetTracker("uuid", None)).events()
    ) as stream:
        async for one in stream:
            if isinstance(one, Event):
                taken.append(one)
                if len(taken) == len(visible):
                    break
    assert taken == visible
    return taken


@given(
    before=st.integers(0, 5),
    hidden=st.integers(1, 30),
    after=st.integers(1, 12),
    page_size=st.integers(1, 7),
    step=st.sampled_from([0.002, 1.0, 300.0]),
    failing=st.sets(st.integers(1, 60), max_size=8),
)
def test_a_span_of_hidden_events_is_passed_and_nothing_visible_is_lost(
    *, before: int, hidden: int, after: int, page_size: int, step: float, failing: set[int]
) -> None:
    stored = [event(n, n * step) for n in range(before + hidden + after)]
    failures: dict[int, VcenterSourceError] = {n: SessionLostError("gone") for n in failing}
    history = Hiding(stored, page_size, failures, hidden=frozenset(range(before, before + hidden)))
    assert asyncio.run(asyncio.wait_for(all_visible(history), 20))


def test_what_can_be_seen_between_two_hidden_spans_is_not_stepped_over() -> None:
    history = Hiding([event(n, n) for n in range(36)], hidden=frozenset([*range(3, 13), *range(18, 31)]))
    assert asyncio.run(asyncio.wait_for(all_visible(history), 20))


@dataclass
class Belated(Hiding):
    """Its event ``late``, dated before others, is stored as its third collector is made."""

    late: Event = field(default_factory=lambda: event(-1))

    @asynccontextmanager
    async def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AsyncIterator["Pages"]:
        if len(self.begins) == 2:
            self.stored.insert(2, self.late)
        async with super().reader(since, event_type_ids, until) as pages:
            yield pages


def test_what_was_stored_late_is_not_stepped_over_with_a_hidden_span() -> None:
    stored = [event(n, n) for n in range(12)]
    history = Belated(stored, hidden=frozenset(range(3, 11)), late=event(12, 1.5))
    read = asyncio.run(asyncio.wait_for(first(6, history, ReadCursor(None)), 20))
    assert [one.key for one in read if isinstance(one, Event)] == [0, 1, 2, 12, 11]


def test_a_failure_long_after_another_is_the_first_again() -> None:
    delays: list[float] = []

    third = asyncio.Event()

    async def note(seconds: float) -> None:
        delays.append(seconds)
        if len(delays) == 3:
            third.set()

    async def read() -> None:
        history = History([event(1)], failures={n: SessionLostError("gone") for n in (3, 6, 9)})
        backoff = Backoff(base=0.5, longest=30.0, random=lambda: 1.0)
        async with aclosing(
            EventReader(history, ReadCursor(None), (), backoff, note, OffsetTracker("uuid", None)).events()
        ) as stream:
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            await third.wait()
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting

    asyncio.run(read())
    assert delays == [0.5, 0.5, 0.5]
