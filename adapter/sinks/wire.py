"""HTTP/1.1 POSTs to one address, over connections that are kept, and no more work for each than it takes.

A general client costs several times what the rest of an event's way does. The parsing is llhttp's, by ``httptools``.
"""

import asyncio
import socket
import ssl
from base64 import b64encode
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from httptools import HttpParserError, HttpResponseParser
from yarl import URL

USER_AGENT = "vcenter-source"

CONNECT_TIMEOUT = 10.0
"""Seconds for a connection to stand, TLS and all."""

BODY_TIMEOUT = 2.0
"""Seconds that an answer's body is read for. Its status has said what matters."""

MAX_BODY = 64 * 1024
"""Bytes of it that are read so that the connection can serve again. With more to come, it is closed."""

KEEP_ALIVE = {
    (socket.SOL_SOCKET, "SO_KEEPALIVE"): 1,
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE"): 15,
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL"): 15,
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT"): 45_000,
}
"""Seconds between two signs of life, and milliseconds until the kernel gives up a server that shows none: one whose
node has died closes nothing, and each kept connection to it would hold an event for the whole time of an answer."""


class WireError(OSError):
    """A request has had no answer. ``stale``: a kept connection was closed before any of it came."""

    def __init__(self, message: str, *, stale: bool = False) -> None:
        super().__init__(message)
        self.stale = stale


