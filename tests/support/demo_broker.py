"""The local Broker in a process of its own, and subscribers that answer as a test likes."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


EVENT = {
    "ce-specversion": "1.0",
    "ce-id": "17",
    "ce-source": "https://vc/sdk",
    "ce-type": "com.example.made",
    "ce-subject": "Pool:9",
    "content-type": "application/json",
}


MANIFESTS = """
apiVersion: eventing.knative.dev/v1
kind: Broker
metadata: {name: default, namespace: ns}
spec:
  delivery: {retry: 2, backoffPolicy: linear, backoffDelay: PT0.01S}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: made, namespace: ns}
spec:
  broker: default
  filter: {attributes: {type: com.example.made}}
  subscriber: {ref: {apiVersion: v1, kind: Service, name: fn}}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: replied, namespace: ns}
spec:
  broker: default
  filters: [{suffix: {type: .reply}}]
  subscriber: {ref: {apiVersion: v1, kind: Service, name: other}}
---
apiVersion: eventing.knative.dev/v1
kind: Trigger
metadata: {name: not-ours, namespace: ns}
spec:
  broker: another
  subscriber: {ref: {apiVersion: v1, kind: Service, name: other}}
"""


@dataclass
class Subscriber:
    """An HTTP server that keeps what it gets; ``answers`` is used up from the front, then 204 for ever."""

    url: str = ""
    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def subscriber() -> Iterator[Subscriber]:
    played = Subscriber()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            played.received.append(({k.lower(): v for k, v in self.headers.items()}, body))
            status, headers, answer = played.answers.pop(0) if played.answers else (204, {}, b"")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    played.url = f"http://127.0.0.1:{server.server_port}/in"
    try:
        yield played
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def broker(folder: Path, *arguments: str, **env: str) -> Iterator[str]:
    command = [sys.executable, "-m", "demo.broker", "--manifests", str(folder), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env or None) as process:
        assert process.stdout is not None
        ready, _, url = process.stdout.readline().strip().partition(": ")
        try:
            assert ready == "broker ready"
            yield url
        finally:
            process.terminate()
            assert process.wait(20) == 0
