"""What is read next and what was read before, on a history that a test writes itself."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from adapter.backoff import Backoff
from adapter.checkpoint import Checkpoint
from adapter.errors import AuthenticationError, SessionLostError, VcenterSourceError
from adapter.event import Event
from adapter.stream import OVERLAP, Position, events

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
    async def reader(self, since: datetime | None, event_type_ids: Sequence[str]) -> AsyncIterator["Pages"]:
        self.begins.append(since)
        yield Pages(self, [e for e in self.stored if since is None or e.created >= since])


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

    async def wait(self, seconds: int) -> None:
        await asyncio.sleep(0)


async def first(count: int, history: History, position: Position) -> list[Event]:
    async def no_sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    taken: list[Event] = []
    async with aclosing(events(history, position, (), NO_WAIT, no_sleep)) as stream:
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
    assert asyncio.run(first(count, history, Position(None))) == stored


def test_a_refused_password_is_tried_again_too() -> None:
    history = History([event(1)], failures={1: AuthenticationError("wrong")})
    assert asyncio.run(first(1, history, Position(None))) == [event(1)]


def test_the_first_collector_begins_at_start_from_and_the_next_ones_before_the_newest_event() -> None:
    stored = [event(1, 500), event(2, 501), event(3, 502)]
    history = History(stored, page_size=2, failures={2: SessionLostError("gone")})
    asyncio.run(first(3, history, Position(NOW)))
    assert history.begins == [NOW, NOW + timedelta(seconds=501) - OVERLAP]


def test_a_new_collector_never_begins_before_start_from() -> None:
    position = Position(NOW)
    assert list(position.fresh([event(1, 1)])) == [event(1, 1)]
    assert position.begin() == NOW


def test_a_resumed_stream_drops_what_the_checkpoint_covers_and_nothing_else() -> None:
    stored = [event(n, n) for n in range(1, 8)]
    checkpoint = Checkpoint("uuid", stored[2].identity, frozenset({stored[4].identity}))
    history = History(stored)
    read = asyncio.run(first(3, history, Position(NOW + timedelta(days=1), checkpoint)))
    assert [e.key for e in read] == [4, 6, 7]
    assert history.begins == [stored[2].created - OVERLAP]


def test_an_event_that_vcenter_stored_late_is_not_missed_by_a_new_collector() -> None:
    early, late, newest = event(1, 0), event(2, 5), event(3, 10)
    position = Position(None)
    assert list(position.fresh([early, newest])) == [early, newest]
    assert list(position.fresh([early, late, newest])) == [late]


def test_only_the_overlap_is_remembered() -> None:
    position = Position(None)
    for n in range(1000):
        assert len(list(position.fresh([event(n, n)]))) == 1
    assert len(position.seen) == OVERLAP.total_seconds() + 1


def test_an_event_that_was_not_taken_does_not_count_as_read() -> None:
    position = Position(None)
    assert next(position.fresh([event(1), event(2)])) == event(1)
    assert list(position.fresh([event(1), event(2)])) == [event(2)]
