"""Faults on demand, on the way in: connections that drop, answers that are errors, answers that come late."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

CONTROL = "/simulator/"
_TRANSPORT = "simulator.transport"


@dataclass(slots=True)
class Fault:
    """A fault that waits for its requests: the next ``count`` whose path starts with ``path``."""

    kind: Literal["drop", "status", "delay"]
    count: int = 1
    path: str = "/"
    status: int = 503
    seconds: float = 0.0


@dataclass(slots=True)
class Faults:
    """What is to go wrong, in the order of asking; ``latency`` (seconds) is added to every answer."""

    latency: float = 0.0
    pending: list[Fault] = field(default_factory=list)

    def take(self, path: str, *kinds: str) -> Fault | None:
        """The first fault of these kinds that this request meets, counted down; None for a request that goes well."""
        for fault in self.pending:
            if fault.kind in kinds and path.startswith(fault.path):
                fault.count -= 1
                if fault.count <= 0:
                    self.pending.remove(fault)
                return fault
        return None


class FaultInjector:
    """ASGI middleware that lets the pending faults happen. The simulator's own control paths are spared."""

    def __init__(self, app: ASGIApp, faults: Faults) -> None:
        self._app = app
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, well or ill."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        late = self._faults.take(scope["path"], "delay")
        await asyncio.sleep(self._faults.latency + (late.seconds if late else 0))
        fault = self._faults.take(scope["path"], "drop", "status")
        if fault is None:
            await self._app(scope, receive, send)
        elif fault.kind == "drop":
            await _drop(scope, receive)
        else:
            await _refuse(send, fault.status)


async def _drop(scope: Scope, receive: Receive) -> None:
    """Close the TCP connection without a byte of an answer."""
    scope[_TRANSPORT].abort()
    while (await receive())["type"] != "http.disconnect":
        pass


async def _refuse(send: Send, status: int) -> None:
    body = f"the simulator was asked to answer {status}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class DroppableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, handing the connection's transport to the application, so that it can be cut."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """A client connected."""
        super().connection_made(transport)
        inner: Any = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope[_TRANSPORT] = transport
            await inner(scope, receive, send)

        self.app = with_transport