@dataclass(slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names; ``body`` is its beginning."""

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Wire:
    """POSTs to one address. ``tls`` gives what the next connection trusts; None is plain HTTP.

    ``answer_timeout`` is in seconds, from the request to the answer's headers. It keeps as many connections as there
    were requests at once. ``fence`` is asked right before a request goes out, and what it raises is raised instead.
    """

    def __init__(
        self,
        url: URL,
        tls: Callable[[], ssl.SSLContext] | None,
        answer_timeout: float,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._tls = tls
        self._fence = fence
        self._answer_timeout = answer_timeout
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._host, self._port = url.raw_host or "", url.port or 0
        host = url.host_subcomponent or ""
        port = "" if url.is_default_port() else f":{url.port}"
        self._path = url.raw_path_qs
        self._head = f" HTTP/1.1\r\nhost: {host}{port}\r\nuser-agent: {USER_AGENT}\r\n"
        if url.user is not None:
            basic = b64encode(f"{url.user}:{url.password or ''}".encode()).decode()
            self._head += f"authorization: Basic {basic}\r\n"

    async def post(self, headers: Mapping[str, str], body: bytes, path: str | None = None) -> Answer:
        """Send a request, to the address' own path or to another there, and return its answer.

        Raises OSError: WireError, TimeoutError, or what connecting raises.
        """
        request = self._rendered(headers, body, path or self._path)
        tls = self._tls and self._tls()
        while self._idle:
            connection = self._idle.pop()
            if connection.tls is not tls:  # what it trusted then is trusted no more
                connection.close()
            if not connection.open:
                continue
            try:
                return await self._sent(connection, request)
            except WireError as exc:
                if not exc.stale:  # a server may close a kept connection as it likes (RFC 9112, 9.3.1)
                    raise
                break  # once: it may be this very request that the other side cannot bear
        return await self._sent(await self._connected(tls), request)

    def _sent(self, connection: "Connection", request: bytes) -> Coroutine[Any, Any, Answer]:
        """What sends it, and is to be awaited at once: nothing may come between the fence and the request."""
        try:
            self._fence()
        except Exception:
            connection.close()
            raise
        return connection.post(request)

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self._all):
            connection.close()

    def _rendered(self, headers: Mapping[str, str], body: bytes, path: str) -> bytes:
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        if not lines.count("\n") == lines.count("\r") == len(headers):
            raise WireError("a header of the request holds a line break")
        head = f"POST {path}{self._head}{lines}content-length: {len(body)}\r\n\r\n"
        return head.encode("latin-1", "replace") + body

    async def _connected(self, tls: ssl.SSLContext | None) -> "Connection":
        async with asyncio.timeout(CONNECT_TIMEOUT):
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(tls, self._answer_timeout, self._idle.append, self._all),
                self._host,
                self._port,
                ssl=tls,
                server_hostname=self._host if tls else None,
                happy_eyeballs_delay=0.25,  # RFC 8305, 5
            )
        return connection


class Connection(asyncio.Protocol):
    """One connection, for one request at a time, made with ``tls``.

    It is given to ``free`` when it can serve again, and ``among`` holds it as long as it stands.
    """

    def __init__(
        self,
        tls: ssl.SSLContext | None,
        answer_timeout: float,
        free: Callable[["Connection"], None],
        among: set["Connection"],
    ) -> None:
        self.tls = tls
        self._loop = asyncio.get_running_loop()
        self._answer_timeout = answer_timeout
        self._free = free
        self._among = among
        self._parser: Any = HttpResponseParser(self)
        self._waiting: asyncio.Future[Answer] | None = None
        self._answer = Answer()
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._used = False
        self.open = False

    async def post(self, request: bytes) -> Answer:
        """Send a whole request and return its answer."""
        self._answer = Answer()
        waiting: asyncio.Future[Answer] = self._loop.create_future()
        self._waiting = waiting
        self._deadline = self._loop.time() + self._answer_timeout
        if self._timer is None:
            self._timer = self._loop.call_at(self._deadline, self._due)
        self._transport.write(request)
        try:
            return await waiting
        except asyncio.CancelledError:
            if self._waiting is waiting:  # its answer would be taken for the next one's
                self.close()
            raise

    def close(self) -> None:
        """Close it, whatever is under way."""
        self.open = False
        self._transport.abort()

    # What the transport tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: D102  asyncio's
        self._transport, self.open = cast("asyncio.WriteTransport", transport), True  # uvloop's is none by its class
        self._among.add(self)
        sock = transport.get_extra_info("socket")
        for (level, option), value in KEEP_ALIVE.items():
            if hasattr(socket, option):  # not every system has them all
                sock.setsockopt(level, getattr(socket, option), value)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or something that nobody has asked for."""
        if self._waiting is None:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as exc:
            self._fail(WireError(f"its answer is no HTTP: {exc}"))
        self._hurry()

    def _hurry(self) -> None:
        """Where the status is there and the body is still to come, it has not the time that the answer had."""
        if self._waiting is not None and self._answer.status:
            self._deadline = min(self._deadline, self._loop.time() + BODY_TIMEOUT)
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer whose status is there counts; its body may well end so."""
        self.open = False
        self._among.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._answer.status:
            self._finish()
        elif self._waiting is not None:
            why = f"the connection was lost: {exc}" if exc else "it closed the connection without an answer"
            self._fail(WireError(why, stale=self._used))

    # What the parser tells

    def on_message_begin(self) -> None:
        """An answer to the request that is under way, or a second one, which nobody has asked for."""
        self._answer = Answer()
        if self._waiting is None:
            self.close()

    def on_status(self, reason: bytes) -> None:  # noqa: D102  httptools'
        self._answer.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of several with one name, the last counts."""
        self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Whether this is the answer, or only an informational one before it (RFC 9110, 15.2)."""
        status = self._parser.get_status_code()
        self._answer.status = status if status >= 200 else 0  # noqa: PLR2004

    def on_body(self, body: bytes) -> None:
        """Some of it."""
        self._answer.body += body
        if len(self._answer.body) > MAX_BODY:
            self._finish()
            self.close()

    def on_message_complete(self) -> None:
        """The answer is whole, and the connection free where it is to be kept."""
        if not self._answer.status:
            return
        self._finish()
        if not self._parser.should_keep_alive():
            self.close()
        elif self.open:
            self._free(self)

    def _finish(self) -> None:
        """Give the answer to who waits for it, who may run only after the next one has begun to wait."""
        waiting, self._waiting, self._used = self._waiting, None, True
        if waiting is not None and not waiting.done():
            waiting.set_result(self._answer)

    def _fail(self, why: OSError) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_exception(why)
        if self.open:
            self.close()

    def _watch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._deadline, self._due)

    def _due(self) -> None:
        """One timer serves request after request, each of which only moves the deadline."""
        self._timer = None
        if self._waiting is None:
            return
        if self._loop.time() < self._deadline:
            self._watch()
        elif self._answer.status:
            self._finish()
            self.close()
        else:
            self._fail(TimeoutError(f"no answer within {self._answer_timeout:g} s"))
