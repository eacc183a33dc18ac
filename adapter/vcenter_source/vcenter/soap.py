"""SOAP, by pyVmomi: it blocks, so its calls run one after another in a thread of their own."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar, TypeVar

from pyVmomi import vim, vmodl

from vcenter_functions.net.vsphere_versions import OLDEST_VERSION, choose_version
from vcenter_source.core.event import Identity
from vcenter_source.vcenter.decode import (
    decode_categories,
    decode_identities,
    decode_latest_page,
    decode_page,
    decode_partial_page,
    decode_wait,
)
from vcenter_source.vcenter.page import EventPage
from vcenter_source.vcenter.stub import Stub
from vcenter_source.vcenter.wire import (
    CALL_TIMEOUT,
    MAX_ANSWER_BYTES,
    AnswerTooLongError,
    Disposable,
    EventQuery,
    Product,
)

T = TypeVar("T")


class SoapWire:
    """A vCenter by SOAP. ``open_stub`` returns a stub that speaks a version of the API.

    ``stub`` and ``content`` are pyVmomi's objects, for functions that are given to ``run``.
    """

    name: ClassVar[str] = "soap"

    def __init__(self, open_stub: Callable[[str], Stub]) -> None:
        self._open_stub = open_stub
        self._thread: ThreadPoolExecutor | None = None
        self.stub = open_stub(OLDEST_VERSION)
        self.content: Any = None
        self.call_timeout = CALL_TIMEOUT
        """Seconds that a call may take where nothing else is said."""

    @property
    def has_session(self) -> bool:
        """Whether vCenter has set a cookie."""
        return bool(self.stub.cookie)

    async def run(
        self,
        function: Callable[[], T],
        within: float | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> T:
        """Run blocking calls in the thread. Cancelling aborts the present one, and waits for its end."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vcenter")
        # The context is for the log: it names the vCenter.
        work = partial(copy_context().run, self._run_within, within or self.call_timeout, max_bytes, function)
        submitted = self._thread.submit(work)
        future = asyncio.wrap_future(submitted)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            if not submitted.cancel() and not submitted.done():
                self.stub.abort()
                with suppress(Exception):
                    await future
            raise

    def _run_within(self, within: float, max_bytes: int, function: Callable[[], T]) -> T:
        with self.stub.limits(within, max_bytes):
            return function()

    async def connect(self) -> Product:
        """Connect anew, agree on the version of the API, and read what vCenter is."""
        return await self.run(self._connect)

    def _connect(self) -> Product:
        self._replace_stub(OLDEST_VERSION)
        self._replace_stub(choose_version(self._retrieve_content().about.apiVersion))
        self.content = self._retrieve_content()
        about = self.content.about
        return Product(str(about.instanceUuid), str(about.apiVersion), str(about.fullName), str(about.apiType))

    def _replace_stub(self, api_version: str) -> None:
        self.stub.DropConnections()
        self.stub = self._open_stub(api_version)

    def _retrieve_content(self) -> Any:
        content = vim.ServiceInstance("ServiceInstance", self.stub).RetrieveContent()
        if not isinstance(content, vim.ServiceInstanceContent):
            raise TypeError("the answer is not vCenter's")
        return content

    async def log_in(self, username: str, password: str) -> None:
        """Log in."""
        await self.run(partial(self.content.sessionManager.Login, username, password))

    async def log_out(self, within: float) -> None:
        """End the session."""
        await self.run(self.content.sessionManager.Logout, within)

    async def is_logged_in(self) -> bool:
        """Ask whether the session is alive."""
        return await self.run(lambda: self.content.sessionManager.currentSession is not None)

    async def end_twins(self, user_agent: str, within: float) -> None:
        """End the other sessions with our user agent. This needs the privilege Sessions.TerminateSession."""
        await self.run(partial(self._end_twins, user_agent), within)

    def _end_twins(self, user_agent: str) -> None:
        manager = self.content.sessionManager
        own = manager.currentSession.key
        twins = [one.key for one in manager.sessionList if one.userAgent == user_agent and one.key != own]
        if twins:
            manager.TerminateSession(twins)

    async def read_time(self) -> datetime:
        """Read vCenter's clock."""
        time: datetime = await self.run(vim.ServiceInstance("ServiceInstance", self.stub).CurrentTime)
        return time.astimezone(UTC)  # in pyVmomi's own zone, each comparison would take a call of Python's

    async def read_categories(self) -> dict[str, str]:
        """Read the categories; not by pyVmomi's decoder, which fails on the first class that it does not know."""
        spec = build_property_spec(self.content.eventManager, vim.event.EventManager, "description.eventInfo")
        return decode_categories(await self.call_raw(self.content.propertyCollector, *retrieve(spec)))

    async def create_collector(self, query: EventQuery, within: float) -> "SoapCollector":
        """Create a collector that stands before its oldest event."""
        wanted = build_event_filter(query.since, query.event_type_ids, query.until)
        manager = self.content.eventManager
        return SoapCollector(self, await self.run(partial(manager.CreateCollectorForEvents, wanted), within))

    async def call_raw(
        self,
        managed_object: Any,
        method: str,
        *args: Any,
        within: float | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """Make a call, and return the SOAP answer unchanged; see ``Stub.call_raw``."""
        return await self.run(partial(self.stub.call_raw, managed_object, method, *args), within, max_bytes)

    async def close(self) -> None:
        """Close the connections, and end the thread; both begin again with the next call."""
        self.stub.DropConnections()
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None


class SoapCollector:
    """A collector on the server. ``watch`` gives it a filter on its ``latestPage``."""

    def __init__(self, wire: SoapWire, collector: Any) -> None:
        self._wire = wire
        self._collector = collector
        self._pages: Any = None
        self._version = ""

    async def set_page_size(self, events: int, within: float) -> None:
        """Set how many events ``latestPage`` has."""
        await self._wire.run(partial(self._collector.SetCollectorPageSize, events), within)

    async def watch(self, within: float) -> None:
        """Create the filter, in a property collector of its own."""
        self._pages = await self._wire.run(self._wire.content.propertyCollector.CreatePropertyCollector, within)
        create = partial(self._pages.CreateFilter, self._latest_page_spec, partialUpdates=True)
        await self._wire.run(create, within)

    @property
    def _latest_page_spec(self) -> Any:
        return build_property_spec(self._collector, vim.event.EventHistoryCollector, "latestPage")

    async def read_next(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the next events, the oldest first."""
        return await self._read("ReadNext", count, within, max_bytes)

    async def read_previous(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the events before those read, in vCenter's order."""
        return await self._read("ReadPrev", count, within, max_bytes)

    async def _read(self, method: str, count: int, within: float, max_bytes: int) -> EventPage:
        def read() -> EventPage:  # parsed in the thread, too
            return decode_page(self._wire.stub.call_raw(self._collector, method, count))

        return await self._wire.run(read, within, max_bytes)

    async def read_latest(self, within: float, max_bytes: int) -> EventPage:
        """Read ``latestPage``, in vCenter's order."""
        args = retrieve(self._latest_page_spec)
        answer = await self._wire.call_raw(self._properties, *args, within=within, max_bytes=max_bytes)
        return decode_latest_page(answer)

    @property
    def _properties(self) -> Any:
        return self._pages or self._wire.content.propertyCollector

    async def read_latest_identities(self, max_bytes: int) -> list[Identity]:
        """Read the identities of ``latestPage``, without decoding its events."""
        answer, cut = await self._ask_pages(max_bytes, *retrieve(self._latest_page_spec))
        return decode_identities(answer, cut=cut)

    async def wait(self, seconds: int, max_bytes: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time is over."""
        options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=seconds)
        answer, cut = await self._ask_pages(max_bytes, "WaitForUpdatesEx", self._version, options)
        version, _ = decode_wait(answer, cut=cut)
        self._version = version or self._version

    async def _ask_pages(self, max_bytes: int, method: str, *args: Any) -> tuple[bytes, bool]:
        """Return an answer whose events are not decoded, and whether it was cut off because they are too large."""
        try:
            return await self._wire.call_raw(self._properties, method, *args, max_bytes=max_bytes), False
        except AnswerTooLongError as exc:
            return exc.beginning, True

    async def reset(self, within: float) -> None:
        """Place the position behind the newest event."""
        await self._wire.run(self._collector.ResetCollector, within)

    def decode_partial(self, beginning: bytes) -> EventPage:
        """Decode the first event of an answer that was cut off."""
        return decode_partial_page(beginning)

    @property
    def objects(self) -> list[Disposable]:
        """What has to be destroyed: the property collector, which holds the filter, and the collector."""
        destroy = [self._collector.DestroyCollector]
        return [partial(self._wire.run, each) for each in ([self._pages.Destroy, *destroy] if self._pages else destroy)]


def retrieve(spec: Any) -> tuple[str, Any, Any]:
    """Return the method and the arguments that read properties once."""
    return "RetrievePropertiesEx", [spec], vmodl.query.PropertyCollector.RetrieveOptions()


def build_event_filter(since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None) -> Any:
    """Build the filter: from ``since`` to ``until`` (None: no limit), these classes and event type ids (empty: all)."""
    spec = vim.event.EventFilterSpec(disableFullMessage=False)
    if since is not None or until is not None:
        spec.time = vim.event.EventFilterSpec.ByTime(beginTime=since, endTime=until)
    if event_type_ids:
        spec.eventTypeId = list(event_type_ids)
    return spec


def build_property_spec(managed_object: Any, kind: Any, path: str) -> Any:
    """Build the PropertyCollector's filter on one property of one object."""
    pc = vmodl.query.PropertyCollector
    return pc.FilterSpec(
        propSet=[pc.PropertySpec(type=kind, pathSet=[path])], objectSet=[pc.ObjectSpec(obj=managed_object)]
    )
