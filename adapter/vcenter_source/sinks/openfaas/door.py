"""HTTP/1.1 requests over kept connections, taken and answered, and no more work for each than it takes.

A general server costs more than all else that the shim does with an event. The parsing is llhttp's, by ``httptools``.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from typing import Any, cast

import structlog
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from vcenter_source.core.http_server import BindAddress, serve_protocol

MAX_HEAD = 64 * 1024
"""Bytes of a request's address and headers together."""

REQUEST_SECONDS = 30.0
"""How long a request may take to come in whole; a sender that dribbles is cut off."""

IDLE_SECONDS = 300.0
"""How long a connection is kept on which nothing comes."""

LOOK_SECONDS = 5.0
"""How often both are looked at."""

log = structlog.get_logger()


@dataclass(slots=True)
class Request:
    """What came whole. ``path`` has no query, header names are in lower case. ``last``: nothing may follow it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler = Callable[[Request], Awaitable[Reply]]


class Caller(asyncio.Protocol):
    """One connection, whose requests are answered in turn. ``among`` holds it as long as it stands."""

    def __init__(self, handle: Handler, max_body: int, among: set["Caller"]) -> None:
        self._handle = handle
        self._max_body = max_body
        self._among = among
        self._loop = asyncio.get_running_loop()
        self._fields: dict[bytes, bytes] = {}
        self.on_header = self._fields.__setitem__  # the parser's, a dozen times a request; of several the last counts
        self._parser: Any = HttpRequestParser(self)
        self._whole: deque[Request] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._refusal: Reply | None = None
        """The last answer, to what can be no request."""
        self._begun = self._heading = self._ended = False
        self._head_size = self._body_size = 0
        self._ahead = False
        """Whether something has come before the last request was answered."""
        self._unread: asyncio.Future[None] | None = None
        """Is done when the other side has read enough of its answers to be given another."""
        self._leaving = False
        self._over = False
        """Nothing is written any more."""
        self._since = self._loop.time()
        self.gone: asyncio.Future[None] = self._loop.create_future()

    def leave(self) -> None:
        """Answer what has begun to come, and no more."""
        self._leaving = True
        if self._over or not (self._begun or self._answering):
            self._transport.close()

    def abort(self) -> None:
        """Close it, whatever is under way."""
        self._transport.abort()

    def is_overdue(self, now: float) -> bool:
        """Whether nothing has come for too long, or not the whole of what has begun, or nothing is read."""
        patience = REQUEST_SECONDS if self._begun or self._over or self._unread else IDLE_SECONDS
        return (self._answering is None or self._unread is not None) and now - self._since > patience

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        self._transport = cast("asyncio.Transport", transport)
        self._among.add(self)

    def data_received(self, data: bytes) -> None:
        """A part of a request, or several of them."""
        if self._refusal is not None:
            return  # read all the same, or the other side would be cut off before it has read why
        self._ended, body = False, self._body_size
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            pass  # it is refused already
        except HttpParserError as exc:
            self._refuse(HTTPStatus.BAD_REQUEST, f"that is no HTTP: {exc}")
        if self._begun and not self._ended and (self._heading or self._body_size == body):
            self._head_has(len(data))
        if self._answering is not None:
            self._ahead = True
            self._transport.pause_reading()  # until it is its turn
        elif self._whole or self._refusal is not None:
            self._answering = self._loop.create_task(self._answer())

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's
        """What is under way goes on: an event is not given up because its sender is gone."""
        self._over = True
        self._whole.clear()
        self._among.discard(self)
        self.gone.set_result(None)
        self.resume_writing()

    def pause_writing(self) -> None:
        """More was answered than the other side has read."""
        self._unread, self._since = self._loop.create_future(), self._loop.time()

    def resume_writing(self) -> None:
        """It has, or is gone."""
        unread, self._unread = self._unread, None
        if unread is not None:
            unread.set_result(None)

    # What the parser tells

    def on_message_begin(self) -> None:  # noqa: D102  httptools'
        self._begun, self._since = True, self._loop.time()
        self._heading, self._head_size, self._body_size = True, 0, 0
        self._url = b""
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        """A part of the address."""
        self._url += url

    def _head_has(self, more: int) -> None:
        """What has come is neither all of a request nor of its body: headers, or what may follow the body as such."""
        self._head_size += more
        if self._head_size > MAX_HEAD:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"more than {MAX_HEAD} bytes of headers")

    def on_headers_complete(self) -> None:
        """Who asks first whether to send the body is answered."""
        self._heading = False
        self._headers = decoded(self._fields)
        if int(self._headers.get("content-length", 0)) > self._max_body:
            self._refuse_body()
        elif self._headers.get("expect", "").lower() == "100-continue":
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Some of it."""
        self._body_size += len(body)
        if self._body_size > self._max_body:
            self._refuse_body()
        elif self._refusal is None:
            self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is whole. A header that came after its body is none of the event's."""
        self._begun, self._ended = False, True
        self._fields.clear()
        parser, parts = self._parser, self._body
        if parser.should_upgrade():  # its body would be taken for the other protocol's
            self._refuse(HTTPStatus.NOT_IMPLEMENTED, "no other protocol is spoken here: send no Upgrade")
        if self._refusal is not None:
            return
        path = self._url.partition(b"?")[0].decode("latin-1")
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        last = parser.get_http_version() != "1.1" or not parser.should_keep_alive()
        self._whole.append(Request(parser.get_method().decode(), path, self._headers, body, last))

    def _refuse_body(self) -> None:
        self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body of more than MAX_BODY_BYTES ({self._max_body})")

    def _refuse(self, status: HTTPStatus, why: str) -> None:
        self._refusal = self._refusal or Reply(status, f"{why}\n".encode(), {"content-type": "text/plain"})

    # What is answered

    async def _answer(self) -> None:
        """Answer all that is there, each in its turn."""
        while self._whole:
            request = self._whole.popleft()
            reply = await self._reply(request)
            last = request.last or (self._leaving and not self._whole)
            self._write(reply, last=last, bodiless=request.method == "HEAD")
            if last:
                self._over = True
                self._transport.close()
            if self._unread is not None:
                await self._unread
        if self._leaving and not self._begun:
            self._transport.close()
        if self._refusal is not None:
            self._write(self._refusal, last=True)
            self._over = True
            self._transport.write_eof()  # it is closed by the other side, which may still be sending
        self._answering, self._since = None, self._loop.time()
        if self._ahead:
            self._ahead = False
            self._transport.resume_reading()

    async def _reply(self, request: Request) -> Reply:
        try:
            return await self._handle(request)
        except Exception:
            log.exception("request failed", method=request.method, path=request.path)
            return Reply(HTTPStatus.INTERNAL_SERVER_ERROR)

    def _write(self, reply: Reply, *, last: bool, bodiless: bool = False) -> None:
        if not self._over:
            head = head_of(reply.status, tuple(reply.headers.items()), len(reply.body), int(time.time()), last)
            self._transport.write(head if bodiless else head + reply.body)


