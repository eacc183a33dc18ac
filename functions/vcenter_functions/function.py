"""A function, run: its settings, its log, its trace and its session with vCenter around the handler of its events."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from vcenter_functions import logs
from vcenter_functions.errors import SettingsError, VcenterUnavailableError
from vcenter_functions.http_limits import BodyLimit
from vcenter_functions.server import Service, create_app, serve
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing, create_provider, format_trace_id
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.transport import create_http_client, log_route

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent
    from starlette.applications import Starlette

S = TypeVar("S", bound=FunctionSettings)
Handler = Callable[["BaseCloudEvent"], Awaitable[None]]
"""Handles an event of the function's vCenter. Raises TemporaryError to get it again, PermanentError to refuse it."""


@dataclass(frozen=True, slots=True)
class Function(Generic[S]):
    """A function: its name, the class of its settings, and what builds the handler of its events.

    ``refusal`` and ``retry`` are the log's messages for an event that is refused, and for one to be delivered again.
    """

    name: str
    settings: type[S]
    build_handler: Callable[[S, VcenterClient, Tracing], Handler]
    refusal: str = "not handled"
    retry: str = "not handled, will be retried"


def run(function: Function[S]) -> int:
    """Serve a function until SIGINT or SIGTERM. Return 0 then, 1 without its port, 2 for a wrong setting."""
    try:
        settings = function.settings.load()
        logs.configure(settings)
        settings.warn_of_misspelt()
        log_route(settings)
        tracing = Tracing(function.name, create_provider(function.name))
    except SettingsError as exc:
        print(f"{function.name}: {exc}", file=sys.stderr)  # noqa: T201  one line, whatever LOG_FORMAT is
        return 2
    return serve(function.name, settings, build_app(function, settings, tracing))


def build_app(function: Function[S], settings: S, tracing: Tracing) -> "Starlette":
    """Wire everything together. vCenter is first talked to when an event or a readiness probe comes."""
    client = VcenterClient(create_http_client(settings), settings.credentials, tracing)
    runner = _Runner(function.build_handler(settings, client, tracing), client, settings, tracing)
    limit = BodyLimit(settings.max_body_bytes, settings.timeout, "MAX_BODY_BYTES")
    return create_app(Service(runner.handle, limit, runner.check, runner.close, function.refusal, function.retry))


class _Runner:
    """A handler within its event's span, its vCenter and its time."""

    def __init__(self, handler: Handler, client: VcenterClient, settings: FunctionSettings, tracing: Tracing) -> None:
        self._handler = handler
        self._client = client
        self._timeout = settings.timeout
        self._origin = settings.origin
        self._tracing = tracing

    async def handle(self, event: "BaseCloudEvent", headers: Mapping[str, str]) -> None:
        with self._tracing.event_span(event, headers) as span:
            ids = {"event_id": event.get_id(), "trace_id": format_trace_id(span)}
            structlog.contextvars.bind_contextvars(**{name: value for name, value in ids.items() if value})
            self._origin.check(event)
            with _as_unavailable(f"vCenter took longer than TIMEOUT={self._timeout:g} seconds"):
                async with asyncio.timeout(self._timeout):
                    await self._handler(event)

    async def check(self) -> None:
        with _as_unavailable("vCenter does not answer in time"):
            async with asyncio.timeout(self._timeout):
                await self._client.check()

    async def close(self) -> None:
        await self._client.close()
        await asyncio.to_thread(self._tracing.shutdown)


@contextmanager
def _as_unavailable(message: str) -> Iterator[None]:
    """Raise VcenterUnavailableError with the message in the place of a TimeoutError."""
    try:
        yield
    except TimeoutError as exc:
        raise VcenterUnavailableError(message) from exc
