"""HTTP requests within limits: how long a head may be, how many headers it may have, how long each part may take.

Of these uvicorn has only h11's limit for a head that is not complete. ``uvicorn_options`` gives it the others.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from vcenter_functions.errors import BadRequestError

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
"""A Broker sends some thirty."""
HEAD_SECONDS = 10.0
"""How long a connection may be open, or a request under way, before its head is complete."""

_PIECE_BYTES = 16 * 1024
"""How much of a head h11 gets at once: it does not look at the length of a head that comes in one piece."""


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How large a request's body may be, and how long it may take. ``setting`` is what raises the size, if any does."""

    max_bytes: int
    seconds: float
    setting: str = ""


def uvicorn_options() -> dict[str, Any]:
    """Return what uvicorn's Config needs for the limits of heads, with the same event loop everywhere.

    uvicorn takes uvloop where it is installed. The adapter's users have it, the image of the functions has not.
    """
    return {
        "http": LimitedProtocol,
        "ws": "none",
        "loop": "asyncio",
        "h11_max_incomplete_event_size": MAX_HEAD_BYTES - _PIECE_BYTES,
    }


class LimitedProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, which closes a connection whose head is too long (400) or does not come."""

    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Wait for the first head."""
        super().connection_made(transport)
        self._await_head()

    def data_received(self, data: bytes) -> None:
        """Pass on what has come, and start or stop waiting for a head."""
        rest = memoryview(data)
        while rest and self._is_between_requests() and not self.transport.is_closing():
            super().data_received(bytes(rest[:_PIECE_BYTES]))
            rest = rest[_PIECE_BYTES:]
        if len(rest) and not self.transport.is_closing():
            super().data_received(bytes(rest))
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _await_head(self) -> None:
        if not self._is_between_requests():
            self._stop_waiting()
        elif self._late is None:
            self._late = self.loop.call_later(self.head_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _give_up(self) -> None:
        self._late = None
        if self._is_between_requests():
            self.transport.close()


class HeaderLimit:
    """ASGI middleware that refuses a request with too many headers (431), before anyone looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        app = self._app
        if scope["type"] == "http" and len(scope["headers"]) > MAX_HEADERS:
            app = PlainTextResponse(f"more than {MAX_HEADERS} headers\n", 431, {"Connection": "close"})
        await app(scope, receive, send)


async def read_body(request: Request, limit: BodyLimit) -> bytes:
    """Read the whole body. Raises BadRequestError: 413 for one too large, 408 for one that does not come in time."""
    try:
        async with asyncio.timeout(limit.seconds):
            return await _read_limited(request, limit)
    except TimeoutError as exc:
        raise BadRequestError(408, f"the body took longer than {limit.seconds:g} seconds") from exc
    except ClientDisconnect as exc:
        raise BadRequestError(400, "the sender hung up in the middle of the body") from exc


async def _read_limited(request: Request, limit: BodyLimit) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit.max_bytes:
            advice = f"raise {limit.setting}, or send less" if limit.setting else "send less"
            raise BadRequestError(413, f"more than {limit.max_bytes} bytes; {advice}")
    return bytes(body)
