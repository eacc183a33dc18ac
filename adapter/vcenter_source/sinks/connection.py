"""One connection to a sink: a request goes out, and its response is read, in whatever pieces it comes."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

BODY_TIMEOUT = 2.0
"""Seconds to read a response's body. The status has said what matters."""

MAX_BODY = 64 * 1024
"""Bytes of a body that are read so that the connection can be used again. With more to come, it is closed."""

MAX_RESPONSE = 256 * 1024
"""Bytes of a response that are read at all: hints before it, its head, the body's framing, and trailers."""

KEEP_ALIVE = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): 15,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): 15,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): 45_000,
}
"""Seconds between two signs of life, and milliseconds until the kernel gives up a server that shows none: one whose
node has died closes nothing, and each kept connection to it would hold an event for the whole time of an answer."""

SWITCHING = 101
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n[\r\n]*")


class HttpTransportError(OSError):
    """A request without a response. ``stale``: a kept connection was closed before any byte of it came.

    ``is_access_refused``: something on the way lets nobody through, such as a proxy that asks for a password.
    """

    def __init__(self, message: str, *, stale: bool = False, is_access_refused: bool = False) -> None:
        super().__init__(message)
        self.stale = stale
        self.is_access_refused = is_access_refused


@dataclass(slots=True)
class HttpResponse:
    """A response. ``headers`` have lower-case names; ``body`` is the beginning of the body.

    ``way`` says who else may have answered, if that is not sure.
    """

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    way: str = ""


NO_RESPONSE = HttpResponse()
"""The response before its first byte; its status is 0."""


