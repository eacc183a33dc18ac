"""Accept events over HTTP: aiohttp's server, with limits of time and size for each request, and a stop that drops none.

aiohttp limits the headers, but not how long they take to arrive, nor the body; and on a stop it reads no more, so a
request whose body is half here would not be answered.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from vcenter_source.core.http_server import BindAddress, serve_runner

MAX_HEADERS = 128
"""A Broker sends some thirty."""

MAX_HEADER_BYTES = 16 * 1024
"""Bytes of one header, and of a request's address."""

HEAD_SECONDS = 30.0
"""How long the headers of a request may take, from their first byte."""

BODY_SECONDS = 30.0
"""How long its body may take."""

IDLE_SECONDS = 300.0
"""How long a connection is kept on which nothing comes."""

LINGER_SECONDS = 5.0
"""How long more of a refused body is read, so that its sender gets to read why."""

_CLEANUP_SECONDS = 0.1
"""What aiohttp gives to requests after our own drain; 0 would be for ever."""

log = structlog.get_logger()

Handler = Callable[[web.BaseRequest, bytes], Awaitable[web.StreamResponse]]


class RequestError(Exception):
    """A request that is refused, with the status to answer."""

    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class LimitedConnection(web.RequestHandler):
    """A connection that is closed if the headers of a request do not arrive in time."""

    __slots__ = ("_head_timer",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        self._head_timer: asyncio.TimerHandle | None = None
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Start the clock with the first byte of a head, and stop it with the last."""
        super().data_received(data)
        if self._waiter is None or self._waiter.done():  # a head is complete, or its request still in progress
            self._stop_timer()
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(HEAD_SECONDS, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:  # noqa: D102  asyncio's
        self._stop_timer()
        super().connection_lost(exc)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002  aiohttp's
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is not HTTP, or has too many headers. aiohttp would log a traceback for each."""
        reason = (message or str(exc)).partition("\n")[0].rstrip(":")
        if isinstance(exc, LineTooLong) or reason == "Too many headers received":
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            reason = f"more than {MAX_HEADERS} headers, or one of more than {MAX_HEADER_BYTES} bytes"
        return refuse(status, reason)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


class RequestServer(web.Server):
    """Answers requests by ``handler``, which gets each with its body. ``max_body`` is in bytes."""

    def __init__(self, handler: Handler, max_body: int) -> None:
        super().__init__(
            self._respond,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        self._handler = handler
        self._max_body = max_body
        self._busy: set[web.RequestHandler] = set()
        self._draining = False
        self._drained = asyncio.Event()

    def __call__(self) -> web.RequestHandler:
        """Create what handles one connection."""
        return LimitedConnection(self, loop=self._loop, **self._kwargs)

    async def drain(self, seconds: float) -> None:
        """Close idle connections, and wait until all requests are answered, so many seconds at most."""
        self._draining = True
        for connection in self.connections:
            if connection not in self._busy:
                connection.force_close()
        if self._busy:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._drained.wait()

    async def _respond(self, request: web.BaseRequest) -> web.StreamResponse:
        self._busy.add(request.protocol)
        try:
            response = await self._answer(request)
        finally:
            self._busy.discard(request.protocol)
            if self._draining and not self._busy:
                self._drained.set()
        if self._draining:
            response.force_close()
        return response

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._handler(request, await read_body(request, self._max_body))
        except RequestError as exc:
            return refuse(exc.status, str(exc))
        except Exception:
            log.exception("request failed", method=request.method, path=request.path)
            return web.Response(status=HTTPStatus.INTERNAL_SERVER_ERROR)


async def read_body(request: web.BaseRequest, max_body: int) -> bytes:
    """Read the whole body of a request, within the limits. Raises RequestError."""
    if "upgrade" in request.headers and "upgrade" in request.headers.get("connection", "").lower():
        raise RequestError(HTTPStatus.NOT_IMPLEMENTED, "Upgrade is not supported")
    if (request.content_length or 0) > max_body:
        raise _too_large(max_body)
    if request.headers.get("expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if not request.body_exists:
        return b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _read_limited(request, max_body)
    except TimeoutError as exc:
        raise RequestError(HTTPStatus.REQUEST_TIMEOUT, f"the body took more than {BODY_SECONDS:g} seconds") from exc
    except (ConnectionError, web.RequestPayloadError) as exc:
        raise RequestError(HTTPStatus.BAD_REQUEST, "the body is not complete") from exc


async def _read_limited(request: web.BaseRequest, max_body: int) -> bytes:
    body = bytearray()
    while piece := await request.content.readany():
        body += piece
        if len(body) > max_body:
            raise _too_large(max_body)
    return bytes(body)


def _too_large(max_body: int) -> RequestError:
    return RequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body has more than MAX_BODY_BYTES ({max_body})")


def refuse(status: int, reason: str) -> web.Response:
    """Answer with a line of text, and end the connection."""
    response = web.Response(status=status, text=f"{reason}\n")
    response.force_close()
    return response


@asynccontextmanager
async def serve_requests(
    handler: Handler, address: BindAddress, max_body: int, drain_seconds: float
) -> AsyncIterator[int]:
    """Serve while this lasts, at the port given. Requests in progress then have ``drain_seconds``.

    Raises ConfigurationError when the port cannot be had.
    """
    server = RequestServer(handler, max_body)
    runner = web.ServerRunner(server, shutdown_timeout=_CLEANUP_SECONDS)
    async with serve_runner(runner, address, lambda: server.drain(drain_seconds)) as port:
        yield port
