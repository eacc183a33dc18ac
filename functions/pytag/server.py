"""pytag over HTTP: what a Knative Trigger or an OpenFaaS gateway calls, and the probes.

What the answers mean to a Broker: 204 done (a 2xx must have no body, or the Broker takes it for a failure); 400, 405,
413, 415, 422 and 431 dead letter at once; 503 deliver again, as also 408, for a body that did not come in time. A
Broker would retry 404, 409 and 429 too: they are never given. A subscriber's address may have a path, so an event is
taken on any but the probes'. ``/_/health`` is OpenFaaS's probe: pytag is a function there as it is, without a watchdog.
"""

import asyncio
import math
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pytag.connections import http_client
from pytag.handler import Handler
from pytag.settings import Settings
from pytag.tagging import Tagger
from vcenter_functions.client import VcenterClient
from vcenter_functions.errors import PermanentError, PytagError, RetryableError
from vcenter_functions.event import read_event
from vcenter_functions.http_server import FewHeaders, body_of, options
from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.sockets import ANYWHERE, explain_os_error, listen
from vcenter_functions.telemetry import Telemetry, trace_id

RETRY_AFTER = 5
"""Seconds that a Broker should wait where nothing says more."""

PROBES = frozenset({"/healthz", "/readyz", "/_/health"})
"""Where no event is taken: the last route is for every path, and these answer GET alone."""

_log = structlog.get_logger()


def build_app(settings: Settings, telemetry: Telemetry) -> Starlette:
    """Everything wired together. vCenter is first talked to when an event or a readiness probe comes."""
    client = VcenterClient(http_client(settings), settings.credentials, telemetry)
    tagger = Tagger(client, settings.tag_name, telemetry, create=settings.tag_create)
    handler = Handler(tagger, settings.tag_action, settings.timeout, settings.origin)
    shell = _Shell(handler, client, telemetry, settings)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await client.close()
        await asyncio.to_thread(telemetry.shutdown)

    routes = [
        Route("/healthz", shell.healthy),
        Route("/readyz", shell.ready),
        Route("/_/health", shell.healthy),
        Route("/{path:path}", shell.event, methods=["POST"]),
    ]
    return Starlette(routes=routes, middleware=[Middleware(FewHeaders)], lifespan=lifespan)


class _Shell:
    """The endpoints."""

    def __init__(self, handler: Handler, client: VcenterClient, telemetry: Telemetry, settings: Settings) -> None:
        self._handler = handler
        self._client = client
        self._telemetry = telemetry
        self._settings = settings

    async def event(self, request: Request) -> Response:
        """Take one CloudEvent."""
        if request.url.path in PROBES:
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        try:
            await self._process(request)
        except PytagError as exc:
            return _refusal(exc)
        finally:
            structlog.contextvars.clear_contextvars()
        return Response(status_code=204)

    async def _process(self, request: Request) -> None:
        body = await body_of(request, self._settings.max_body_bytes, self._settings.timeout, "MAX_BODY_BYTES")
        event = read_event(request.headers, body)
        with self._telemetry.processing(event, request.headers) as span:
            found = {"event_id": event.get_id(), "trace_id": trace_id(span)}
            structlog.contextvars.bind_contextvars(**{name: value for name, value in found.items() if value})
            await self._handler.handle(event)

    async def healthy(self, _: Request) -> Response:
        """The process answers: all that a liveness probe should ask, since a restart mends no vCenter."""
        return PlainTextResponse("ok\n")

    async def ready(self, _: Request) -> Response:
        """A vCenter session can be had; otherwise why not."""
        try:
            async with asyncio.timeout(self._settings.timeout):
                await self._client.check()
        except TimeoutError:
            return PlainTextResponse("vCenter does not answer in time\n", 503)
        except PytagError as exc:
            return PlainTextResponse(f"{exc}\n", 503)
        return PlainTextResponse("ready\n")


def _refusal(error: PytagError) -> Response:
    """The answer that says what went wrong, to people and by its status to a Broker."""
    body = {"error": str(error)}
    if isinstance(error, RetryableError):
        delay = math.ceil(error.retry_after or RETRY_AFTER)
        _log.warning("not tagged, will be retried", error=str(error), retry_after=delay)
        return JSONResponse(body, 503, {"Retry-After": str(delay)})
    status = error.status if isinstance(error, PermanentError) else 500
    _log.error("not tagged", error=str(error), status=status)
    # What is left of a body that was not read would be taken for the next request.
    return JSONResponse(body, status, {"Connection": "close"} if status in {408, 413} else None)


class _Server(uvicorn.Server):
    """uvicorn, which says when it listens, and for which SIGTERM is a clean end (exit 0) and not a death by signal."""

    def __init__(self, config: uvicorn.Config, announcement: str) -> None:
        super().__init__(config)
        self._announcement = announcement

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        print(self._announcement, flush=True)  # noqa: T201  the line that whoever started us waits for

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        with super().capture_signals():
            yield
            # uvicorn would raise them once more, for a parent that wants to know; ours wants an exit code.
            self._captured_signals.clear()


def serve(settings: Settings, telemetry: Telemetry) -> int:
    """Serve until SIGINT or SIGTERM; requests being handled are finished first. Returns the exit code."""
    try:
        listeners = listen(settings.host, settings.port)
    except OSError as exc:
        where = f"{add_brackets(settings.host)}:{settings.port}"
        print(f"pytag: cannot listen on {where}: {explain_os_error(exc)}", file=sys.stderr)  # noqa: T201
        return 1
    config = uvicorn.Config(
        build_app(settings, telemetry),
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=math.ceil(settings.timeout),
        **options(),
    )
    _Server(config, f"pytag ready: {_address(settings.host, listeners[0])}").run(sockets=listeners)
    return 0


def _address(host: str, listener: socket.socket) -> str:
    """The URL under which this machine itself can reach us."""
    name = "127.0.0.1" if host in {"0.0.0.0", "", ANYWHERE} else add_brackets(host)  # noqa: S104  compared, not bound
    return f"http://{name}:{listener.getsockname()[1]}"
