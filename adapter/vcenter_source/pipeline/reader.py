"""The events of a vCenter, one after another, for ever.

The generators are nested by lifetime: ``events`` never ends, ``_follow_collector`` lives as long as its collector, and
``ReadCursor.deduplicate`` as long as a page.
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
"""The longest wait for a wake-up; then vCenter is asked anyway."""

SEARCH_PRECISION = timedelta(milliseconds=1)
"""How exactly the end of a span is searched for that no collector can pass."""

SEARCH_GROWTH = 1.25
"""How much longer each step of that search is than the one before: half a year takes about a hundred steps."""

BEFORE_VCENTER = datetime(2000, 1, 1, tzinfo=UTC)
"""A time before the first vCenter."""


class Page(Protocol):
    """Some events. Decoding each takes time, so a page is iterated once."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Event]: ...


class Reader(Protocol):
    """One collector."""

    async def read(self) -> Page:
        """Return the next events, oldest first; none if there are none just now, or if the collector is stuck."""

    async def wait(self, seconds: int) -> ClockReading:
        """Wait until there may be more to read, or for ``seconds``. Return how the clocks stood before the wait."""

    async def read_latest(self) -> list[Identity]:
        """Return the newest events there are, in no order, however far reading has come."""


class EventHistory(Protocol):
    """What an event reader needs of a vCenter."""

    def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AbstractAsyncContextManager[Reader]:
        """Open a collector of the events from ``since`` to ``until`` (None: no limit), of these types (empty: all)."""


class Progress(Protocol):
    """What has to know how far reading has come: the offset tracker, for the checkpoint."""

    def note_clock_set_back(self, earliest: datetime) -> None:
        """vCenter's clock was set back: events that come may be dated from ``earliest`` on."""

    def note_ahead(self, identity: Identity) -> None:
        """The event that is yielded next is dated later than vCenter's clock shows."""

    def mark_caught_up(self, clock: ClockReading) -> None:
        """Reading has caught up with all that vCenter had when the clocks stood so."""


