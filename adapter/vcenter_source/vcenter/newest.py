"""Read events from the newest backwards, for people who look at the last ones."""

from typing import Self

from vcenter_source.core.event import Event
from vcenter_source.vcenter.paging import MAX_PAGE_BYTES, MAX_PAGE_EVENTS, READ_TIMEOUT
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.wire import EventCollector, EventQuery


class BackwardCollector:
    """A collector that is read from its newest event to its oldest, ``page_size`` events at a time.

    First comes ``latestPage``, whose order the reference leaves open, then what is before it.
    """

    def __init__(self, session: Session, collector: EventCollector, page_size: int) -> None:
        self._session = session
        self._collector = collector
        self._page_size = page_size
        self._has_begun = False

    @classmethod
    async def create(cls, session: Session, query: EventQuery, page_size: int) -> Self:
        """Create one. Raises the failures of ``vcenter_source.core.errors``."""
        events = max(1, min(page_size, MAX_PAGE_EVENTS))
        with session.errors():
            collector = await session.wire.create_collector(query, READ_TIMEOUT)
            try:
                await collector.set_page_size(events, READ_TIMEOUT)
            except Exception:
                await session.free(collector.objects)
                raise
        return cls(session, collector, events)

    async def read(self) -> list[Event]:
        """Return the next events, the newest first; empty at the oldest one."""
        with self._session.errors():
            events = await (self._read_previous() if self._has_begun else self._read_latest())
        self._has_begun = True
        return sorted(events, key=lambda event: event.created, reverse=True)

    async def _read_latest(self) -> list[Event]:
        page = list(await self._collector.read_latest(READ_TIMEOUT, MAX_PAGE_BYTES))
        await self._collector.reset(READ_TIMEOUT)
        return page

    async def _read_previous(self) -> list[Event]:
        return list(await self._collector.read_previous(self._page_size, READ_TIMEOUT, MAX_PAGE_BYTES))

    async def destroy(self) -> None:
        """Free it on the server. Never fails."""
        await self._session.free(self._collector.objects)
