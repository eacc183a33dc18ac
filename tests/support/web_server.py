"""An HTTP server that answers every request alike."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.threaded_server import QuietHandler, serve_http


@contextmanager
def web_server(status: int, body: bytes) -> Iterator[str]:
    """Such a server, as whatever stands at a mistyped address may be one. Gives its URL."""

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.0"

        def do_POST(self) -> None:
            self.answer(status, body)

        def do_GET(self) -> None:
            self.answer(status, body)

    with serve_http(Handler) as url:
        yield f"{url}/"
