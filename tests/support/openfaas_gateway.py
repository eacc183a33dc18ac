"""An OpenFaaS gateway of the tests' own, over real HTTP, as the one of 2026 behaves.

The lists under /system take basic auth where there is any; invocations do not. A function's answer comes with
``X-Start-Time``, which the gateway sets before it calls one; what the gateway itself answers comes without. Its queue
takes no body over 256,000 bytes. A function that does not scale up in time gets no answer: the connection is closed.
"""

import base64
import contextlib
import json
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Invocation:
    """What a function, or the queue, was sent. Header names are in lower case."""

    path: str
    queued: bool
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered; ``own`` is False where the gateway itself answers."""

    status: int = 200
    body: bytes = b"done"
    headers: dict[str, str] = field(default_factory=dict)
    own: bool = True
    closes: bool = False
    """Whether the connection is closed instead."""


@dataclass
class Function:
    """``answer`` decides by how often it was invoked before; of the queue in its stead, ``queue_answer``."""

    annotations: Any
    answer: Callable[[int], Reply] = lambda _: Reply()
    queue_answer: Callable[[int], Reply] = lambda _: Reply(202, b"")
    invocations: list[Invocation] = field(default_factory=list)

    def ids(self) -> list[str]:
        """The events it was invoked with, where they came in binary mode."""
        return [each.headers["ce-id"] for each in self.invocations]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with more connections at once than this, one waits a second and more


SCALE_UP_TIMED_OUT = Reply(closes=True)
NOT_CALLED = Reply(200, b"", own=False)
"""What older gateways answer for a function that they have not called."""

MAX_QUEUED_BYTES = 256_000


def too_large(size: int) -> Reply:
    """What the queue of OpenFaaS's Community Edition says of a body of this size; 500, as of every failure."""
    limit = f"maximum: {MAX_QUEUED_BYTES} bytes"
    told = f"Error queuing request: request body too large for OpenFaaS CE ({size} bytes), {limit}\n"
    return Reply(500, told.encode())


@dataclass
class FakeGateway:
    """``namespaces`` maps names to functions by name; the namespace "" stands for a gateway that has none."""

    namespaces: dict[str, dict[str, Function]] = field(default_factory=lambda: {"openfaas-fn": {}})
    auth: tuple[str, str] | None = None
    has_queue: bool = True
    max_queued: int = MAX_QUEUED_BYTES
    too_large: Callable[[int], Reply] = too_large
    listings: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    invoked: "queue.Queue[Invocation]" = field(default_factory=queue.Queue)
    port: int = 0
    server: ThreadingHTTPServer | None = None
    connections: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deploy(self, name: str, topic: str, namespace: str = "openfaas-fn", **annotations: str) -> Function:
        """A function with these annotations, ``_`` for ``-`` in their names."""
        named = {"topic": topic} | {key.replace("_", "-"): value for key, value in annotations.items()}
        function = self.namespaces.setdefault(namespace, {})[name] = Function(named)
        return function

    def remove(self, name: str, namespace: str = "openfaas-fn") -> None:
        del self.namespaces[namespace][name]

    def find(self, path: str) -> Function | None:
        name, _, namespace = path.partition(".")
        return self.namespaces.get(namespace, {}).get(name)

    def take(self, timeout: float = 10.0) -> Invocation:
        """The next invocation of any function."""
        return self.invoked.get(timeout=timeout)

    # --- what it answers ---

    def system(self, path: str, query: dict[str, list[str]], authorization: str) -> tuple[int, Any]:
        if self.auth is not None:
            expected = base64.b64encode(":".join(self.auth).encode()).decode()
            if authorization != f"Basic {expected}":
                return 401, "invalid credentials"
        if path == "/system/namespaces":
            self.listings += 1
            return 200, [name for name in self.namespaces if name]
        namespace = query.get("namespace", [""])[0]
        functions = self.namespaces.get(namespace, {})
        return 200, [
            {"name": name, "namespace": namespace, "image": "i", "replicas": 1, "annotations": function.annotations}
            for name, function in list(functions.items())
        ]

    def invoke(self, invocation: Invocation) -> Reply:
        function = self.find(invocation.path)
        if invocation.queued and not self.has_queue:
            return Reply(404, b"404 page not found\n", own=False)
        if invocation.queued and len(invocation.body) > self.max_queued:
            return self.too_large(len(invocation.body))
        if function is None:
            if invocation.queued:
                return Reply(202, b"")  # the queue takes what nobody will ever run
            return Reply(404, f"error finding function {invocation.path}".encode(), own=False)
        with self.lock:
            count = len(function.invocations)
            function.invocations.append(invocation)
        answer = (function.queue_answer if invocation.queued else function.answer)(count)
        self.invoked.put(invocation)
        return answer

    # --- its life ---

    def start(self) -> None:
        """Listen, on the port of before if there was one."""
        self.server = Server(("127.0.0.1", self.port), handler_of(self))
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection."""
        assert self.server is not None
        self.server.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server.server_close()
        self.server = None


class Connection(BaseHTTPRequestHandler):
    """One connection, noted while it lasts."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    connections: set[socket.socket]

    def setup(self) -> None:
        super().setup()
        self.connections.add(self.connection)

    def finish(self) -> None:
        self.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


def handler_of(gateway: FakeGateway) -> type[BaseHTTPRequestHandler]:
    class Handler(Connection):
        connections = gateway.connections

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            authorization = self.headers.get("Authorization", "")
            status, listed = gateway.system(parts.path, parse_qs(parts.query), authorization)
            self.respond(Reply(status, json.dumps(listed).encode(), own=False))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            _, route, path = self.path.split("/", 2)
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.respond(gateway.invoke(Invocation(unquote(path), route == "async-function", headers, body)))

        def respond(self, reply: Reply) -> None:
            if reply.closes:
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if reply.own:
                self.send_header("X-Start-Time", str(time.time_ns()))
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

    return Handler


@contextmanager
def fake_gateway(**options: Any) -> Iterator[FakeGateway]:
    """A running gateway, with no functions yet."""
    gateway = FakeGateway(**options)
    gateway.start()
    try:
        yield gateway
    finally:
        if gateway.server is not None:
            gateway.stop()
