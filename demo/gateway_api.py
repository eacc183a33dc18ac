"""The HTTP API of an OpenFaaS gateway (faas 0.27), for ``make demo-openfaas`` and for the tests. Standard library only.

The lists under /system take basic auth if it is set; invocations do not. A function's answer has ``X-Start-Time``,
which the gateway sets before it calls one; an answer of the gateway itself has none. The queue accepts no body of more
than 256,000 bytes, and accepts invocations of functions that do not exist. Missing: scaling, deploying, callbacks.
"""

import contextlib
import json
import socket
import threading
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

NAMESPACE = "openfaas-fn"
MAX_QUEUED_BYTES = 256_000
"""The largest body that the queue of OpenFaaS's Community Edition accepts; a larger one is a 500, as all failures."""


@dataclass(frozen=True)
class Invocation:
    """What a function, or the queue, was sent. Header names are in lower case; ``rest`` follows the function's name."""

    path: str
    queued: bool
    headers: dict[str, str]
    body: bytes
    method: str = "POST"
    rest: str = ""

    @property
    def data(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What is answered; ``own`` is False where the gateway itself answers, ``closes`` where it hangs up instead."""

    status: int = 200
    body: bytes = b"done"
    headers: Mapping[str, str] = field(default_factory=dict)
    own: bool = True
    closes: bool = False


class Function(Protocol):
    """A deployed function."""

    def describe(self) -> dict[str, Any]:
        """Return what the lists show of it, ``annotations`` among that."""

    def invoke(self, invocation: Invocation) -> Reply:
        """Call the function. Invocations come from several threads."""

    def enqueue(self, invocation: Invocation) -> Reply:
        """Queue an invocation."""


def too_large(size: int) -> Reply:
    """Return what the queue of OpenFaaS's Community Edition answers to a body of this size."""
    limit = f"maximum: {MAX_QUEUED_BYTES} bytes"
    text = f"Error queuing request: request body too large for OpenFaaS CE ({size} bytes), {limit}\n"
    return Reply(500, text.encode())


@dataclass
class Gateway:
    """A gateway on a port of the loopback interface.

    ``namespaces`` maps names to functions by name; the namespace "" stands for a gateway that has none. ``pages`` are
    more GET paths, each answered with JSON.
    """

    namespaces: dict[str, dict[str, Function]] = field(default_factory=lambda: {NAMESPACE: {}})
    auth: tuple[str, str] | None = None
    has_queue: bool = True
    max_queued: int = MAX_QUEUED_BYTES
    too_large: Callable[[int], Reply] = too_large
    pages: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    port: int = 0
    server: ThreadingHTTPServer | None = None
    connections: set[socket.socket] = field(default_factory=set)

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self.port}"

    def find(self, path: str) -> Function | None:
        """Return the function ``name.namespace``, or ``name`` of the default namespace."""
        name, _, namespace = path.partition(".")
        return self.functions(namespace).get(name)

    def functions(self, namespace: str) -> dict[str, Function]:
        """Return the functions of a namespace, or of the default one, by name."""
        default = "" if "" in self.namespaces else NAMESPACE
        return self.namespaces.get(namespace or default, {})

    # --- what it answers ---

    def get(self, target: str, authorization: str) -> Reply:
        """Answer a GET that invokes nothing."""
        parts = urlsplit(target)
        if parts.path in self.pages:
            return json_reply(self.pages[parts.path]())
        if parts.path == "/healthz":
            return Reply(200, b"OK", own=False)
        if not self.allows(authorization):
            return Reply(401, b"invalid credentials\n", {"WWW-Authenticate": 'Basic realm="Restricted"'}, own=False)
        namespace = parse_qs(parts.query).get("namespace", [""])[0]
        return self.list(parts.path, namespace or ("" if "" in self.namespaces else NAMESPACE))

    def allows(self, authorization: str) -> bool:
        """Tell whether the lists may be read with this header."""
        return self.auth is None or authorization == f"Basic {b64encode(':'.join(self.auth).encode()).decode()}"

    def list(self, path: str, namespace: str) -> Reply:
        """Answer what is asked under /system."""
        if path == "/system/namespaces":
            return json_reply([name for name in self.namespaces if name])
        described = {
            name: describe(name, namespace, function) for name, function in list(self.functions(namespace).items())
        }
        if path == "/system/functions":
            return json_reply(list(described.values()))
        _, _, name = path.partition("/system/function/")
        return json_reply(described[name]) if name in described else Reply(404, b"", own=False)

    def invoke(self, invocation: Invocation) -> Reply:
        """Invoke a function, at once or by the queue."""
        function = self.find(invocation.path)
        if not invocation.queued:
            missing = Reply(404, f"error finding function {invocation.path}\n".encode(), own=False)
            return function.invoke(invocation) if function else missing
        if not self.has_queue:
            return Reply(404, b"404 page not found\n", own=False)
        if len(invocation.body) > self.max_queued:
            return self.too_large(len(invocation.body))
        return function.enqueue(invocation) if function else Reply(202, b"")

    # --- its life ---

    def start(self, listener: socket.socket | None = None) -> None:
        """Listen: on the socket given, or on a free port, after a stop on the same port as before."""
        self.server = Server(("127.0.0.1", self.port), create_handler(self), bind_and_activate=listener is None)
        if listener is not None:
            self.server.socket.close()
            self.server.socket = listener
        self.port = self.server.socket.getsockname()[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Close the port and every connection."""
        assert self.server is not None  # noqa: S101  it was started
        self.server.shutdown()
        for connection in list(self.connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server.server_close()
        self.server = None


def json_reply(document: Any) -> Reply:
    """Return an answer of the gateway's own."""
    return Reply(200, json.dumps(document).encode(), {"Content-Type": "application/json"}, own=False)


def describe(name: str, namespace: str, function: Function) -> dict[str, Any]:
    """Return an entry of the lists."""
    return {"name": name, "namespace": namespace, "replicas": 1, "availableReplicas": 1, **function.describe()}


class Server(ThreadingHTTPServer):
    """The HTTP server under a gateway: a thread for each connection."""

    daemon_threads = True
    request_queue_size = 128  # with more connections at once than this, one waits a second and more


class Connection(BaseHTTPRequestHandler):
    """One connection to a gateway."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece
    gateway: Gateway

    def setup(self) -> None:  # noqa: D102  socketserver's
        super().setup()
        self.gateway.connections.add(self.connection)

    def finish(self) -> None:  # noqa: D102  socketserver's
        self.gateway.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self) -> None:  # noqa: D102  socketserver's
        with contextlib.suppress(OSError):
            super().handle()

    def log_message(self, *_: object) -> None:
        """Write nothing."""

    def respond(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        _, route, *rest = self.path.split("/", 3)
        if route not in {"function", "async-function"}:
            self.send(self.gateway.get(self.path, self.headers.get("Authorization", "")), {})
            return
        added = {"x-start-time": str(time.time_ns())}
        if "X-Call-Id" not in self.headers:
            added["x-call-id"] = str(uuid.uuid4())
        headers = {name.lower(): value for name, value in self.headers.items()} | added
        name, deeper = unquote(rest[0]), "".join(rest[1:])
        queued = route == "async-function"
        self.send(self.gateway.invoke(Invocation(name, queued, headers, body, self.command, deeper)), added)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815  http.server's

    def send(self, reply: Reply, added: Mapping[str, str]) -> None:
        """Write an answer; ``added`` are the headers of one that is not the gateway's own."""
        if reply.closes:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in {**reply.headers, **(added if reply.own else {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body)


def create_handler(gateway: Gateway) -> type[Connection]:
    """Return the handler class of a gateway's connections."""
    return type("GatewayConnection", (Connection,), {"gateway": gateway})
