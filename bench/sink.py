"""``python -m bench.sink``: a cheap sink in a process of its own, which notes what arrives and when.

Not asyncio but epoll itself, one read and one write a request, a fixed answer: a third of the CPU of any Python server,
so that what is measured is the sender. It is for senders that behave: no chunked bodies, no pipelining of which the
answers could block. Linux only.
"""

import argparse
import heapq
import json
import select
import signal
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
LARGEST_READ = 1 << 18

LISTS = {
    b"namespaces": b'["openfaas-fn"]',
    b"functions": b'[{"name": "sink", "annotations": {"topic": "com.vmware.*"}}]',
}
"""What it lists as an OpenFaaS gateway, which is not counted: one function, invoked with every event of vCenter's."""


@dataclass
class Taken:
    """What came: for each request the moment (``time.time``) and its head."""

    heads: list[tuple[float, bytes]] = field(default_factory=list)

    def summary(self) -> dict[str, float]:
        """Return counts, seconds from the first to the last, and quantiles of arrival less ``ce-time`` in seconds.

        The quantiles are also there for each vCenter, as ``east p99``.
        """
        heads = self.heads
        by_vcenter: dict[bytes, list[tuple[float, bytes]]] = defaultdict(list)
        for moment, head in heads:
            by_vcenter[header(head, b"ce-vcentername")].append((moment, head))
        quantiles = find_quantiles(heads)
        for vcenter, own in by_vcenter.items():
            quantiles |= {f"{vcenter.decode()} {name}": value for name, value in find_quantiles(own).items()}
        identities = {(header(head, b"ce-source"), header(head, b"ce-id")) for _, head in heads}
        return {
            "requests": len(heads),
            "identities": len(identities),
            "seconds": heads[-1][0] - heads[0][0],
            "first": heads[0][0],
            **quantiles,
        }


def find_quantiles(heads: list[tuple[float, bytes]]) -> dict[str, float]:
    """Return the median and the 99th percentile of arrival less ``ce-time``."""
    delays = sorted(moment - created for moment, head in heads if (created := event_time(head)) is not None)
    return {f"p{n}": delays[min(len(delays) * n // 100, len(delays) - 1)] for n in (50, 99) if delays}


def header(head: bytes, name: bytes) -> bytes:
    """Return the value of a header; empty if it is missing."""
    _, separator, rest = head.lower().partition(b"\r\n" + name + b":")
    return rest.partition(b"\r\n")[0].strip() if separator else b""


def event_time(head: bytes) -> float | None:
    """Return the event's own time, which every sender takes from vCenter; None without ``ce-time``."""
    value = header(head, b"ce-time").decode().upper()
    return datetime.fromisoformat(value).timestamp() if value else None


def requests(buffer: bytearray) -> Iterator[bytes]:
    """Yield the heads of the complete requests in a buffer, and remove the requests from it."""
    while (end := buffer.find(b"\r\n\r\n")) >= 0:
        head = bytes(buffer[: end + 2])
        size = end + 4 + int(header(head, b"content-length") or 0)
        if len(buffer) < size:
            return
        del buffer[:size]
        yield head


def listing(head: bytes) -> bytes:
    """Return the answer to ``GET /system/namespaces`` or ``/system/functions?namespace=…``."""
    body = next(body for name, body in LISTS.items() if head.startswith(b"GET /system/" + name))
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


class Sink:
    """Answers each request after ``latency`` seconds, up to a millisecond more: epoll counts in those."""

    def __init__(self, latency: float) -> None:
        self.taken = Taken()
        self._latency = latency
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, tuple[socket.socket, bytearray]] = {}
        self._due: list[tuple[float, int]] = []
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"

    def step(self, patience: float) -> None:
        """Wait for something to do, ``patience`` seconds at most, and do it."""
        wait = min(patience, max(0.0, self._due[0][0] - time.monotonic())) if self._due else patience
        for descriptor, _ in self._poll.poll(wait):
            if descriptor == self._listener.fileno():
                self._accept()
            else:
                self._read(descriptor)
        while self._due and self._due[0][0] <= time.monotonic():
            self._answer(heapq.heappop(self._due)[1])

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[connection.fileno()] = connection, bytearray()
        self._poll.register(connection, select.EPOLLIN)

    def _read(self, descriptor: int) -> None:
        connection, buffer = self._connections[descriptor]
        try:
            chunk = connection.recv(LARGEST_READ)
        except ConnectionError:
            chunk = b""
        if not chunk:
            del self._connections[descriptor]
            connection.close()
        buffer += chunk
        for head in requests(buffer):
            if head.startswith(b"GET /system/"):
                connection.sendall(listing(head))
                continue
            self.taken.heads.append((time.time(), head))
            if self._latency:
                heapq.heappush(self._due, (time.monotonic() + self._latency, descriptor))
            else:
                self._answer(descriptor)

    def _answer(self, descriptor: int) -> None:
        if descriptor in self._connections:
            self._connections[descriptor][0].sendall(ANSWER)


def serve(latency: float, expected: int, seconds: float) -> None:
    """Accept events; print when the first arrives, and what came when all did, or so many seconds later.

    SIGUSR1 begins the count anew.
    """
    sink = Sink(latency)
    heads = sink.taken.heads
    signal.signal(signal.SIGUSR1, lambda *_: heads.clear())
    print(f"sink ready: {sink.address}", flush=True)
    while not heads:
        sink.step(1.0)
    print("sink first:", flush=True)
    end = time.monotonic() + seconds
    while len(heads) < expected and time.monotonic() < end:
        sink.step(0.1)
    print("sink done:", json.dumps(sink.taken.summary()), flush=True)
    while True:
        sink.step(1.0)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.sink", description=__doc__.splitlines()[0])
    parser.add_argument("--latency", type=float, default=0.0, help="milliseconds before each answer")
    parser.add_argument("--expected", type=int, default=sys.maxsize, help="how many events are all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="how long after the first they may take")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(options.latency / 1000, options.expected, options.seconds)


if __name__ == "__main__":
    main()
