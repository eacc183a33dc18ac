"""An event, run: within its span, its vCenter, its slot and its time, whatever the function."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from vcenter_functions.errors import TemporaryError
from vcenter_functions.http_limits import BodyLimit
from vcenter_functions.metrics import Metrics
from vcenter_functions.server import Service
from vcenter_functions.slots import SlotsByVcenter
from vcenter_functions.tracing import format_trace_id

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.server_settings import ServerSettings
    from vcenter_functions.tracing import Tracing

Handle = Callable[["BaseCloudEvent"], Awaitable[None]]
"""Handles an event of the function's vCenter. Raises TemporaryError to get it again, PermanentError to refuse it."""


class Connections(Protocol):
    """What a function has open.

    ``check_source`` returns the name of an event's vCenter, and raises OtherVcenterError for one that is not
    configured. ``check`` returns what there is to say if it works, and ``close`` ends it.
    """

    def check_source(self, event: "BaseCloudEvent") -> str: ...  # noqa: D102
    async def check(self) -> str: ...  # noqa: D102
    async def close(self) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Messages:
    """What is said of an event that is refused, of one to be delivered again, and of one whose TIMEOUT is over."""

    refusal: str = "not handled"
    retry: str = "not handled, will be retried"
    late: str = "the handlers took longer than TIMEOUT={:g} seconds"


MESSAGES = Messages()


class EventRunner:
    """Runs the events of one function."""

    def __init__(
        self,
        settings: "ServerSettings",
        tracing: "Tracing",
        connections: Connections,
        messages: Messages,
    ) -> None:
        self._timeout = settings.timeout
        self._body_limit = BodyLimit(settings.max_body_bytes, settings.timeout, "MAX_BODY_BYTES")
        self._tracing = tracing
        self._connections = connections
        self._messages = messages
        self._slots = SlotsByVcenter(settings.max_concurrency)
        self.metrics = Metrics(lambda: self._slots.in_progress, lambda: tracing.losses)

    def create_service(self, handle: Handle) -> Service:
        """Create what the server serves."""

        async def run(event: "BaseCloudEvent", headers: Mapping[str, str]) -> None:
            await self._run(handle, event, headers)

        refusal, retry = self._messages.refusal, self._messages.retry
        return Service(run, self._body_limit, self._check, self._close, refusal, retry, self.metrics.render)

    async def _run(self, handle: Handle, event: "BaseCloudEvent", headers: Mapping[str, str]) -> None:
        with self._tracing.event_span(event, headers) as span:
            _bind(event_id=event.get_id(), trace_id=format_trace_id(span))
            vcenter = self._connections.check_source(event)
            _bind(vcenter=vcenter)
            with _as_temporary(self._messages.late.format(self._timeout)):
                async with asyncio.timeout(self._timeout), self._slots.of(vcenter):
                    await handle(event)

    async def _check(self) -> str:
        with _as_temporary("vCenter does not answer in time"):
            async with asyncio.timeout(self._timeout):
                return await self._connections.check()

    async def _close(self) -> None:
        await self._connections.close()
        await asyncio.to_thread(self._tracing.shutdown)


def _bind(**values: str) -> None:
    """Add what is known to each line that is logged for the event."""
    structlog.contextvars.bind_contextvars(**{name: value for name, value in values.items() if value})


@contextmanager
def _as_temporary(message: str) -> Iterator[None]:
    """Raise TemporaryError with the message in the place of a TimeoutError."""
    try:
        yield
    except TimeoutError as exc:
        raise TemporaryError(message) from exc
