"""What a session needs of the protocol that it speaks with vCenter, whichever it is.

A wire raises the faults of vCenter as pyVmomi's classes, or as UnknownFaultError, and what else goes wrong as OSError
and HTTPException (AnswerLateError, AnswerTooLongError and StatusError are some); ``failures`` maps all of them.
Cancelling a call ends it at once, and leaves open whether vCenter has carried it out.
"""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPException
from typing import ClassVar, Protocol

from vcenter_source.core.event import Identity
from vcenter_source.vcenter.page import EventPage

CONNECT_TIMEOUT = 10.0
"""Seconds to wait for a TCP and TLS connection."""

CALL_TIMEOUT = 60.0
"""Seconds that a call may take, to the end of its answer; longer than the longest wait that we ask for."""

MAX_ANSWER_BYTES = 64 << 20
"""The longest answer in bytes. The list of event classes, the longest beside events, takes some 2 MB."""


class AnswerLateError(TimeoutError):
    """The request was sent, and the answer was not complete within ``seconds``."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


class AnswerTooLongError(HTTPException):
    """The answer is too long. ``beginning`` is what was read of it."""

    def __init__(self, beginning: bytes) -> None:
        super().__init__(f"an answer of more than {len(beginning)} bytes")
        self.beginning = beginning


class StatusError(HTTPException):
    """An answer that is not of vCenter's protocol, by its HTTP status and what is said of it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


class UnknownFaultError(Exception):
    """A fault of a type that pyVmomi does not know."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


class NotOfferedError(Exception):
    """The server does not offer this protocol, or no release of it that we can read."""


@dataclass(frozen=True, slots=True)
class Product:
    """What vCenter says about itself before a log-in: its id, API version, product name, and HostAgent or not."""

    instance_uuid: str
    api_version: str
    full_name: str
    api_type: str


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Which events: from ``since`` to ``until`` (None: no limit), of these classes and event type ids (empty: all)."""

    since: datetime | None = None
    event_type_ids: Sequence[str] = ()
    until: datetime | None = None


class Disposable(Protocol):
    """Destroys an object on the server, within some seconds."""

    def __call__(self, within: float) -> Awaitable[object]:
        """Destroy it."""


class EventCollector(Protocol):
    """An EventHistoryCollector on the server, and its filter on ``latestPage``."""

    async def set_page_size(self, events: int, within: float) -> None:
        """Set how many events ``latestPage`` has."""

    async def watch(self, within: float) -> None:
        """Create the filter on ``latestPage`` that ``wait`` waits for."""

    async def read_next(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the next events, the oldest first."""

    async def read_previous(self, count: int, within: float, max_bytes: int) -> EventPage:
        """Read the events before those read, in vCenter's order."""

    async def read_latest(self, within: float, max_bytes: int) -> EventPage:
        """Read ``latestPage``, in vCenter's order."""

    async def read_latest_identities(self, max_bytes: int) -> list[Identity]:
        """Read the identities of ``latestPage``; those that cannot be read, or are beyond the limit, are left out."""

    async def reset(self, within: float) -> None:
        """Place the position behind the newest event."""

    async def wait(self, seconds: int, max_bytes: int) -> None:
        """Return as soon as ``latestPage`` has changed since the last call, or when the time is over."""

    def decode_partial(self, beginning: bytes) -> EventPage:
        """Decode the first event of an answer that was cut off."""

    @property
    def objects(self) -> list[Disposable]:
        """What has to be destroyed on the server."""


class Wire(Protocol):
    """The connections to a vCenter that belong to one session there.

    ``name`` is soap or json. ``call_timeout`` is how many seconds a call may take where nothing else is said.
    """

    name: ClassVar[str]
    call_timeout: float

    @property
    def has_session(self) -> bool:
        """Whether vCenter has given us the id of a session, which may be logged in."""

    async def connect(self) -> Product:
        """Agree on the version of the API, and read what vCenter is."""

    async def log_in(self, username: str, password: str) -> None:
        """Log in."""

    async def log_out(self, within: float) -> None:
        """End the session."""

    async def is_logged_in(self) -> bool:
        """Ask whether the session is alive."""

    async def end_twins(self, user_agent: str, within: float) -> None:
        """End the other sessions with our user agent. This needs the privilege Sessions.TerminateSession."""

    async def read_time(self) -> datetime:
        """Read vCenter's clock, in UTC."""

    async def read_categories(self) -> dict[str, str]:
        """Read the category of each event class and event type id."""

    async def create_collector(self, query: EventQuery, within: float) -> EventCollector:
        """Create a collector that stands before its oldest event."""

    async def close(self) -> None:
        """Close the connections."""