class Connection(asyncio.Protocol):
    """One connection, for one request at a time, opened with ``tls``.

    It calls ``on_idle`` when it can be used again, and is in ``connections`` as long as it is open.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        answer_timeout: float,
        on_idle: Callable[["Connection"], None],
        connections: set["Connection"],
    ) -> None:
        self.tls = tls
        self._loop = asyncio.get_running_loop()
        self._answer_timeout = answer_timeout
        self._on_idle = on_idle
        self._connections = connections
        self._parser: Any = HttpResponseParser(self)
        self._waiter: asyncio.Future[HttpResponse] | None = None
        self._response = NO_RESPONSE
        self._head = b""
        self._received = 0
        self._hints = 0
        self._body: list[bytes] = []
        self._body_size = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._used = False
        self._known_data, self._known_response = b"", NO_RESPONSE
        self.open = False

    async def post(self, request: bytes) -> HttpResponse:
        """Send a whole request and return the response."""
        self._response = NO_RESPONSE
        self._head, self._received, self._hints = b"", 0, 0
        waiter: asyncio.Future[HttpResponse] = self._loop.create_future()
        self._waiter = waiter
        self._deadline = self._loop.time() + self._answer_timeout
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._time_out)
        self._transport.write(request)
        try:
            return await waiter
        except asyncio.CancelledError:
            if self._waiter is waiter:  # its answer would be taken for the next one's
                self.close()
            raise

    def close(self) -> None:
        """Close the connection, whatever is under way."""
        self.open = False
        self._transport.abort()

    # Called by the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        self._transport, self.open = cast("asyncio.WriteTransport", transport), True  # uvloop's is none by its class
        self._connections.add(self)
        sock = transport.get_extra_info("socket")
        for (level, option), value in KEEP_ALIVE.items():
            if hasattr(socket, option):  # not every system has them all
                sock.setsockopt(level, getattr(socket, option), value)

    def data_received(self, data: bytes) -> None:
        """Take a part of a response, or something that nobody has asked for."""
        if self._waiter is None:
            self.close()
            return
        if data == self._known_data and not self._received:
            self._response = self._known_response
            self._finish()
            self._on_idle(self)
            return
        self._parse(data)

    def _parse(self, data: bytes) -> None:
        is_first = not self._received
        if not self._response.status:
            self._head = self._head + data if self._head else data
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            self._fail(HttpTransportError(f"its answer is not HTTP: {exc}"))
        if self._waiter is not None:
            self._limit_rest()
        elif is_first and self.open:
            self._remember(data)

    def _remember(self, data: bytes) -> None:
        """Remember a whole response: a sink gives the same one again and again, and parsing it takes 1.5 of 37 µs.

        The parser stands between two responses now, and would do so again. A failure is parsed each time, since who
        gets it may change it.
        """
        if self._response.status < 300:  # noqa: PLR2004
            self._known_data, self._known_response = data, self._response

    def _limit_rest(self) -> None:
        """Limit the size of a response that is not complete yet, and the time for its body."""
        if self._received > MAX_RESPONSE:
            self._break_off(HttpTransportError(f"its answer is longer than {MAX_RESPONSE} bytes"))
        elif self._response.status:
            # The timer alone would not do: in a turn of the loop what has been received comes before what is due.
            now = self._loop.time()
            if now >= self._deadline:
                self._time_out()
            elif now + BODY_TIMEOUT < self._deadline:
                self._deadline = now + BODY_TIMEOUT
                self._start_timer()

    def _break_off(self, why: OSError) -> None:
        """Stop reading. If the status has come, the response counts."""
        if self._response.status:
            self._finish()
            self.close()
        else:
            self._fail(why)

    def connection_lost(self, exc: Exception | None) -> None:
        """If the status has come, the response counts: a body may end like this."""
        self.open = False
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._response.status:
            self._finish()
        elif self._waiter is not None:
            why = f"the connection was lost: {exc}" if exc else "it closed the connection without an answer"
            self._fail(HttpTransportError(why, stale=self._used and not self._received))

    # Called by the parser

    def on_message_begin(self) -> None:
        """Begin the response to the request under way, or a second one, which nobody has asked for."""
        self._response = HttpResponse()
        self._body, self._body_size = [], 0
        if self._waiter is None:
            self.close()

    def on_status(self, reason: bytes) -> None:  # noqa: D102  httptools'
        self._response.reason += reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header: the last one of a name, and no trailer, since the response is judged before it comes."""
        if not self._response.status:
            self._response.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Tell the response from an informational one before it (RFC 9110, 15.2)."""
        status = self._parser.get_status_code()
        if status == SWITCHING:
            self._fail(HttpTransportError("it answers 101 and switches to a protocol that the request did not ask for"))
        elif status < 200:  # noqa: PLR2004  HTTP's informational
            self._hints += 1
        elif self._is_http():
            self._response.status = status
        else:
            self._fail(HttpTransportError("its answer looks like HTTP, but is not"))

    def _is_http(self) -> bool:
        """Whether the response begins as HTTP's do. The parser accepts RTSP's and ICE's too."""
        head = self._head
        if self._hints:
            head = _END_OF_HEAD.split(head.lstrip(b"\r\n"), self._hints)[-1]
        return head.startswith(b"HTTP/") or head.lstrip(b"\r\n").startswith(b"HTTP/")

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._waiter is None:  # cut off by now
            return
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
            self._finish()
            self.close()

    def on_message_complete(self) -> None:
        """Finish the response; the connection is idle if it may be kept."""
        if not self._response.status:
            return
        self._finish()
        if not self._parser.should_keep_alive():
            self.close()
        elif self.open:
            self._on_idle(self)

    def _finish(self) -> None:
        """Give the response to whoever waits for it, who may run only after the next request has begun to wait."""
        waiter, self._waiter, self._used = self._waiter, None, True
        self._head = b""
        if self._body:
            self._response.body, self._body = b"".join(self._body), []
        if waiter is not None and not waiter.done():
            waiter.set_result(self._response)

    def _fail(self, why: OSError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(why)
        if self.open:
            self.close()

    def _start_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._time_out)

    def _time_out(self) -> None:
        """One timer serves request after request: each only moves the deadline."""
        self._timer = None
        if self._waiter is None:
            return
        if self._loop.time() < self._deadline:
            self._start_timer()
        else:
            self._break_off(TimeoutError(f"no answer within {self._answer_timeout:g} s"))
