"""A webhook that keeps what it gets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.support.threaded_server import QuietHandler, serve_http

PATH = "/services/T0000000/secret-of-the-webhook"


@dataclass
class Webhook:
    """``answers`` are given in order, as status, body and headers; then 200."""

    url: str = ""
    bodies: list[Any] = field(default_factory=list)
    answers: list[tuple[int, bytes, dict[str, str]]] = field(default_factory=list)


@contextmanager
def serve_webhook() -> Iterator[Webhook]:
    webhook = Webhook()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            assert self.path == PATH
            webhook.bodies.append(orjson.loads(self.read_body()))
            self.answer(*webhook.answers.pop(0) if webhook.answers else (200, b"ok"))

    with serve_http(Handler) as url:
        webhook.url = f"{url}{PATH}"
        yield webhook
