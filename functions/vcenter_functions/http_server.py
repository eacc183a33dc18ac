"""HTTP requests within limits: how long a head may be, how many headers it may have, how long each part may take.

uvicorn has none of these but h11's limit for a head that is not complete. ``options`` are what it is to be given.
"""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from vcenter_functions.errors import RequestRefusedError

MAX_HEAD_BYTES = 64 * 1024
MAX_HEADERS = 100
"""A Broker sends some thirty."""
HEAD_SECONDS = 10.0
"""How long a connection may be open, or a request under way, before its head is complete."""

_PIECE = 16 * 1024
"""How much of a head is looked at before its length is: what comes in one piece would be taken at any length."""


def options() -> dict[str, Any]:
    """What uvicorn's Config needs for all of this."""
    return {"http": Protocol, "ws": "none", "h11_max_incomplete_event_size": MAX_HEAD_BYTES - _PIECE}


class Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, which closes a connection whose head is too long (400) or does not come."""

    head_seconds = HEAD_SECONDS
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._wait_for_a_head()

    def data_received(self, data: bytes) -> None:
        """Take what has come, and begin or end to wait for a head."""
        rest = memoryview(data)
        while rest and self._is_between_requests() and not self.transport.is_closing():
            super().data_received(bytes(rest[:_PIECE]))
            rest = rest[_PIECE:]
        if len(rest) and not self.transport.is_closing():
            super().data_received(bytes(rest))
        self._wait_for_a_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # None at first

    def _wait_for_a_head(self) -> None:
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


class FewHeaders:
    """ASGI middleware that refuses a request with too many headers (431), before anyone looks at them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or refuse."""
        app = self._app
        if scope["type"] == "http" and len(scope["headers"]) > MAX_HEADERS:
            app = PlainTextResponse(f"more than {MAX_HEADERS} headers\n", 431, {"Connection": "close"})
        await app(scope, receive, send)


async def body_of(request: Request, limit: int, seconds: float, raise_by: str = "") -> bytes:
    """The whole body. Raises RequestRefusedError: 413 for one too large, 408 for one that does not come."""
    try:
        async with asyncio.timeout(seconds):
            return await _limited(request, limit, raise_by)
    except TimeoutError as exc:
        raise RequestRefusedError(408, f"the body took longer than {seconds:g} seconds") from exc
    except ClientDisconnect as exc:
        raise RequestRefusedError(400, "the sender hung up in the middle of the body") from exc


async def _limited(request: Request, limit: int, raise_by: str) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            advice = f"raise {raise_by}, or send less" if raise_by else "send less"
            raise RequestRefusedError(413, f"more than {limit} bytes; {advice}")
    return bytes(body)
