"""The wire that speaks VI/JSON."""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any, ClassVar
from urllib.parse import quote

from pyVmomi import vim, vmodl

from vcenter_functions.net.vsphere_versions import list_releases
from vcenter_source.core.event import Identity
from vcenter_source.vcenter.page import EventPage, parse_created
from vcenter_source.vcenter.vijson.answers import (
    load_categories,
    load_identities,
    load_page,
    load_partial_page,
    load_version,
    parse_json,
)
from vcenter_source.vcenter.vijson.http import CallLimits, JsonClient
from vcenter_source.vcenter.wire import (
    CALL_TIMEOUT,
    MAX_ANSWER_BYTES,
    AnswerTooLongError,
    Disposable,
    EventQuery,
    NotOfferedError,
    Product,
    StatusError,
    UnknownFaultError,
)

OLDEST_RELEASE = "8.0.1.0"
"""The first with VI/JSON. It has no ``hello``, which came with 8.0.2.0 (vSphere Automation API, vcenter/system)."""

RELEASES = list_releases(OLDEST_RELEASE)
"""The releases that we offer to speak, the preferred one first: those that are spoken by SOAP, too."""

HELLO = "/api/vcenter/system?action=hello"

_LITERAL = "[]!$&'()*+,;=:@"
"""What a path holds as it is: a collector's id is ``session[…]…``, which vim_rs and govmomi send so."""

REFUSALS = frozenset({401, 403})
"""Statuses of an answer to Login that refuses the credentials, where it is no fault."""

Reference = Mapping[str, Any]

_SERVICE_INSTANCE: Reference = {"type": "ServiceInstance", "value": "ServiceInstance"}


