"""Servers of the standard library, each in a thread of its own on a free port."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer


class QuietHandler(BaseHTTPRequestHandler):
    """A handler that keeps connections and logs nothing."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves in one piece

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def lower_headers(self) -> dict[str, str]:
        """The request's headers, their names in lower case."""
        return {name.lower(): value for name, value in self.headers.items()}

    def log_message(self, *_: object) -> None:
        """Tests are quiet."""


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client may be gone before its answer is written."""


@contextmanager
def serve(server: TCPServer) -> Iterator[int]:
    """Run a server until the block is left. Gives its port."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serve_http(handler: type[BaseHTTPRequestHandler], port: int = 0) -> Iterator[str]:
    """Run an HTTP server. Gives its address, without a slash at the end."""
    with serve(QuietServer(("127.0.0.1", port), handler)) as bound:
        yield f"http://127.0.0.1:{bound}"
