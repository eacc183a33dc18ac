"""The local Broker in a process of its own, and subscribers that answer as a test likes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.fork_server import Forked
from tests.support.threaded_server import QuietHandler, serve_http

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

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            played.received.append((self.lower_headers(), self.read_body()))
            status, headers, body = played.answers.pop(0) if played.answers else (204, {}, b"")
            self.answer(status, body, headers)

    with serve_http(Handler) as url:
        played.url = f"{url}/in"
        yield played


@contextmanager
def broker(folder: Path, *arguments: str, **env: str) -> Iterator[str]:
    with Forked(env or os.environ, "demo.broker", "--manifests", str(folder), *arguments) as process:
        assert process.stdout is not None
        ready, _, url = process.stdout.readline().strip().partition(": ")
        try:
            assert ready == "broker ready"
            yield url
        finally:
            process.terminate()
            assert process.wait(20) == 0
