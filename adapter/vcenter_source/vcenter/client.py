"""One vCenter: log in, read a collector a page ahead, wait, note how the connection does. The wire does not matter."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import structlog

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import AuthenticationError, VcenterSourceError
from vcenter_source.core.event import ClockReading, Identity
from vcenter_source.vcenter.clock import ClockMonitor, ClockSample
from vcenter_source.vcenter.collector import Collector
from vcenter_source.vcenter.page import EventPage
from vcenter_source.vcenter.paging import Paging
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.turns import ReadShare
from vcenter_source.vcenter.wire import EventQuery

log = structlog.get_logger()

WHOLE = ReadShare()
"""The share of the only vCenter of a process."""

CREDENTIALS_POLL_SECONDS = 1.0
"""Seconds between two checks whether refused credentials have changed."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class About:
    """What a vCenter says about itself when we log in.

    ``now`` is its clock; ``categories`` maps each event class and event type id to info, warning, error or user.
    """

    instance_uuid: str
    api_version: str
    now: datetime
    categories: Mapping[str, str]


class CollectorReader:
    """Read one collector from asyncio.

    In a backlog it reads a page ahead: while one page is delivered, vCenter prepares the next.
    """

    def __init__(self, vcenter: "Vcenter", collector: Collector) -> None:
        self._vcenter = vcenter
        self._collector = collector
        self._ahead: asyncio.Task[EventPage] | None = None
        self._has_more = False

    async def read(self) -> EventPage:
        """Return the next events, oldest first; an empty page if there are none just now."""
        await self._take_turn()
        coming, self._ahead = self._ahead or asyncio.create_task(self._read()), None
        try:
            page = await coming
        except VcenterSourceError as exc:  # noted only now: while events wait for the sink, vCenter is not to blame
            self._vcenter.connection.record_failure(str(exc))
            raise
        self._has_more = page.full
        if page.full:
            self._ahead = asyncio.create_task(self._read())
        return page

    async def _take_turn(self) -> None:
        """Wait for our turn in a backlog, where several vCenters share this process."""
        turns = self._vcenter.share.turns
        if turns is not None and self._has_more:
            await turns.take(self)
        elif turns is not None:
            turns.give_back(self)

    async def _read(self) -> EventPage:
        page = await self._collector.read()
        self._vcenter.connection.record_success()
        return page

    async def close(self) -> None:
        """Stop reading ahead, and free the collector."""
        if self._vcenter.share.turns is not None:
            self._vcenter.share.turns.give_back(self)
        if self._ahead is not None:
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
        await self._collector.destroy()

    async def wait(self, seconds: int) -> ClockReading:
        """Return as soon as there may be more to read, or after ``seconds``. Raises ClockSetBackError."""
        clock = await self._vcenter.read_clock()
        await self._vcenter.call(self._collector.wait(seconds))
        return clock

    async def read_latest(self) -> list[Identity]:
        """Return the newest events, in no order, wherever reading stands."""
        return await self._vcenter.call(self._collector.read_latest())


class Vcenter:
    """One vCenter. ``connection`` is updated with events read and with failures.

    ``sleep`` waits some seconds; a test passes its own.
    """

    def __init__(
        self,
        session: Session,
        connection: ConnectionStatus | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        share: ReadShare = WHOLE,
    ) -> None:
        self.session = session
        self.share = share
        self.connection = connection or ConnectionStatus()
        self._sleep = sleep
        self._clock = ClockMonitor()
        self._paging = Paging(share.page)

    async def call(self, call: Awaitable[T]) -> T:
        """Await a call of vCenter, and note a failure in ``connection``."""
        try:
            return await call
        except VcenterSourceError as exc:
            self.connection.record_failure(str(exc))
            raise

    async def connect(self, *, patient: bool = False) -> About:
        """Log in; if ``patient``, wait for other credentials when these are refused.

        Raises the failures of ``vcenter_source.core.errors``.
        """
        if patient:
            await self._log_in_patiently(self.session.log_in)
        else:
            await self.call(self.session.log_in())
        try:
            return await self.call(self._read_about())
        except VcenterSourceError:
            if not self.session.is_unclean:
                raise
        await self.call(self.session.ensure())
        return await self.call(self._read_about())

    async def _log_in_patiently(self, log_in: Callable[[], Awaitable[None]]) -> None:
        """Log in; while the credentials are refused, wait until they have changed or may be tried again."""
        while True:
            try:
                await self.call(log_in())
            except AuthenticationError as exc:
                pause = self.session.pause()
                seconds = round(pause, 1) if math.isfinite(pause) else None  # JSON has no word for infinity
                log.warning("waiting to log in again", reason=str(exc), seconds=seconds)
                while self.session.pause() > 0:
                    await self._sleep(CREDENTIALS_POLL_SECONDS)
            else:
                return

    async def _read_about(self) -> About:
        session, sample = self.session, await self._sample_clock()
        self._clock = ClockMonitor(sample)  # until the first collector, much time may pass
        return About(session.instance_uuid, session.api_version, sample.reported, await session.categories())

    async def read_clock(self) -> ClockReading:
        """Read both clocks. Raises ClockSetBackError if vCenter's was set back since the last reading."""
        ours = datetime.now(UTC)
        sample = await self.call(self._sample_clock())
        self._clock.check(sample)
        return ClockReading(sample.reported, ours)

    def now(self) -> datetime | None:
        """Return the time on vCenter's clock, or a little ahead of it, from the last reading; None before the first."""
        sample = self._clock.last
        return sample.reported + timedelta(seconds=time.monotonic() - sample.before) if sample else None

    async def _sample_clock(self) -> ClockSample:
        before = time.monotonic()
        return ClockSample(before, await self.session.current_time(), time.monotonic())

    @asynccontextmanager
    async def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AsyncIterator[CollectorReader]:
        """Read the events from ``since`` to ``until`` (None: no limit) by a collector, destroyed at the end."""
        await self._log_in_patiently(self.session.ensure)
        await self.read_clock()
        query = EventQuery(since, event_type_ids, until)
        collector = await self.call(Collector.create(self.session, query, self._paging))
        limits = {"until": until.isoformat()} if until else {}
        types = list(event_type_ids) or "all"
        log.info("reading events", since=since.isoformat() if since else "the oldest", **limits, only=types)
        reader = CollectorReader(self, collector)
        try:
            yield reader
        finally:
            await reader.close()

    async def close(self) -> None:
        """Log out."""
        await self.session.log_out()
