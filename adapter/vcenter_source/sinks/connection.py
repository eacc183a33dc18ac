"""One connection to a sink: a request goes out, and its answer is read, however it comes and whatever comes with it."""

import asyncio
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

BODY_TIMEOUT = 2.0
"""Seconds that an answer's body is read for. Its status has said what matters."""

MAX_BODY = 64 * 1024
"""Bytes of it that are read so that the connection can serve again. With more to come, it is closed."""

MAX_ANSWER = 256 * 1024
"""Bytes of an answer that are read at all: its head, hints before it, what frames the body, and trailers."""

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


class WireError(OSError):
    """A request has had no answer. ``stale``: a kept connection was closed before any of it came.

    ``turned_away``: something on the way lets nobody through, a proxy that asks for a password, say.
    """

    def __init__(self, message: str, *, stale: bool = False, turned_away: bool = False) -> None:
        super().__init__(message)
        self.stale = stale
        self.turned_away = turned_away


@dataclass(slots=True)
class Answer:
    """What came back. ``headers`` have lower-case names; ``body`` is its beginning.

    ``way`` says who else may have answered, where that is not sure.
    """

    status: int = 0
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    way: str = ""


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
        self._head = b""
        self._received = 0
        self._hints = 0
        self._body: list[bytes] = []
        self._body_size = 0
        self._deadline = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._used = False
        self.open = False

    async def post(self, request: bytes) -> Answer:
        """Send a whole request and return its answer."""
        self._answer = Answer()
        self._head, self._received, self._hints = b"", 0, 0
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
        if not self._answer.status:
            self._head = self._head + data if self._head else data
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as exc:
            self._fail(WireError(f"its answer is no HTTP: {exc}"))
        if self._waiting is not None:
            self._hurry()

    def _hurry(self) -> None:
        """Where the answer is not whole yet: it may grow no further, nor its body take as long as its head."""
        if self._received > MAX_ANSWER:
            self._break_off(WireError(f"its answer is longer than {MAX_ANSWER} bytes"))
        elif self._answer.status:
            # The timer alone would not do: in a turn of the loop what has been received comes before what is due.
            now = self._loop.time()
            if now >= self._deadline:
                self._due()
            elif now + BODY_TIMEOUT < self._deadline:
                self._deadline = now + BODY_TIMEOUT
                self._watch()

    def _break_off(self, why: OSError) -> None:
        """Read no more: an answer whose status is there counts."""
        if self._answer.status:
            self._finish()
            self.close()
        else:
            self._fail(why)

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
            self._fail(WireError(why, stale=self._used and not self._received))

    # What the parser tells

    def on_message_begin(self) -> None:
        """An answer to the request that is under way, or a second one, which nobody has asked for."""
        self._answer = Answer()
        self._body, self._body_size = [], 0
        if self._waiting is None:
            self.close()

    def on_status(self, reason: bytes) -> None:  # noqa: D102  httptools'
        self._answer.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Of several with one name, the last counts; of trailers none, since they come after the judgement."""
        if not self._answer.status:
            self._answer.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Whether this is the answer, or only an informational one before it (RFC 9110, 15.2)."""
        status = self._parser.get_status_code()
        if status == SWITCHING:
            self._fail(WireError("it answers 101 and switches to another protocol, which nobody has asked for"))
        elif status < 200:  # noqa: PLR2004  HTTP's informational
            self._hints += 1
        elif self._is_http():
            self._answer.status = status
        else:
            self._fail(WireError("its answer is no HTTP, but looks like it"))

    def _is_http(self) -> bool:
        """Whether the answer begins as HTTP's do. The parser takes RTSP's and ICE's too."""
        head = self._head
        if self._hints:
            head = _END_OF_HEAD.split(head.lstrip(b"\r\n"), self._hints)[-1]
        return head.startswith(b"HTTP/") or head.lstrip(b"\r\n").startswith(b"HTTP/")

    def on_body(self, body: bytes) -> None:
        """Some of it."""
        if self._waiting is None:  # cut off by now
            return
        self._body.append(body)
        self._body_size += len(body)
        if self._body_size > MAX_BODY:
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
        self._head = b""
        if self._body:
            self._answer.body, self._body = b"".join(self._body), []
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
        else:
            self._break_off(TimeoutError(f"no answer within {self._answer_timeout:g} s"))
