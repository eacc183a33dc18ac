"""An OTLP receiver that keeps what it gets as it came, and answers as a test likes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Collector:
    """Takes what is sent to it, or answers with a status of its own choice."""

    status: int
    url: str = ""
    bodies: list[bytes] = field(default_factory=list)
    came: threading.Event = field(default_factory=threading.Event)

    def spans(self) -> list[Span]:
        requests = map(ExportTraceServiceRequest.FromString, self.bodies)
        scopes = [scope for each in requests for process in each.resource_spans for scope in process.scope_spans]
        return [span for scope in scopes for span in scope.spans]


@contextmanager
def collector(status: int = 200) -> Iterator[Collector]:
    made = Collector(status)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(made.status)
            self.send_header("Location", "https://me:secret@elsewhere/?token=1")
            self.send_header("Content-Length", "0")
            self.end_headers()
            made.came.set()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """The client may be gone before its answer is written."""

    with Server(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield made
        server.shutdown()
