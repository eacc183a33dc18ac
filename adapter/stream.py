"""The events, one after another, for ever.

The generators are nested by lifetime: ``events`` never ends, ``_one_collector`` lives as long as its collector does,
``Position.fresh`` one page.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from adapter.backoff import Backoff
from adapter.errors import ClockSetBackError, CollectorStuckError, VcenterSourceError
from adapter.event import Event, Gap, Identity
from adapter.position import Position

log = structlog.get_logger()

WAIT_SECONDS = 10
"""The longest wait for a wake-up before vCenter is asked all the same."""

PRECISION = timedelta(milliseconds=1)
"""How closely the end of a span that no collector can pass is looked for."""

GROWTH = 1.25
"""How much longer each step of that search is than the one before: half a year takes some hundred of them."""

OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Before the first vCenter."""


class Page(Protocol):
    """Some events. They may take their time to be made, so they are gone through once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Event]: ...


class Reader(Protocol):
    """One collector."""

    async def read(self) -> Page:
        """The next events, oldest first; empty when there are none just now, or when the collector is stuck."""

    async def wait(self, seconds: int) -> None:
        """Return as soon as there may be more to read, or after ``seconds``."""

    async def latest(self) -> list[Identity]:
        """The newest events there are, in no order, wherever reading stands."""


class EventHistory(Protocol):
    """What the stream needs of a vCenter."""

    def reader(self, since: datetime | None, event_type_ids: Sequence[str]) -> AbstractAsyncContextManager[Reader]:
        """A collector of the events from ``since`` on, of these types (empty: all)."""


@dataclass(slots=True)
class Stream:
    """What reading takes. ``sleep`` waits some seconds; a test passes its own."""

    history: EventHistory
    position: Position
    event_type_ids: Sequence[str]
    backoff: Backoff
    sleep: Callable[[float], Awaitable[None]]
    _failures: int = 0

    async def events(self) -> AsyncGenerator[Event | Gap, None]:
        """Every event from the position on: a lost session, or a collector that is lost or stuck, is replaced."""
        stuck, unread = 0, None
        while True:
            try:
                if unread is not None and stuck > 1:
                    if await self._first_unread(self.position.begin()) is None:
                        yield await self._get_past(unread)
                    stuck = 1
                async with aclosing(self._one_collector()) as one:
                    async for event in one:
                        stuck = 0
                        yield event
            except CollectorStuckError as exc:
                stuck, unread = stuck + 1, exc.unread
                await self._pause("collector shows nothing more, making a new one", exc)
            except ClockSetBackError as exc:
                log.warning("reading again from an earlier time", reason=str(exc))
                self.position.set_back(exc.earliest)
            except VcenterSourceError as exc:
                # Permanent ones too: a password is rotated on both sides at some time, and a stream that waits loses
                # nothing, where a process that exits loses its place.
                await self._pause("reading failed, trying again", exc)

    async def _pause(self, what: str, why: VcenterSourceError) -> None:
        delay = self.backoff.delay(self._failures)
        self._failures += 1
        log.warning(what, reason=str(why), seconds=round(delay, 1))
        await self.sleep(delay)

    async def _one_collector(self) -> AsyncGenerator[Event | Gap, None]:
        """Events until the collector fails. It waits only after an empty page, so a backlog is read without a pause."""
        waited = False
        async with self.history.reader(self.position.begin(), self.event_type_ids) as reader:
            while True:
                page = await reader.read() or (waited and await self._second_look(reader)) or []
                for event in self.position.fresh(page):
                    yield event
                waited = not page
                if waited:
                    await reader.wait(WAIT_SECONDS)
                self._failures = 0  # an hour later, another failure is the first again

    async def _second_look(self, reader: Reader) -> Page:
        """A page after one that was empty: is it the end, or is the collector stuck? Raises CollectorStuckError.

        A collector is silent for good in a span of events that this account may not see and that is longer than a page,
        and, as has been seen, when its position was purged or its keys have wrapped around.
        """
        unread = self.position.unread(await reader.latest())
        if not unread:
            return []
        page = await reader.read()  # they may have come just now
        if not page:
            oldest = min(unread, key=lambda identity: identity[1])
            raise CollectorStuckError(f"event {oldest[0]} is there and cannot be reached", unread=oldest)
        return page

    async def _get_past(self, unread: Identity) -> Gap:
        """Find the earliest time from which a collector shows anything unread, and go on from there.

        By steps that grow, and then by halving: halving alone would step over what lies between two such spans.
        """
        low, high = (self.position.newest or self.position.since or OLDEST) - PRECISION, unread[1]
        first, step = unread, PRECISION
        while high - low > PRECISION:
            middle = low + min(step, (high - low) / 2)
            step *= GROWTH
            found = await self._first_unread(middle)
            if found is None:
                low = middle
            else:
                high, first = middle, found
        log.warning("went past events that this account may not see", until=high.isoformat())
        return self.position.skip_to(high, first)

    async def _first_unread(self, since: datetime | None) -> Identity | None:
        """The first unread event that a collector from ``since`` on shows before it falls silent."""
        async with self.history.reader(since, self.event_type_ids) as reader:
            while page := await reader.read():
                unread = [event.identity for event in page if not self.position.knows(event.identity)]
                if unread:
                    return min(unread, key=lambda identity: identity[1])
        return None
