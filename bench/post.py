"""``python -m bench.post URL FILE``: the limit beside the senders. Ready bytes over kept connections, one process.

As ``bench.sink`` it is epoll itself: about as fast as Python can send. Each connection has one request under way.
"""

import argparse
import json
import select
import socket
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit


class Poster:
    """``connections`` to one address. ``requests`` are whole ones, ready for the wire, sent in turn."""

    def __init__(self, url: str, requests: list[bytes], connections: int) -> None:
        parts = urlsplit(url)
        self._requests = requests
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._started: dict[int, float] = {}
        self._sent = 0
        self.delays: list[float] = []
        self.failures = 0
        for _ in range(connections):
            connection = socket.create_connection((parts.hostname or "", parts.port or 80))
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets[connection.fileno()] = connection
            self._poll.register(connection, select.EPOLLIN)

    def run(self, count: int) -> None:
        """Send so many requests, and wait for every answer."""
        for descriptor in list(self._sockets)[:count]:
            self._send(descriptor)
        while len(self.delays) < count:
            for descriptor, _ in self._poll.poll(30.0) or self._silent():
                self._receive(descriptor)
                if self._sent < count:
                    self._send(descriptor)

    def _send(self, descriptor: int) -> None:
        self._started[descriptor] = time.monotonic()
        self._sockets[descriptor].sendall(self._requests[self._sent % len(self._requests)])
        self._sent += 1

    def _receive(self, descriptor: int) -> None:
        answer = self._sockets[descriptor].recv(65536)
        if not answer:
            raise SystemExit("the server has closed a connection")
        self.delays.append(time.monotonic() - self._started[descriptor])
        self.failures += not answer.startswith(b"HTTP/1.1 2")

    def _silent(self) -> list[tuple[int, int]]:
        raise SystemExit("no answer for half a minute")


def request(url: str, headers: dict[str, str], body: bytes) -> bytes:
    """A POST, ready for the wire."""
    parts = urlsplit(url)
    lines = {"Host": parts.netloc, **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {parts.path or '/'} HTTP/1.1\r\n{head}\r\n".encode() + body


def measure(url: str, requests: list[bytes], *, count: int, connections: int) -> dict[str, float]:
    """Requests a second, and quantiles of the answers' times in seconds."""
    poster = Poster(url, requests, connections)
    started, cpu = time.monotonic(), time.process_time()
    poster.run(count)
    seconds, cpu = time.monotonic() - started, time.process_time() - cpu
    delays = sorted(poster.delays)
    return {
        "rate": count / seconds,
        "cpu_ms": cpu / count * 1000,
        "p50": delays[count // 2],
        "p99": delays[count * 99 // 100],
        "failures": poster.failures,
    }


def main() -> None:
    """Read the command line; the requests are a file of JSON, a list of [headers, body]."""
    parser = argparse.ArgumentParser(prog="python -m bench.post", description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("file", type=Path, help="JSON: a list of [headers, body]")
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    events = json.loads(options.file.read_text())
    requests = [request(options.url, headers, body.encode()) for headers, body in events]
    found = measure(options.url, requests, count=options.count, connections=options.connections)
    print("post done:", json.dumps(found), flush=True)


if __name__ == "__main__":
    sys.exit(main())
