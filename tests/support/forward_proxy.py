"""A forward proxy: CONNECT for https, the whole address for http (RFC 9110, 9.3.6; RFC 9112, 3.2.2)."""

import base64
import select
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from socketserver import BaseRequestHandler, ThreadingTCPServer
from urllib.parse import urlsplit

from tests.support import threaded_server


@dataclass
class ForwardProxy:
    """``refuses`` is the status that it answers itself, whatever it is asked; ``account`` is whom it lets through.

    ``hosts`` are the names that it alone can resolve. It keeps the targets of ``requests``, and the bytes ``sent`` on.
    """

    port: int = 0
    refuses: int | None = None
    account: str | None = None
    hosts: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    sent: bytearray = field(default_factory=bytearray)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def judge(self, head: bytes) -> int | None:
        """The status to answer with; None lets it through."""
        expected = base64.b64encode((self.account or "").encode())
        if self.account is not None and b"proxy-authorization: basic " + expected.lower() not in head.lower():
            return 407
        return self.refuses

    def connect(self, host: str, port: int) -> socket.socket:
        return socket.create_connection((self.hosts.get(host, host), port), 5)


@contextmanager
def forward_proxy(**options: object) -> Iterator[ForwardProxy]:
    proxy = ForwardProxy(**options)  # type: ignore[arg-type]  # its own fields

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                serve(proxy, self.request)

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    with threaded_server.serve(server) as proxy.port:
        yield proxy


def serve(proxy: ForwardProxy, client: socket.socket) -> None:
    """One request, and then whatever both sides say."""
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(65536)
        if not more:
            return
        head += more
    method, target, _ = head.partition(b"\r\n")[0].decode().split(" ")
    proxy.requests.append(f"{method} {target}")
    status = proxy.judge(head)
    if status is not None:
        client.sendall(refusal(status))
        return
    parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
    try:
        upstream = proxy.connect(parts.hostname or "", parts.port or 80)
    except OSError:
        client.sendall(refusal(502))
        return
    with upstream:
        if method == "CONNECT":
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            first = f"{method} {parts.path or '/'} HTTP/1.1\r\nConnection: close\r\n".encode()
            onward = first + head.partition(b"\r\n")[2]
            proxy.sent += onward
            upstream.sendall(onward)
        relay(proxy, client, upstream)


def refusal(status: int) -> bytes:
    """An answer of the proxy's own, a page as Squid makes it."""
    page = b"<html><body>ERR_ACCESS_DENIED</body></html>"
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/html\r\nConnection: close\r\n"
    return f"{head}Content-Length: {len(page)}\r\n\r\n".encode() + page


def relay(proxy: ForwardProxy, client: socket.socket, upstream: socket.socket) -> None:
    """Pass on what either side says, until one of them ends it."""
    while True:
        for source in select.select([client, upstream], [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            if source is client:
                proxy.sent += data
            (upstream if source is client else client).sendall(data)
