"""``python -m bench.spans``: an OTLP receiver in a process of its own, which keeps what comes and counts it afterwards.

Nothing is parsed before ``GET /``, which answers how many traces are whole, and begins anew.
"""

import asyncio
import json
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.request import urlopen

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from bench.processes import line_of, module


def count_traces(bodies: list[bytes]) -> dict[str, int]:
    """Count the traces that have a root and a request beneath it, and those that lack one of both."""
    kinds: dict[bytes, set[bool]] = defaultdict(set)
    for body in bodies:
        for process in ExportTraceServiceRequest.FromString(body).resource_spans:
            for span in process.scope_spans[0].spans:
                kinds[span.trace_id].add(bool(span.parent_span_id))
    whole = sum(each == {True, False} for each in kinds.values())
    return {"whole": whole, "broken": len(kinds) - whole}


class Handler(BaseHTTPRequestHandler):
    """Keeps the bodies of requests."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes] = []  # noqa: RUF012  one for all

    def do_POST(self) -> None:
        """Keep what comes."""
        self.bodies.append(self.rfile.read(int(self.headers["content-length"])))
        self._answer(b"")

    def do_GET(self) -> None:
        """Count what came."""
        bodies = self.bodies.copy()
        self.bodies.clear()
        self._answer(json.dumps(count_traces(bodies)).encode())

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@asynccontextmanager
async def span_receiver() -> AsyncIterator[str]:
    """Run a receiver; yields its address."""
    async with module("bench.spans") as process:
        yield await line_of(process, "spans ready: ")


async def fetch_counts(receiver: str) -> dict[str, int]:
    """Return what came since the last call."""

    def fetch() -> dict[str, int]:
        with urlopen(receiver) as response:  # noqa: S310  our own address
            counts: dict[str, int] = json.load(response)
            return counts

    return await asyncio.to_thread(fetch)


def main() -> None:
    """Serve until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    print(f"spans ready: http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
