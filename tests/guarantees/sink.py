"""A sink in a process of its own that misbehaves on demand and remembers each request.

    python -m tests.guarantees.sink --port 0 --behaviour '{"kind": "answer", "status": 500, "every": 3}'

Its first line is ``sink ready: <where events go> <its control>``. At the control, GET /requests answers with all of
them in the order of arrival, GET /acknowledged with how many different events were answered 2xx, GET /senders with how
many came from each sender, PUT /behaviour changes how it behaves. Raw asyncio, since only so can an answer be cut off,
and the sink be faster than what it measures.
"""

import argparse
import asyncio
import json
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

GAP_TYPE = "com.vmware.event.adapter.gap"


@dataclass(frozen=True)
class Behaviour:
    """``kind`` is what happens to every ``every``-th of the requests it concerns; all others are answered 202.

    ``answer`` gives ``status`` and ``headers``; ``hang`` never answers; ``cut`` closes in the midst of an answer of
    202; ``down`` closes the port. It concerns the first ``first`` requests (0: all) with an id in ``ids`` (empty: all).
    Every answer comes ``delay`` seconds late.
    """

    kind: Literal["accept", "answer", "hang", "cut", "down"] = "accept"
    status: int = 202
    headers: dict[str, str] = field(default_factory=dict)
    every: int = 1
    first: int = 0
    ids: list[str] = field(default_factory=list)
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """One event that arrived at ``at`` (the machine's monotonic clock). ``status`` is what it was answered, 0: nothing.

    ``gap`` is the data of an event that tells of missing ones, None for all others. ``sentby`` is an extension that
    adapters may be given, to tell them apart.
    """

    id: str
    time: str
    type: str
    partitionkey: str
    status: int
    at: float
    gap: dict[str, Any] | None = None
    sentby: str = ""
    source: str = ""
    vcentername: str = ""


Respond = Callable[[bytes], None]
Handle = Callable[[str, Mapping[str, str], bytes, "Connection"], None]


class Connection(asyncio.Protocol):
    """Enough of HTTP/1.1 for clients that keep their connection and send a Content-Length."""

    def __init__(self, handle: Handle, connections: "set[Connection]") -> None:
        self._handle = handle
        self._connections = connections
        self._received = b""
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._received[:end].decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            size = end + 4 + int(headers.get("content-length", "0"))
            if len(self._received) < size:
                return
            body, self._received = self._received[end + 4 : size], self._received[size:]
            self._handle(first.rpartition(" ")[0], headers, body, self)

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)

    def cut(self) -> None:
        self.transport.write(b"HTTP/1.1 202 Acc")
        self.transport.close()


class Sink:
    def __init__(self, behaviour: Behaviour, port: int) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.acknowledged: set[tuple[str, str, str]] = set()
        self.senders: Counter[str] = Counter()
        self._concerned = 0
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        # Bound and never listening: while the sink is down, nobody else on the machine gets the port.
        self._place = socket.socket()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", port))
        self.port = self._place.getsockname()[1]

    async def behave(self, behaviour: Behaviour) -> None:
        self.behaviour, self._concerned = behaviour, 0
        if behaviour.kind == "down":
            self._close()
        elif self._server is None:
            loop = asyncio.get_running_loop()
            connect = lambda: Connection(self.take, self._connections)  # noqa: E731  a factory in a line
            self._server = await loop.create_server(connect, "127.0.0.1", self.port, backlog=256)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for connection in self._connections:
            connection.transport.abort()

    def take(self, _: str, headers: Mapping[str, str], body: bytes, connection: Connection) -> None:
        """One event. It counts as acknowledged only when the answer goes out, whole."""
        kind = self._kind_for(headers["ce-id"])
        status = {"hang": 0, "cut": 0, "answer": self.behaviour.status}.get(kind, 202)
        if self.behaviour.delay:
            later = asyncio.get_running_loop().call_later
            later(self.behaviour.delay, self._finish, connection, kind, status, headers, body)
        else:
            self._finish(connection, kind, status, headers, body)

    def _kind_for(self, event_id: str) -> str:
        how = self.behaviour
        if how.ids and event_id not in how.ids:
            return "accept"
        self._concerned += 1
        over = how.first and self._concerned > how.first
        return "accept" if over or self._concerned % how.every else how.kind

    def _finish(self, connection: Connection, kind: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
        if connection.transport.is_closing():
            status = 0
        self._note(status, headers, body)
        if kind == "cut":
            connection.cut()
        elif status:
            connection.answer(status, headers=self.behaviour.headers if kind == "answer" else None)

    def _note(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        about = {name: headers[f"ce-{name}"] for name in ("id", "time", "type", "partitionkey", "source")}
        gap = json.loads(body) if about["type"] == GAP_TYPE else None
        more = {name: headers.get(f"ce-{name}", "") for name in ("sentby", "vcentername")}
        self.senders[more["sentby"]] += 1
        self.requests.append(Request(**about, status=status, at=time.monotonic(), gap=gap, **more))
        if 200 <= status < 300:
            self.acknowledged.add((about["source"], about["id"], about["time"]))

    def control(self, what: str, _: Mapping[str, str], body: bytes, connection: Connection) -> None:
        if what == "GET /requests":
            connection.answer(200, json.dumps([asdict(request) for request in self.requests]).encode())
        elif what == "GET /acknowledged":
            connection.answer(200, str(len(self.acknowledged)).encode())
        elif what == "GET /senders":
            connection.answer(200, json.dumps(self.senders).encode())
        else:
            changing = asyncio.ensure_future(self.behave(Behaviour(**json.loads(body))))
            changing.add_done_callback(lambda done: connection.answer(500 if done.exception() else 204))


async def serve(port: int, behaviour: Behaviour) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    sink = Sink(behaviour, port)
    await sink.behave(behaviour)
    control = await loop.create_server(lambda: Connection(sink.control, set()), "127.0.0.1", 0)
    where = control.sockets[0].getsockname()[1]
    print(f"sink ready: http://127.0.0.1:{sink.port}/ http://127.0.0.1:{where}", flush=True)  # noqa: T201  its output
    await ended.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.guarantees.sink")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--behaviour", type=json.loads, default={}, help="a Behaviour as JSON")
    given = parser.parse_args()
    asyncio.run(serve(given.port, Behaviour(**given.behaviour)))


if __name__ == "__main__":
    main()
