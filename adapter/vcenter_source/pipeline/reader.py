"""The events, one after another, for ever.

The generators are nested by lifetime: ``events`` never ends, ``_one_collector`` lives as long as its collector does,
``ReadCursor.fresh`` one page.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from vcenter_source.core.backoff import Backoff
from vcenter_source.core.errors import ClockSetBackError, CollectorStuckError, KeysRewoundError, VcenterSourceError
from vcenter_source.core.event import ClockReading, Event, Gap, Identity
from vcenter_source.core.observers import Observer
from vcenter_source.pipeline.cursor import ReadCursor

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

    async def wait(self, seconds: int) -> ClockReading:
        """Return as soon as there may be more to read, or after ``seconds``; how the clocks stood before that."""

    async def read_latest(self) -> list[Identity]:
        """The newest events there are, in no order, wherever reading stands."""


class EventHistory(Protocol):
    """What the stream needs of a vCenter."""

    def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AbstractAsyncContextManager[Reader]:
        """A collector of the events from ``since`` to ``until`` (None: no limit), of these types (empty: all)."""


class Progress(Protocol):
    """What has to know how far reading has come: the offset tracker, for the checkpoint."""

    def note_clock_set_back(self, earliest: datetime) -> None:
        """vCenter's clock was set back: events that come may be dated from ``earliest`` on."""

    def mark_caught_up(self, clock: ClockReading) -> None:
        """Reading has caught up with all that vCenter had when the clocks stood so."""