class JsonWire:
    """A vCenter by VI/JSON. ``client`` has the connections."""

    name: ClassVar[str] = "json"

    def __init__(self, client: JsonClient) -> None:
        self._client = client
        self.call_timeout = CALL_TIMEOUT
        self.release = OLDEST_RELEASE
        self.content: Mapping[str, Any] = {}

    @property
    def has_session(self) -> bool:
        """Whether vCenter has sent a session's id."""
        return bool(self._client.session_id)

    async def call(
        self,
        target: Reference,
        method: str,
        arguments: Mapping[str, Any] | None = None,
        within: float | None = None,
        max_bytes: int = MAX_ANSWER_BYTES,
    ) -> bytes:
        """Call a method, with its arguments by name, and return the answer unchanged."""
        return await self._client.request(
            "POST", self._path(target, method), self._limits(within, max_bytes), arguments
        )

    async def get(
        self, target: Reference, name: str, within: float | None = None, max_bytes: int = MAX_ANSWER_BYTES
    ) -> bytes:
        """Read a property, and return the answer unchanged."""
        return await self._client.request("GET", self._path(target, name), self._limits(within, max_bytes))

    def _path(self, target: Reference, name: str) -> str:
        parts = [quote(str(part), safe=_LITERAL) for part in (self.release, target["type"], target["value"], name)]
        return f"/sdk/vim25/{'/'.join(parts)}"

    def _limits(self, within: float | None, max_bytes: int) -> CallLimits:
        return CallLimits(within or self.call_timeout, max_bytes)

    async def connect(self) -> Product:
        """Agree on a release, and read what vCenter is. Raises NotOfferedError."""
        await self._client.close()
        self.release = await self._negotiate()
        try:
            answer = await self.get(_SERVICE_INSTANCE, "content")
        except StatusError as exc:
            raise NotOfferedError(f"it answers {exc} to release {self.release}") from exc
        try:
            self.content = parse_json(answer)
            return _read_product(self.content["about"])
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise NotOfferedError(f"its answer to release {self.release} is not VI/JSON's") from exc

    async def _negotiate(self) -> str:
        """Return the release that vCenter chooses of ours.

        The service behind ``hello`` is another than the one behind all else, so if it does not answer as it should, the
        oldest release is tried. Raises NotOfferedError if vCenter says that it has none of ours.
        """
        wanted = {"api_releases": list(RELEASES)}
        try:
            answer = await self._client.request("POST", HELLO, self._limits(None, MAX_ANSWER_BYTES), wanted)
        except (StatusError, UnknownFaultError, vmodl.MethodFault):
            return OLDEST_RELEASE
        try:
            release = parse_json(answer)["api_release"]
        except (ValueError, TypeError, KeyError):
            return OLDEST_RELEASE
        if release == "":
            raise NotOfferedError(f"it has none of the releases {', '.join(RELEASES)}")
        return str(release)

    def _manager(self, name: str) -> Reference:
        reference: Reference = self.content[name]
        return reference

    async def log_in(self, username: str, password: str) -> None:
        """Log in; the answer's header has the session's id.

        Whatever refuses us here counts as a refusal of the credentials: another try at once might lock the account.
        """
        manager, arguments = self._manager("sessionManager"), {"userName": username, "password": password}
        try:
            await self.call(manager, "Login", arguments)
        except vim.fault.NotAuthenticated as exc:
            raise vim.fault.InvalidLogin from exc
        except StatusError as exc:
            if exc.status in REFUSALS:
                raise vim.fault.InvalidLogin from exc
            raise

    async def log_out(self, within: float) -> None:
        """End the session."""
        await self.call(self._manager("sessionManager"), "Logout", within=within)

    async def is_logged_in(self) -> bool:
        """Ask whether the session is alive."""
        return parse_json(await self.get(self._manager("sessionManager"), "currentSession")) is not None

    async def end_twins(self, user_agent: str, within: float) -> None:
        """End the other sessions with our user agent. This needs the privilege Sessions.TerminateSession."""
        manager = self._manager("sessionManager")
        own = parse_json(await self.get(manager, "currentSession", within))["key"]
        sessions = parse_json(await self.get(manager, "sessionList", within)) or []
        twins = [one["key"] for one in sessions if one.get("userAgent") == user_agent and one["key"] != own]
        if twins:
            await self.call(manager, "TerminateSession", {"sessionId": twins}, within)

    async def read_time(self) -> datetime:
        """Read vCenter's clock."""
        time = parse_created(parse_json(await self.call(_SERVICE_INSTANCE, "CurrentTime")))
        if time is None:
            raise TypeError("no time")
        return time

    async def read_categories(self) -> dict[str, str]:
        """Read the categories of all event classes and event type ids."""
        return load_categories(parse_json(await self.get(self._manager("eventManager"), "description")))

    async def create_collector(self, query: EventQuery, within: float) -> "JsonCollector":
        """Create a collector that stands before its oldest event."""
        arguments = {"filter": build_filter_spec(query)}
        answer = await self.call(self._manager("eventManager"), "CreateCollectorForEvents", arguments, within)
        return JsonCollector(self, load_reference(answer))

    async def create_property_collector(self, within: float) -> Reference:
        """Create a property collector, for filters of its own."""
        return load_reference(
            await self.call(self._manager("propertyCollector"), "CreatePropertyCollector", None, within)
        )

    async def close(self) -> None:
        """Close the connections; they are made anew with the next call."""
        await self._client.close()


