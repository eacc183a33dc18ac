"""What several tests need: a real HTTP sink, and commands of this project as real processes."""

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.formats.json import JSONFormat

from tests.support.fork_server import Forked

Answer = tuple[int, dict[str, str]]

SLOW = "import time\nprint('loading', flush=True)\nfor _ in range(6000): time.sleep(0.01)\n"
"""A module that takes a minute to load. In bits, since a signal just before one long sleep waits for its end."""


@dataclass
class RecordingSink:
    """An HTTP sink in a thread. ``answer`` decides by the number of the request; what it accepted is in ``events``.

    What it ``refuses`` is answered with ``refusal``, with ``objection`` as the body of every failure.
    """

    url: str = ""
    refuses: Callable[[HTTPMessage], bool] = lambda _: False
    refusal: int = 400
    objection: bytes = b""
    answer: Callable[[int], Answer] = lambda _: (202, {})
    requests: list[HTTPMessage] = field(default_factory=list)
    events: "queue.Queue[BaseCloudEvent]" = field(default_factory=queue.Queue)
    connections: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, timeout: float = 30.0) -> BaseCloudEvent:
        """The next event that was accepted."""
        return self.events.get(timeout=timeout)

    def handle(self, message: HTTPMessage) -> Answer:
        with self.lock:
            answer = (self.refusal, {}) if self.refuses(message) else self.answer(len(self.requests))
            self.requests.append(message)
        if 200 <= answer[0] < 300:
            self.events.put(from_http(message, JSONFormat()))
        return answer


@contextmanager
def recording_sink(answer: Callable[[int], Answer] = lambda _: (202, {}), port: int = 0) -> Iterator[RecordingSink]:
    sink = RecordingSink(answer=answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            super().setup()
            sink.connections += 1

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers = sink.handle(HTTPMessage({k.lower(): v for k, v in self.headers.items()}, body))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            said = b"" if 200 <= status < 300 else sink.objection
            self.send_header("Content-Length", str(len(said)))
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    sink.url = f"http://127.0.0.1:{server.server_address[1]}/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield sink
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def clean_environment(**settings: str) -> dict[str, str]:
    """The environment of this process without any setting of ours or of OpenTelemetry, plus ``settings``."""
    ours: tuple[str, ...] = ("VCENTER_", "GOVC_", "K_", "OTEL_", "TAG", "EVENT_", "START_", "CHECKPOINT", "LOG_")
    ours += ("PORT", "HOST", "HEALTH_", "SINK_", "RETRY_", "MAX_", "DEAD_LETTER_", "DRAIN_", "LEASE", "KUBE", "POISON_")
    ours += ("VIEWER", "TRACE_")
    # Tests run side by side, and one port serves one process.
    return {k: v for k, v in os.environ.items() if not k.startswith(ours)} | {"HEALTH_PORT": "off"} | settings


@contextmanager
def process(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m arguments`` with these settings; ended when the block is left, if it has not ended by then."""
    with Forked(clean_environment(**settings), *arguments) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def process_anew(*arguments: str, **settings: str) -> Iterator[subprocess.Popen[str]]:
    """The same by the command itself, as a shell starts it: where the start is what is tested."""
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        env=clean_environment(**settings),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        try:
            yield running
        finally:
            running.kill()


def command(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """``vcenter-source arguments`` with these settings, once it has ended."""
    with process("vcenter_source", *arguments, **settings) as running:
        output, errors = running.communicate(timeout=50)
    return subprocess.CompletedProcess(arguments, running.returncode, output, errors)


def wait_for_line(running: subprocess.Popen[str], words: str) -> str:
    """Read the log on standard error until a line has these words."""
    assert running.stderr is not None
    seen = []
    for line in running.stderr:
        seen.append(line)
        if words in line:
            return line
    raise AssertionError(f"{words!r} was never logged:\n{''.join(seen)}")


@contextmanager
def web_server(status: int, body: bytes) -> Iterator[str]:
    """A server that answers everything alike, as whatever stands at a mistyped address may."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Tests are quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
        thread.join()
