"""An EventHistoryCollector: create, read, wait, destroy. It blocks: see ``client``."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pyVmomi import vim, vmodl

from adapter.errors import VcenterSourceError
from adapter.event import Identity
from adapter.vcenter.decode import Page, decode_identities, decode_page, decode_wait
from adapter.vcenter.session import Session, vcenter_errors

PAGE_SIZE = 1000
"""Events a read, the most that vCenter allows."""

LATEST_PAGE_SIZE = 10
"""Events in ``latestPage``. It travels with each wake-up and wakes us with any size, so it is small."""


class Collector:
    """One collector on the server, with a filter on its ``latestPage`` that tells when there is more to read.

    A new collector stands before its oldest event (vSphere API reference, HistoryCollector.rewind).
    """

    def __init__(self, session: Session, since: datetime | None, event_type_ids: Sequence[str] = ()) -> None:
        self._session = session
        self._version = ""
        self._collector: Any = None
        self._pages: Any = None
        try:
            with vcenter_errors(session.host):
                self._create(event_filter(since, event_type_ids))
        except VcenterSourceError:
            self.destroy()
            raise

    def _create(self, wanted: Any) -> None:
        content = self._session.content
        self._collector = content.eventManager.CreateCollectorForEvents(wanted)
        self._collector.SetCollectorPageSize(LATEST_PAGE_SIZE)
        self._pages = content.propertyCollector.CreatePropertyCollector()
        self._pages.CreateFilter(latest_page_of(self._collector), partialUpdates=True)

    def read(self) -> Page:
        """The next events, oldest first; empty when there are none just now."""
        with vcenter_errors(self._session.host):
            answer = self._session.stub.raw(self._collector, "ReadNext", PAGE_SIZE)
        return decode_page(answer)

    def wait(self, seconds: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time has run out."""
        options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=seconds)
        with vcenter_errors(self._session.host):
            answer = self._session.stub.raw(self._pages, "WaitForUpdatesEx", self._version, options)
        version, _ = decode_wait(answer)
        self._version = version or self._version

    def latest(self) -> list[Identity]:
        """The newest events that match, in no order: read beside the page, to see whether reading has come so far."""
        spec, options = latest_page_of(self._collector), vmodl.query.PropertyCollector.RetrieveOptions()
        with vcenter_errors(self._session.host):
            answer = self._session.stub.raw(self._pages, "RetrievePropertiesEx", [spec], options)
        return decode_identities(answer)

    def destroy(self) -> None:
        """Free it on the server, where a session may hold only 32. Never fails."""
        with suppress(Exception):
            self._pages.Destroy()
        with suppress(Exception):
            self._collector.DestroyCollector()


def event_filter(since: datetime | None, event_type_ids: Sequence[str]) -> Any:
    """Which events: from ``since`` on (None: all), of these classes and event type ids (empty: all)."""
    spec = vim.event.EventFilterSpec(disableFullMessage=False)
    if since is not None:
        spec.time = vim.event.EventFilterSpec.ByTime(beginTime=since)
    if event_type_ids:
        spec.eventTypeId = list(event_type_ids)
    return spec


def latest_page_of(collector: Any) -> Any:
    """The PropertyCollector's filter on this one property of this one object."""
    pc = vmodl.query.PropertyCollector
    return pc.FilterSpec(
        propSet=[pc.PropertySpec(type=vim.event.EventHistoryCollector, pathSet=["latestPage"])],
        objectSet=[pc.ObjectSpec(obj=collector)],
    )
