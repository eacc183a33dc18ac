"""Read events from the newest backwards, for people who look at the last ones. Calls block: see ``client``."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pyVmomi import vmodl

from vcenter_source.core.errors import VcenterSourceError
from vcenter_source.core.event import Event
from vcenter_source.vcenter.collector import build_event_filter, build_latest_page_spec
from vcenter_source.vcenter.decode import decode_latest_page, decode_page
from vcenter_source.vcenter.paging import MAX_PAGE_BYTES, MAX_PAGE_EVENTS, READ_TIMEOUT
from vcenter_source.vcenter.session import Session


class BackwardCollector:
    """A collector that is read from its newest event to its oldest, ``page_size`` events at a time.

    It has the events created since a time (None: all), of these types (empty: all). First comes ``latestPage``, whose
    order the reference leaves open, then what is before it.
    """

    def __init__(self, session: Session, since: datetime | None, event_type_ids: Sequence[str], page_size: int) -> None:
        self._session = session
        self._page_size = max(1, min(page_size, MAX_PAGE_EVENTS))
        self._has_begun = False
        self._collector: Any = None
        try:
            with session.errors(), session.stub.limits(READ_TIMEOUT):
                wanted = build_event_filter(since, event_type_ids)
                self._collector = session.content.eventManager.CreateCollectorForEvents(wanted)
                self._collector.SetCollectorPageSize(self._page_size)
        except VcenterSourceError:
            self.destroy()
            raise

    def read(self) -> list[Event]:
        """Return the next events, the newest first; empty at the oldest one."""
        with self._session.errors(), self._session.stub.limits(READ_TIMEOUT, MAX_PAGE_BYTES):
            events = self._read_previous() if self._has_begun else self._read_latest()
        self._has_begun = True
        return sorted(events, key=lambda event: event.created, reverse=True)

    def _read_latest(self) -> list[Event]:
        options = vmodl.query.PropertyCollector.RetrieveOptions()
        properties, specs = self._session.content.propertyCollector, [build_latest_page_spec(self._collector)]
        page = list(decode_latest_page(self._session.stub.call_raw(properties, "RetrievePropertiesEx", specs, options)))
        self._collector.ResetCollector()
        return page

    def _read_previous(self) -> list[Event]:
        return list(decode_page(self._session.stub.call_raw(self._collector, "ReadPrev", self._page_size)))

    def destroy(self) -> None:
        """Free it on the server. Never fails."""
        if self._collector is not None:
            self._session.free(self._collector.DestroyCollector)
