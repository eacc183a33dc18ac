"""The limit beside the senders: ready bytes over kept connections, in one process, one request at a time on each.

By epoll itself, about as fast as Python can be; by asyncio, which the adapter runs on; and by a general client.
"""

import asyncio
import select
import socket
import time
from collections.abc import Callable, Iterable
from itertools import cycle
from urllib.parse import urlsplit

import aiohttp

ANSWER_TIMEOUT = 30.0
"""Seconds without any answer, after which the server counts as gone."""


def request(url: str, headers: dict[str, str], body: bytes) -> bytes:
    """Return the bytes of a POST."""
    parts = urlsplit(url)
    lines = {"Host": parts.netloc, **headers, "Content-Length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {parts.path or '/'} HTTP/1.1\r\n{head}\r\n".encode() + body


class Tally:
    """``requests`` in turn and over again, ``count`` of them in all, and how long each answer took, in seconds."""

    def __init__(self, requests: Iterable[bytes], count: int) -> None:
        self._requests, self._count, self._taken = cycle(requests), count, 0
        self._failures = 0
        self._delays: list[float] = []
        self._began, self._cpu = time.monotonic(), time.process_time()

    def next(self) -> tuple[bytes, float] | None:
        """Return the next request and the time; None after the last."""
        if self._taken == self._count:
            return None
        self._taken += 1
        return next(self._requests), time.monotonic()

    def record_answer(self, answer: bytes, since: float) -> bool:
        """Note an answer, and return whether it was the last."""
        if not answer:
            raise SystemExit("the server has closed a connection")
        self._delays.append(time.monotonic() - since)
        self._failures += not answer.startswith(b"HTTP/1.1 2")
        return len(self._delays) == self._count

    def summary(self) -> dict[str, float]:
        """Return requests a second, CPU milliseconds a request, and quantiles of the delays."""
        seconds, cpu = time.monotonic() - self._began, time.process_time() - self._cpu
        delays = sorted(self._delays)
        return {
            "rate": len(delays) / seconds,
            "cpu_ms": cpu / len(delays) * 1000,
            "p50": delays[len(delays) // 2],
            "p99": delays[len(delays) * 99 // 100],
            "failures": self._failures,
        }


def measure(url: str, requests: list[bytes], *, count: int, connections: int) -> dict[str, float]:
    """Post by epoll."""
    parts = urlsplit(url)
    poll = select.epoll()
    sockets: dict[int, tuple[socket.socket, float]] = {}
    tally = Tally(requests, count)

    def send(connection: socket.socket) -> None:
        if (ready := tally.next()) is not None:
            sockets[connection.fileno()] = connection, ready[1]
            connection.sendall(ready[0])

    for _ in range(connections):
        connection = socket.create_connection((parts.hostname or "", parts.port or 80))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        poll.register(connection, select.EPOLLIN)
        send(connection)
    last = False
    while not last:
        for descriptor, _ in poll.poll(ANSWER_TIMEOUT) or give_up():
            connection, since = sockets[descriptor]
            last = tally.record_answer(connection.recv(65536), since)
            send(connection)
    for connection, _ in sockets.values():
        connection.close()
    return tally.summary()


def give_up() -> list[tuple[int, int]]:
    """Give up."""
    raise SystemExit(f"no answer for {ANSWER_TIMEOUT:.0f} seconds")


class Posting(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally, done: Callable[[], None]) -> None:
        self._tally, self._done = tally, done
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  TCP has no other
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note the answer, and send the next request."""
        if self._tally.record_answer(data, self._since):
            self._done()
        self._send()

    def _send(self) -> None:
        if (ready := self._tally.next()) is not None:
            self._since = ready[1]
            self._transport.write(ready[0])


def measure_asyncio(url: str, requests: Iterable[bytes], *, count: int, connections: int) -> dict[str, float]:
    """Post by asyncio's own transports."""
    parts = urlsplit(url)

    async def run() -> dict[str, float]:
        done, tally = asyncio.Event(), Tally(requests, count)
        loop = asyncio.get_running_loop()
        pairs = [
            await loop.create_connection(lambda: Posting(tally, done.set), parts.hostname or "", parts.port or 80)
            for _ in range(connections)
        ]
        await asyncio.wait_for(done.wait(), ANSWER_TIMEOUT + count)
        for transport, _ in pairs:
            transport.close()
        return tally.summary()

    return asyncio.run(run())


def measure_aiohttp(url: str, requests: list[bytes], *, count: int, connections: int) -> dict[str, float]:
    """Post by a general HTTP client: only the bodies are ready."""

    async def run() -> dict[str, float]:
        tally = Tally([ready.partition(b"\r\n\r\n")[2] for ready in requests], count)

        async def work(client: aiohttp.ClientSession) -> None:
            while (ready := tally.next()) is not None:
                async with client.post(url, data=ready[0]) as response:
                    tally.record_answer(b"HTTP/1.1 %d" % response.status, ready[1])

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=connections)) as client:
            await asyncio.gather(*(work(client) for _ in range(connections)))
            return tally.summary()

    return asyncio.run(run())


WAYS = {"epoll": measure, "asyncio": measure_asyncio, "aiohttp": measure_aiohttp}
