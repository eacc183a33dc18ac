"""Faults on demand: connections that drop, answers that are errors, that come late or slowly, or get lost."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

CONTROL = "/simulator/"
_TRANSPORT = "simulator.transport"


@dataclass(slots=True)
class Fault:
    """A fault that waits for its requests: the next ``count`` whose path starts with ``path``.

    ``lose`` and ``trickle`` befall the answers to a SOAP ``method`` (empty: any), after it was carried out.
    """

    kind: Literal["drop", "status", "delay", "lose", "trickle"]
    count: int = 1
    path: str = "/"
    status: int = 503
    seconds: float = 0.0
    method: str = ""


@dataclass(slots=True)
class Faults:
    """The faults to come, in the order of asking; ``latency`` (seconds) is added to every answer.

    ``per_event`` is how many seconds a page of events takes for each event that it is asked for. With ``late_cookies``
    a client gets its cookie when it has logged in, not with its first answer.
    """

    latency: float = 0.0
    per_event: float = 0.0
    late_cookies: bool = False
    pending: list[Fault] = field(default_factory=list)
    _transports: set[asyncio.Transport] = field(default_factory=set)
    _cut_until: float = 0.0
    _ended: asyncio.Event = field(default_factory=asyncio.Event)

    def clear(self) -> None:
        """Let nothing go wrong any more."""
        self.pending.clear()
        self.per_event = self._cut_until = 0.0
        self.late_cookies = False

    def end(self) -> None:
        """Shut down: end every pause at once, also later ones."""
        self._ended.set()

    async def pause(self, seconds: float) -> None:
        """Wait ``seconds``, or until the simulator shuts down."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), seconds)

    def cut(self, seconds: float) -> None:
        """Cut every connection now, and each new one for so many seconds. What they asked for is still carried out."""
        self._cut_until = time.monotonic() + seconds
        for transport in self._transports:
            transport.abort()
        self._transports.clear()

    def admit(self, transport: asyncio.Transport) -> bool:
        """Note the connection of a request. Returns False while connections are cut."""
        self._transports = {each for each in self._transports if not each.is_closing()} | {transport}
        return time.monotonic() >= self._cut_until

    def pop_answer_fault(self, method: str) -> Fault | None:
        """Return the fault that the answer to this SOAP method meets, and count it down; None without one."""
        return self._pop(lambda fault: fault.kind in {"lose", "trickle"} and fault.method in {"", method})

    def pop_request_fault(self, path: str, *kinds: str) -> Fault | None:
        """Return the first fault of these kinds that a request meets, and count it down; None where all goes well."""
        return self._pop(lambda fault: fault.kind in kinds and path.startswith(fault.path))

    def _pop(self, meets: Callable[[Fault], bool]) -> Fault | None:
        for fault in self.pending:
            if meets(fault):
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
        if not self._faults.admit(scope[_TRANSPORT]):
            await _drop(scope, receive)
            return
        late = self._faults.pop_request_fault(scope["path"], "delay")
        await self._faults.pause(self._faults.latency + (late.seconds if late else 0))
        fault = self._faults.pop_request_fault(scope["path"], "drop", "status")
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


def lose_answer(scope: Scope) -> None:
    """Close the TCP connection of a request that was carried out."""
    scope[_TRANSPORT].abort()


async def trickle(body: bytes, seconds: float, faults: Faults) -> AsyncIterator[bytes]:
    """An answer a byte at a time, so many seconds apart."""
    for byte in body:
        yield bytes([byte])
        await faults.pause(seconds)


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
