"""An EventHistoryCollector: create, read, wait, destroy."""

import time
from asyncio import CancelledError
from http.client import HTTPException
from typing import Self

import structlog
from pyVmomi import vmodl

from vcenter_source.core.errors import VcenterSourceError, VcenterUnavailableError
from vcenter_source.core.event import Identity
from vcenter_source.vcenter.page import EventPage
from vcenter_source.vcenter.paging import FAST_READ_SECONDS, MAX_PAGE_BYTES, Paging
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.wire import AnswerLateError, AnswerTooLongError, EventCollector, EventQuery

log = structlog.get_logger()

LATEST_PAGE_SIZE = 10
"""Events in ``latestPage``. The page travels with each wake-up, and any size wakes us, so it is small."""


class Collector:
    """One collector on the server, with a filter on its ``latestPage`` that wakes us when there is more to read.

    A new collector stands before its oldest event (vSphere API reference, HistoryCollector.rewind). A collector whose
    read has failed has to be replaced: it may have moved on all the same. ``paging`` decides the size of a page.
    """

    def __init__(self, session: Session, collector: EventCollector, paging: Paging) -> None:
        self._session = session
        self._collector = collector
        self._paging = paging

    @classmethod
    async def create(cls, session: Session, query: EventQuery, paging: Paging | None = None) -> Self:
        """Create one. Raises the failures of ``vcenter_source.core.errors``."""
        paging = paging or Paging()
        try:
            with session.errors():
                created = await _create(session, query, paging.creation_timeout)
        except VcenterSourceError as exc:
            if isinstance(exc.__cause__, AnswerLateError):
                paging.note_creation(in_time=False)
            if isinstance(exc, VcenterUnavailableError):  # one may exist unknown to us, or too many
                session.mark_unclean()
            raise
        except CancelledError:
            session.mark_unclean()
            raise
        paging.note_creation(in_time=True)
        return cls(session, created, paging)

    async def read(self) -> EventPage:
        """Return the next events, oldest first; none just now is an empty page. Raises VcenterUnavailableError."""
        paging, begun = self._paging, time.monotonic()
        asked = paging.size
        with self._session.errors():
            try:
                page = await self._collector.read_next(asked, paging.timeout, MAX_PAGE_BYTES)
            except (OSError, HTTPException, vmodl.MethodFault) as exc:
                return self._after_failure(exc, asked, time.monotonic() - begun)
        page.full = len(page) == asked
        paging.note_success(len(page), page.size, time.monotonic() - begun)
        return page

    def _after_failure(self, exc: Exception, asked: int, seconds: float) -> EventPage:
        """Ask for fewer events if it was too much; a proxy in between may lose patience before we do."""
        too_much = isinstance(exc, AnswerTooLongError | AnswerLateError)
        if too_much or seconds > FAST_READ_SECONDS:
            self._paging.note_failure()
        if asked == 1 and isinstance(exc, AnswerTooLongError):
            return self._read_partial(exc)
        if not too_much:
            raise exc
        message = f"vCenter {self._session.host} gives {exc} to a request for {asked} events"
        raise VcenterUnavailableError(f"{message}; asking for {self._paging.size}") from exc

    def _read_partial(self, exc: AnswerTooLongError) -> EventPage:
        """Return the beginning of an event that is too large for our memory, so that it holds up no other."""
        page = self._collector.decode_partial(exc.beginning)
        log.warning("an event is too large to be read whole", more_than=len(exc.beginning), read=len(page))
        return page

    async def wait(self, seconds: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time is over."""
        with self._session.errors():
            await self._collector.wait(seconds, MAX_PAGE_BYTES)

    async def read_latest(self) -> list[Identity]:
        """Return the newest events that match, in no order, to check whether reading has come that far."""
        with self._session.errors():
            return await self._collector.read_latest_identities(MAX_PAGE_BYTES)

    async def destroy(self) -> None:
        """Free it on the server, now or when vCenter answers again: a session may hold only 32. Never fails."""
        await self._session.free(self._collector.objects)


async def _create(session: Session, query: EventQuery, within: float) -> EventCollector:
    """Create a collector on the server; what was created before a failure is freed."""
    created = await session.wire.create_collector(query, within)
    try:
        await created.set_page_size(LATEST_PAGE_SIZE, within)
        await created.watch(within)
    except Exception:
        await session.free(created.objects)
        raise
    return created
