"""An OTLP receiver that keeps what it gets as it came, and answers as a test likes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.support.threaded_server import QuietHandler, serve_http


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

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            made.bodies.append(self.read_body())
            self.answer(made.status, headers={"Location": "https://me:secret@elsewhere/?token=1"})
            made.came.set()

    with serve_http(Handler) as made.url:
        yield made