@dataclass(slots=True)
class EventReader:
    """What reading takes. ``sleep`` waits some seconds; a test passes its own."""

    history: EventHistory
    position: ReadCursor
    event_type_ids: Sequence[str]
    backoff: Backoff
    sleep: Callable[[float], Awaitable[None]]
    progress: Progress
    observer: Observer = field(default_factory=Observer)
    _failures: int = 0
    _stuck: int = 0
    """How many collectors in a row have shown nothing of what is there."""
    _late_told: bool = False

    async def events(self) -> AsyncGenerator[Event | Gap, None]:
        """Every event from the position on: a lost session, or a collector that is lost or stuck, is replaced."""
        unread: Sequence[Identity] = ()
        while True:
            try:
                async with aclosing(self._reading(unread)) as events:
                    async for event in events:
                        self._stuck = self._failures = 0
                        yield event
            except CollectorStuckError as exc:
                self._stuck, unread = self._stuck + 1, exc.unread
                await self._pause("collector shows nothing more, making a new one", exc)
            except ClockSetBackError as exc:
                log.warning("reading again from an earlier time", reason=str(exc))
                self.position.set_back(exc.earliest)
                self.progress.note_clock_set_back(exc.earliest)
            except KeysRewoundError as exc:
                log.warning("reading again what is not known by name", reason=str(exc))
            except VcenterSourceError as exc:
                # Permanent ones too: a password is rotated on both sides at some time, and a stream that waits loses
                # nothing, where a process that exits loses its place.
                await self._pause("reading failed, trying again", exc)

    def _reading(self, unread: Sequence[Identity]) -> AsyncGenerator[Event | Gap, None]:
        """What is read next: a collector, or after two that were stuck what gets past it."""
        if self._stuck > 1:
            self._stuck = 0  # where nothing does, the next collector tells what is unread by then
            return self._get_past(unread)
        return self._one_collector()

    async def _pause(self, what: str, why: VcenterSourceError) -> None:
        delay = self.backoff.delay(self._failures)
        self._failures += 1
        log.warning(what, reason=str(why), seconds=round(delay, 1))
        await self.sleep(delay)

    async def _one_collector(self) -> AsyncGenerator[Event | Gap, None]:
        """Events until the collector fails. It waits only after an empty page, so a backlog is read without a pause."""
        clock: ClockReading | None = None
        async with self.history.reader(self.position.begin(), self.event_type_ids) as reader:
            while True:
                page = await reader.read() or (clock and await self._second_look(reader, clock)) or []
                for event in self.position.fresh(page):
                    yield self._timely(event)
                clock = None if page else await reader.wait(WAIT_SECONDS)
                if not self._stuck:
                    self._failures = 0  # an hour later, another failure is the first again

    def _timely(self, event: Event | Gap) -> Event | Gap:
        """The same event; where it was stored late, that is counted, and told of once until there are no more."""
        if isinstance(event, Event) and self.position.is_late(event):
            self.observer.on_late()
            if not self._late_told:
                log.warning("events are stored late", key=event.key, type=event.name, created=event.created.isoformat())
                self._late_told = True
        return event

    async def _second_look(self, reader: Reader, clock: ClockReading) -> Page:
        """A page after one that was empty: is it the end, or is the collector stuck? Raises CollectorStuckError.

        A collector is silent for good in a span of events that this account may not see and that is longer than a page,
        and, as has been seen, when its position was purged or its keys have wrapped around.
        """
        unread = self.position.unread(await reader.read_latest())
        if not unread:
            self._stuck, self._late_told = 0, False
            self.position.catch_up()
            self.progress.mark_caught_up(clock)
            return []
        page = await reader.read()  # they may have come just now
        if not page:
            unread.sort(key=lambda identity: identity[1])
            raise CollectorStuckError(f"event {unread[0][0]} is there and cannot be reached", unread=unread)
        return page

    async def _get_past(self, unread: Sequence[Identity]) -> AsyncGenerator[Event | Gap, None]:
        """What is known to be there, and what comes before it. Raises CollectorStuckError where nothing shows it."""
        gap, since, until = await self._way_past(unread)
        if gap is not None:
            yield gap
        async with self.history.reader(since, self.event_type_ids, until) as reader:
            while page := await reader.read():
                for event in self.position.fresh(page):
                    yield self._timely(event)

    async def _way_past(self, unread: Sequence[Identity]) -> tuple[Gap | None, datetime | None, datetime | None]:
        """From when until when a collector shows any of it, and the gap before that, if there is one.

        First one that ends with it: a span that was stored earlier and is dated later, since vCenter's clock was set
        back in between, does not stand in its way. Then one that begins behind a span which cannot be passed: what lies
        before it is given up, and told of as a gap.
        """
        low, dates = self.position.begin(), [created for _, created in unread]
        past = [created for created in dates if not self.position.is_ahead(created)]
        for until in dict.fromkeys([*past[-1:], dates[0]]):
            if await self._first_unread(low, until) is not None:
                return None, low, until
        ways: list[tuple[datetime | None, Identity]] = [(None, unread[-1]), (dates[0], unread[0])]
        for end, target in ways:
            behind = await self._beyond(low, target, end)
            if behind is not None:
                log.warning("went past events that this account may not see", until=behind[0].isoformat())
                return self.position.skip_to(*behind), behind[0], end
        raise CollectorStuckError(f"event {unread[0][0]} is there and cannot be reached", unread=unread)

    async def _beyond(
        self, low: datetime | None, unread: Identity, until: datetime | None = None
    ) -> tuple[datetime, Identity] | None:
        """The earliest time after ``low`` from which a collector shows anything unread, and what it shows first.

        None where that leads nowhere. By steps that grow, and then by halving: halving alone would step over what lies
        between two such spans.
        """
        low, high = self._passed(low, unread), unread[1]
        first = await self._first_unread(high, until)
        if first is None:
            return None
        step = PRECISION
        while high - low > PRECISION:
            middle = low + min(step, (high - low) / 2)
            step *= GROWTH
            found = await self._first_unread(middle, until)
            if found is None:
                low = middle
            else:
                high, first = middle, found
        return high, first

    def _passed(self, begin: datetime | None, unread: Identity) -> datetime:
        """The latest time before which nothing is to be looked for: what was read, unless the unread is older."""
        newest = self.position.newest
        if newest is None or newest > unread[1]:
            return (begin or OLDEST) - PRECISION
        return newest - PRECISION

    async def _first_unread(self, since: datetime | None, until: datetime | None = None) -> Identity | None:
        """The first unread event that a collector from ``since`` on shows before it falls silent."""
        async with self.history.reader(since, self.event_type_ids, until) as reader:
            while page := await reader.read():
                unread = self.position.unread([event.identity for event in page])
                if unread:
                    return min(unread, key=lambda identity: identity[1])
        return None
