"""An EventHistoryCollector: create, read, wait, destroy. Calls block: see ``client``."""

import time
from collections.abc import Sequence
from datetime import datetime
from http.client import HTTPException
from typing import Any

import structlog
from pyVmomi import vim, vmodl

from vcenter_source.core.errors import VcenterSourceError, VcenterUnavailableError
from vcenter_source.core.event import Identity
from vcenter_source.vcenter.decode import EventPage, decode_identities, decode_page, decode_partial_page, decode_wait
from vcenter_source.vcenter.paging import FAST_READ_SECONDS, MAX_PAGE_BYTES, Paging
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.stub import AnswerLateError, AnswerTooLongError

log = structlog.get_logger()

LATEST_PAGE_SIZE = 10
"""Events in ``latestPage``. The page travels with each wake-up, and any size wakes us, so it is small."""


class Collector:
    """One collector on the server, with a filter on its ``latestPage`` that wakes us when there is more to read.

    A new collector stands before its oldest event (vSphere API reference, HistoryCollector.rewind). A collector whose
    read has failed has to be replaced: it may have moved on all the same. ``paging`` decides the size of a page.
    """

    def __init__(
        self,
        session: Session,
        since: datetime | None,
        event_type_ids: Sequence[str] = (),
        paging: Paging | None = None,
        until: datetime | None = None,
    ) -> None:
        self._session = session
        self._paging = paging or Paging()
        self._version = ""
        self._collector: Any = None
        self._pages: Any = None
        try:
            with session.errors(), session.stub.limits(self._paging.creation_timeout):
                self._create(build_event_filter(since, event_type_ids, until))
            self._paging.note_creation(in_time=True)
        except VcenterSourceError as exc:
            if isinstance(exc.__cause__, AnswerLateError):
                self._paging.note_creation(in_time=False)
            self.destroy()
            if isinstance(exc, VcenterUnavailableError):  # one may exist unknown to us, or too many
                session.mark_unclean()
            raise

    def _create(self, wanted: Any) -> None:
        content = self._session.content
        self._collector = content.eventManager.CreateCollectorForEvents(wanted)
        self._collector.SetCollectorPageSize(LATEST_PAGE_SIZE)
        self._pages = content.propertyCollector.CreatePropertyCollector()
        self._pages.CreateFilter(build_latest_page_spec(self._collector), partialUpdates=True)

    def read(self) -> EventPage:
        """Return the next events, oldest first; none just now is an empty page. Raises VcenterUnavailableError."""
        stub, paging, begun = self._session.stub, self._paging, time.monotonic()
        asked = paging.size
        with self._session.errors(), stub.limits(paging.timeout, MAX_PAGE_BYTES):
            try:
                answer = stub.call_raw(self._collector, "ReadNext", asked)
            except (OSError, HTTPException, vmodl.MethodFault) as exc:
                return self._after_failure(exc, asked, time.monotonic() - begun)
        page = decode_page(answer)
        page.full = len(page) == asked
        paging.note_success(len(page), len(answer), time.monotonic() - begun)
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
        page = decode_partial_page(exc.beginning)
        log.warning("an event is too large to be read whole", more_than=len(exc.beginning), read=len(page))
        return page

    def wait(self, seconds: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time is over."""
        options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=seconds)
        answer, cut = self._ask_pages("WaitForUpdatesEx", self._version, options)
        version, _ = decode_wait(answer, cut=cut)
        self._version = version or self._version

    def read_latest(self) -> list[Identity]:
        """Return the newest events that match, in no order, to check whether reading has come that far."""
        spec, options = build_latest_page_spec(self._collector), vmodl.query.PropertyCollector.RetrieveOptions()
        answer, cut = self._ask_pages("RetrievePropertiesEx", [spec], options)
        return decode_identities(answer, cut=cut)

    def _ask_pages(self, method: str, *args: Any) -> tuple[bytes, bool]:
        """Return an answer whose events are not decoded, and whether it was cut off because they are too large."""
        stub = self._session.stub
        with self._session.errors(), stub.limits(stub.call_timeout, MAX_PAGE_BYTES):
            try:
                return stub.call_raw(self._pages, method, *args), False
            except AnswerTooLongError as exc:
                return exc.beginning, True

    def destroy(self) -> None:
        """Free it on the server, now or when vCenter answers again: a session may hold only 32. Never fails."""
        views = (self._pages and self._pages.Destroy, self._collector and self._collector.DestroyCollector)
        self._session.free(*filter(None, views))


def build_event_filter(since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None) -> Any:
    """Build the filter: from ``since`` to ``until`` (None: no limit), these classes and event type ids (empty: all)."""
    spec = vim.event.EventFilterSpec(disableFullMessage=False)
    if since is not None or until is not None:
        spec.time = vim.event.EventFilterSpec.ByTime(beginTime=since, endTime=until)
    if event_type_ids:
        spec.eventTypeId = list(event_type_ids)
    return spec


def build_latest_page_spec(collector: Any) -> Any:
    """Build the PropertyCollector's filter on this one property of this one object."""
    pc = vmodl.query.PropertyCollector
    return pc.FilterSpec(
        propSet=[pc.PropertySpec(type=vim.event.EventHistoryCollector, pathSet=["latestPage"])],
        objectSet=[pc.ObjectSpec(obj=collector)],
    )