def decoded(fields: dict[bytes, bytes]) -> dict[str, str]:
    """Headers as text, all at once: between them a NUL, which no header can hold (llhttp refuses it)."""
    if not fields:
        return {}
    values = b"\0".join(fields.values()).decode("utf-8", "surrogateescape").split("\0")  # Go's SDK sends UTF-8 as it is
    return dict(zip(names_in(b"\0".join(fields)), values, strict=True))


@lru_cache(maxsize=128)
def names_in(names: bytes) -> tuple[str, ...]:
    """The names of a request's headers, as most requests have them alike."""
    return tuple(names.decode("latin-1").lower().split("\0"))


@lru_cache(maxsize=64)
def head_of(status: int, headers: tuple[tuple[str, str], ...], size: int, now: int, last: bool) -> bytes:
    """An answer up to its body, as most answers of a second have it alike."""
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"date: {formatdate(now, usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if status != HTTPStatus.NO_CONTENT:
        lines.append(f"content-length: {size}")
    if last:
        lines.append("connection: close")
    return "\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace")


@asynccontextmanager
async def opened(handle: Handler, place: BindAddress, max_body: int, shutdown_seconds: float) -> AsyncIterator[int]:
    """Take requests while this lasts, at the port given. Those under way then have ``shutdown_seconds``.

    Raises ConfigurationError when the port cannot be had.
    """
    callers: set[Caller] = set()
    try:
        async with serve_protocol(lambda: Caller(handle, max_body, callers), place) as port:
            looking = asyncio.create_task(hang_up_on(callers))
            try:
                yield port
            finally:
                looking.cancel()
    finally:
        await left(callers, shutdown_seconds)


async def hang_up_on(callers: set[Caller]) -> None:
    """Close what is overdue, until cancelled."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        now = asyncio.get_running_loop().time()
        for caller in [each for each in callers if each.is_overdue(now)]:
            caller.abort()


async def left(callers: set[Caller], seconds: float) -> None:
    """All have had their answers and are gone, or the time is over."""
    for caller in list(callers):
        caller.leave()
    if callers:
        await asyncio.wait([caller.gone for caller in callers], timeout=seconds)
    for caller in list(callers):
        caller.abort()