@dataclass(slots=True)
class EventReader:
    """Reads the events of a vCenter. ``sleep`` waits some seconds; a test passes its own."""

    history: EventHistory
    cursor: ReadCursor
    event_type_ids: Sequence[str]
    backoff: Backoff
    sleep: Callable[[float], Awaitable[None]]
    tracker: Progress
    observer: Observer = field(default_factory=Observer)
    _failures: int = 0
    _stuck: int = 0
    """How many collectors in a row have shown none of the unread events."""
    _is_lateness_logged: bool = False

    async def events(self) -> AsyncGenerator[Event | Gap, None]:
        """Yield every event from the cursor on. A lost session is replaced, and so is a lost or stuck collector."""
        unread: Sequence[Identity] = ()
        while True:
            try:
                async with aclosing(self._read_next(unread)) as events:
                    async for event in events:
                        self._stuck = self._failures = 0
                        yield event
            except CollectorStuckError as exc:
                self._stuck, unread = self._stuck + 1, exc.unread
                await self._pause("collector shows nothing more, making a new one", exc)
            except ClockSetBackError as exc:
                log.warning("reading again from an earlier time", reason=str(exc))
                self.cursor.move_back(exc.earliest)
                self.tracker.note_clock_set_back(exc.earliest)
            except KeysRewoundError as exc:
                log.warning("reading again, since event keys have begun anew", reason=str(exc))
            except VcenterSourceError as exc:
                # Permanent ones too: a password is rotated on both sides at some time. A reader that waits loses
                # nothing, a process that exits loses its place.
                await self._pause("reading failed, trying again", exc)

    def _read_next(self, unread: Sequence[Identity]) -> AsyncGenerator[Event | Gap, None]:
        """Read from a new collector, or get past what is in the way after two stuck collectors."""
        if self._stuck > 1:
            self._stuck = 0  # if nothing gets past it, the next collector says what is unread by then
            return self._read_past(unread)
        return self._follow_collector()

    async def _pause(self, what: str, why: VcenterSourceError) -> None:
        delay = self.backoff.delay(self._failures)
        self._failures += 1
        log.warning(what, reason=str(why), seconds=round(delay, 1))
        await self.sleep(delay)

    async def _follow_collector(self) -> AsyncGenerator[Event | Gap, None]:
        """Yield events until the collector fails. Only an empty page is followed by a wait, a backlog by none."""
        clock: ClockReading | None = None
        async with self.history.reader(self.cursor.start_collector(), self.event_type_ids) as reader:
            while True:
                page = await reader.read() or (clock and await self._look_again(reader, clock)) or []
                for event in self.cursor.deduplicate(page):
                    yield self._examine(event)
                clock = None if page else await reader.wait(WAIT_SECONDS)
                if not self._stuck:
                    self._failures = 0  # a failure an hour later is a first failure again

    def _examine(self, event: Event | Gap) -> Event | Gap:
        """Return the same event. Note if it was stored late, or is dated ahead of vCenter's clock."""
        if isinstance(event, Event):
            if self.cursor.is_late(event):
                self._note_lateness(event)
            if event.identity != self.cursor.last:
                self.tracker.note_ahead(event.identity)
        return event

    def _note_lateness(self, event: Event) -> None:
        """Count an event that was stored late, and log the first one until reading has caught up."""
        self.observer.on_late()
        if not self._is_lateness_logged:
            log.warning("events are stored late", key=event.key, type=event.name, created=event.created.isoformat())
            self._is_lateness_logged = True

    async def _look_again(self, reader: Reader, clock: ClockReading) -> Page:
        """Read again after an empty page: is this the end, or is the collector stuck? Raises CollectorStuckError.

        A collector is silent for good inside a span of events that this account may not see and that is longer than a
        page. The same was seen after its position was purged and after its keys had wrapped around.
        """
        unread = self.cursor.find_unread(await reader.read_latest())
        if not unread:
            if self.cursor.find_silence() is not None:
                raise CollectorStuckError("the event that was read last is not shown again", unread=[])
            self._stuck, self._is_lateness_logged = 0, False
            self.cursor.mark_caught_up()
            self.tracker.mark_caught_up(clock)
            return []
        page = await reader.read()  # these events may have come just now
        if not page:
            unread.sort(key=lambda identity: identity[1])
            raise CollectorStuckError(f"event {unread[0][0]} is there and cannot be reached", unread=unread)
        return page

    async def _read_past(self, unread: Sequence[Identity]) -> AsyncGenerator[Event | Gap, None]:
        """Yield the unread events and those before them. Raises CollectorStuckError if no collector shows them."""
        unread = unread or await self._search_silence()
        if not unread:
            self.cursor.mark_caught_up()
            return
        gap, since, until = await self._find_way_past(unread)
        if gap is not None:
            yield gap
        async with self.history.reader(since, self.event_type_ids, until) as reader:
            while page := await reader.read():
                for event in self.cursor.deduplicate(page):
                    yield self._examine(event)

    async def _find_way_past(self, unread: Sequence[Identity]) -> tuple[Gap | None, datetime | None, datetime | None]:
        """Return from when until when a collector shows unread events, and the gap before it, if there is one.

        Try first a collector that ends with an unread event: events that were stored earlier but are dated later, since
        vCenter's clock was set back in between, are not in its way. Then try one that starts behind the span that no
        collector passes: the events before it are given up and reported as a gap.
        """
        low, dates = self.cursor.start_collector(), [created for _, created in unread]
        past = [created for created in dates if not self.cursor.is_ahead(created)]
        for until in dict.fromkeys([*past[-1:], dates[0]]):
            if await self._find_first_unread(low, until) is not None:
                return None, low, until
        begin = self._find_search_start(low, dates[0])
        ways: list[tuple[datetime | None, Identity]] = [(None, unread[-1]), (dates[0], unread[0])]
        for end, target in ways:
            behind = await self._search_beyond(begin, target, end)
            if behind is not None:
                log.warning("skipped a range of events hidden from this account", until=behind[0].isoformat())
                return self.cursor.advance_past(*behind), behind[0], end
        raise CollectorStuckError(f"event {unread[0][0]} is there and cannot be reached", unread=unread)

    async def _search_beyond(
        self, low: datetime, unread: Identity, until: datetime | None = None
    ) -> tuple[datetime, Identity] | None:
        """Return the earliest time after ``low`` from which a collector shows an unread event, and that event.

        None if there is no such time. The search takes growing steps first, then halves: halving alone would miss the
        events between two hidden spans::

            low ─▶─▶──▶───▶─────▶ growing steps, until a collector shows something
                            ├──┤  then by halves, to the millisecond
        """
        high = unread[1]
        first = await self._find_first_unread(high, until)
        if first is None:
            return None
        step = SEARCH_PRECISION
        while high - low > SEARCH_PRECISION:
            middle = low + min(step, (high - low) / 2)
            step *= SEARCH_GROWTH
            found = await self._find_first_unread(middle, until)
            if found is None:
                low = middle
            else:
                high, first = middle, found
        return high, first

    async def _search_silence(self) -> list[Identity]:
        """Return an unread event behind a collector that fell silent, if there is one that nothing newer tells of."""
        silence = self.cursor.find_silence()
        if silence is None:
            return []
        (since, end), step = silence, SEARCH_PRECISION
        while since < end:
            found = await self._find_first_unread(since)
            if found is not None:
                return [found]
            since, step = since + step, step * SEARCH_GROWTH
        return []

    def _find_search_start(self, begin: datetime | None, earliest: datetime) -> datetime:
        """Return the latest time before which there is nothing to find.

        That is the time of the last event read, unless ``earliest``, the first date of the unread events, is before it.
        """
        newest = self.cursor.newest
        if newest is None or newest > earliest:
            return (begin or BEFORE_VCENTER) - SEARCH_PRECISION
        return newest - SEARCH_PRECISION

    async def _find_first_unread(self, since: datetime | None, until: datetime | None = None) -> Identity | None:
        """Return the first unread event that a collector from ``since`` on shows before it falls silent."""
        async with self.history.reader(since, self.event_type_ids, until) as reader:
            while page := await reader.read():
                unread = self.cursor.find_unread([event.identity for event in page])
                if unread:
                    return min(unread, key=lambda identity: identity[1])
        return None