class JsonCollector:
    """A collector on the server. ``watch`` gives it a filter on its ``latestPage``."""

    def __init__(self, wire: JsonWire, collector: Reference) -> None:
        self._wire = wire
        self._collector = collector
        self._pages: Reference | None = None
        self._version = ""

    async def set_page_size(self, events: int, within: float) -> None:
        """Set how many events ``latestPage`` has."""
        await self._wire.call(self._collector, "SetCollectorPageSize", {"maxCount": events}, within)

    async def watch(self, within: float) -> None:
        """Create the filter, in a property collector of its own."""
        self._pages = await self._wire.create_property_collector(within)
        arguments = {"spec": build_latest_page_spec(self._collector), "partialUpdates": True}
        await self._wire.call(self._pages, "CreateFilter", arguments, within)

    async def read_next(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the next events, the oldest first."""
        return await self._read("ReadNextEvents", count, within, max_bytes)

    async def read_previous(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the events before those read, in vCenter's order."""
        return await self._read("ReadPreviousEvents", count, within, max_bytes)

    async def _read(self, method: str, count: int, within: float, max_bytes: int) -> EventPage:
        return load_page(await self._wire.call(self._collector, method, {"maxCount": count}, within, max_bytes))

    async def read_latest(self, within: float, max_bytes: int) -> EventPage:
        """Read ``latestPage``, in vCenter's order."""
        return load_page(await self._wire.get(self._collector, "latestPage", within, max_bytes))

    async def read_latest_identities(self, max_bytes: int) -> list[Identity]:
        """Read the identities of ``latestPage``, also where its events are too large to be read whole."""
        try:
            return load_identities(await self._wire.get(self._collector, "latestPage", max_bytes=max_bytes))
        except AnswerTooLongError as exc:
            return load_identities(exc.beginning, cut=True)

    async def wait(self, seconds: int, max_bytes: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time is over."""
        options = {"_typeName": "WaitOptions", "maxWaitSeconds": seconds}
        arguments = {"version": self._version, "options": options}
        pages = self._pages
        if pages is None:
            raise RuntimeError("nothing is watched")
        try:
            answer, cut = await self._wire.call(pages, "WaitForUpdatesEx", arguments, max_bytes=max_bytes), False
        except AnswerTooLongError as exc:
            answer, cut = exc.beginning, True
        self._version = load_version(answer, cut=cut) or self._version

    async def reset(self, within: float) -> None:
        """Place the position behind the newest event."""
        await self._wire.call(self._collector, "ResetCollector", within=within)

    def decode_partial(self, beginning: bytes) -> EventPage:
        """Decode the first event of an answer that was cut off."""
        return load_partial_page(beginning)

    @property
    def objects(self) -> list[Disposable]:
        """What has to be destroyed: the property collector, which holds the filter, and the collector."""
        ends = [(self._collector, "DestroyCollector")]
        if self._pages is not None:
            ends.insert(0, (self._pages, "DestroyPropertyCollector"))
        return [partial(self._wire.call, target, method, None) for target, method in ends]


def _read_product(about: Mapping[str, Any]) -> Product:
    """Return what an AboutInfo says. An ESXi host has no instance uuid."""
    return Product(
        str(about.get("instanceUuid")), str(about["apiVersion"]), str(about.get("fullName")), str(about.get("apiType"))
    )


def load_reference(answer: bytes) -> Reference:
    """Return the reference in an answer, as an argument has it. Raises TypeError or KeyError for anything else."""
    reference = parse_json(answer)
    return {"_typeName": "ManagedObjectReference", "type": reference["type"], "value": reference["value"]}


def build_filter_spec(query: EventQuery) -> dict[str, Any]:
    """Build an EventFilterSpec."""
    spec: dict[str, Any] = {"_typeName": "EventFilterSpec", "disableFullMessage": False}
    limits = {"beginTime": query.since, "endTime": query.until}
    given = {name: time.isoformat() for name, time in limits.items() if time is not None}
    if given:
        spec["time"] = {"_typeName": "EventFilterSpecByTime"} | given
    if query.event_type_ids:
        spec["eventTypeId"] = list(query.event_type_ids)
    return spec


def build_latest_page_spec(collector: Reference) -> dict[str, Any]:
    """Build the PropertyFilterSpec on a collector's ``latestPage``."""
    wanted = {"_typeName": "PropertySpec", "type": "EventHistoryCollector", "pathSet": ["latestPage"]}
    return {
        "_typeName": "PropertyFilterSpec",
        "propSet": [wanted],
        "objectSet": [{"_typeName": "ObjectSpec", "obj": collector}],
    }
