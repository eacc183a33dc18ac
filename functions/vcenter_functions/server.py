"""A function over HTTP: what a Knative Trigger or an OpenFaaS gateway calls, and the probes.

What the answers mean to a Broker: 204 is done (a 2xx with a body would count as a failure); 400, 405, 413, 415, 422 and
431 are dead letters at once; 503 is delivered again, as is 408, for a body that did not come in time. A Broker would
retry 404, 409 and 429 too, so they are never given. A subscriber's address may have a path, so events are accepted on
any path but the probes'. ``/_/health`` is OpenFaaS's probe: a function runs there as it is, without a watchdog.
"""

import math
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from vcenter_functions.cloudevent import read_event
from vcenter_functions.errors import FunctionError, PermanentError, TemporaryError
from vcenter_functions.http_limits import BodyLimit, HeaderLimit, read_body, uvicorn_options
from vcenter_functions.metrics import CONTENT_TYPE
from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.sockets import ANYWHERE, explain_os_error, listen

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_functions.server_settings import ServerSettings

RETRY_AFTER_SECONDS = 5
"""The usual delay that a Broker is asked for."""

PROBES = frozenset({"/healthz", "/readyz", "/_/health", "/metrics"})
"""Paths that answer only GET, and accept no event, as the last route does on every other path."""

log = structlog.get_logger()


async def do_nothing() -> None:
    """Do nothing. It stands for a check that always passes, or a close with nothing to close."""


@dataclass(frozen=True, slots=True)
class Service:
    """What is served.

    ``handle`` gets each event with its request's headers, and ``check`` is asked for readiness, and may return more to
    say of it: each raises a FunctionError where it fails. ``close`` is awaited at the end. ``refusal`` and ``retry``
    are the log's messages for an event that is refused, and for one to be delivered again; where they are empty,
    nothing is logged.
    ``render_metrics`` returns the text of ``/metrics``.
    """

    handle: "Callable[[BaseCloudEvent, Mapping[str, str]], Awaitable[None]]"
    limit: BodyLimit
    check: Callable[[], Awaitable[str | None]] = do_nothing
    close: Callable[[], Awaitable[None]] = do_nothing
    refusal: str = ""
    retry: str = ""
    render_metrics: Callable[[], str] = str


def create_app(service: Service) -> Starlette:
    """Create the ASGI application that serves a service."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await service.close()

    endpoints = _Endpoints(service)
    routes = [
        Route("/healthz", endpoints.answer_health),
        Route("/readyz", endpoints.answer_readiness),
        Route("/_/health", endpoints.answer_health),
        Route("/metrics", endpoints.answer_metrics),
        Route("/{path:path}", endpoints.receive_event, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(HeaderLimit)], lifespan=lifespan)


class _Endpoints:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def receive_event(self, request: Request) -> Response:
        """Handle one CloudEvent."""
        if request.url.path in PROBES:
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        try:
            event = read_event(request.headers, await read_body(request, self._service.limit))
            await self._service.handle(event, request.headers)
        except FunctionError as exc:
            return self._answer_failure(exc)
        finally:
            structlog.contextvars.clear_contextvars()
        return Response(status_code=204)

    async def answer_health(self, _: Request) -> Response:
        """Say that the process answers: all that a liveness probe should ask, since a restart mends no vCenter."""
        return PlainTextResponse("ok\n")

    async def answer_readiness(self, _: Request) -> Response:
        """Say whether events can be handled, and otherwise why not."""
        try:
            details = await self._service.check()
        except FunctionError as exc:
            return PlainTextResponse(f"{exc}\n", 503)
        return PlainTextResponse(f"ready\n{details}\n" if details else "ready\n")

    async def answer_metrics(self, _: Request) -> Response:
        """Return what was counted, in Prometheus' text format."""
        return Response(self._service.render_metrics(), media_type=CONTENT_TYPE)

    def _answer_failure(self, error: FunctionError) -> Response:
        """Say what went wrong, to people in the log and the body, and to a Broker by the status."""
        body = {"error": str(error)}
        if isinstance(error, TemporaryError):
            delay = math.ceil(error.delay or RETRY_AFTER_SECONDS)
            if self._service.retry:
                log.warning(self._service.retry, error=str(error), retry_after=delay)
            return JSONResponse(body, 503, {"Retry-After": str(delay)})
        status = error.status if isinstance(error, PermanentError) else 500
        if self._service.refusal:
            log.error(self._service.refusal, error=str(error), status=status)
        # The rest of a body that was not read would be taken for the next request.
        return JSONResponse(body, status, {"Connection": "close"} if status in {408, 413} else None)


def serve(name: str, settings: "ServerSettings", app: Starlette) -> int:
    """Serve until SIGINT or SIGTERM; requests under way are finished first. Return the exit code: 1 without a port."""
    try:
        listeners = listen(settings.host, settings.port)
    except OSError as exc:
        where = f"{add_brackets(settings.host)}:{settings.port}"
        print(f"{name}: PORT: cannot listen on {where}: {explain_os_error(exc)}; set another, or 0", file=sys.stderr)  # noqa: T201
        return 1
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(settings.timeout),
        **uvicorn_options(),
    )
    _Server(config, f"{name} ready: {local_url(settings.host, listeners[0])}").run(sockets=listeners)
    return 0


class _Server(uvicorn.Server):
    """uvicorn, which says when it listens, and for which SIGTERM is a clean end (exit 0) and not a death by signal."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        print(self._announcement, flush=True)  # noqa: T201  whoever started us waits for this line

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            # uvicorn would raise them again, to die by the signal; a container is to end with exit code 0.
            self._captured_signals.clear()


def local_url(host: str, listener: socket.socket) -> str:
    """Return the URL under which this machine itself can reach a listener."""
    name = "127.0.0.1" if host in {"0.0.0.0", "", ANYWHERE} else add_brackets(host)  # noqa: S104  compared, not bound
    return f"http://{name}:{listener.getsockname()[1]}"
