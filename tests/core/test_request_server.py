"""The server that accepts events: requests as senders make them, and as hostile clients do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.openfaas import until
from vcenter_source.core import request_server
from vcenter_source.core.http_server import BindAddress

POST = b"POST /a?b=c HTTP/1.1\r\nHost: h\r\nCE-Id: 1\r\nEmpty:\r\nContent-Length: 4\r\n\r\nbody"
HEAD = b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = HEAD + b"2\r\nbo\r\n2\r\ndy\r\n0\r\nce-late: 1\r\n\r\n"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Handled:
    """Keeps what came; ``/wait`` is answered when it may be, ``/wrong`` fails, ``/much`` has a long answer."""

    requests: list[Request] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: web.BaseRequest, body: bytes) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Request(request.method, request.path, headers, body))
        if request.path == "/wait":
            await self.go_on.wait()
        if request.path == "/wrong":
            raise KeyError("a mistake of ours")
        self.done.append(request.path)
        return web.Response(body=b"x" * 500_000 if request.path == "/much" else body, headers={"x-path": request.path})


@dataclass
class Sender:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        """The next answer, up to its body."""
        return await self.reader.readuntil(b"\r\n\r\n")

    async def answer(self) -> tuple[bytes, bytes]:
        """The first line of the next answer, and its body."""
        head = await self.head()
        size = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
        return head.partition(b"\r\n")[0], await self.reader.readexactly(size)

    async def is_hung_up_on(self) -> bool:
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True


@dataclass
class Open:
    port: int
    handled: Handled
    senders: list[Sender] = field(default_factory=list)

    async def send(self, *pieces: bytes) -> Sender:
        sender = Sender(*await asyncio.open_connection("127.0.0.1", self.port))
        self.senders.append(sender)
        for piece in pieces:
            sender.writer.write(piece)
            await sender.writer.drain()
            await asyncio.sleep(0)
        return sender


@asynccontextmanager
async def opened(max_body: int = 100, shutdown_seconds: float = 5.0) -> AsyncIterator[Open]:
    handled = Handled()
    async with request_server.serve_requests(
        handled, BindAddress("127.0.0.1", 0, "PORT"), max_body, shutdown_seconds
    ) as port:
        one = Open(port, handled)
        try:
            yield one
        finally:
            for sender in one.senders:
                sender.writer.close()


def at_the_door(do: Callable[[Open], Awaitable[None]], **options: float) -> None:
    async def run() -> None:
        async with asyncio.timeout(10), opened(**options) as one:  # type: ignore[arg-type]  # max_body is an int
            await do(one)

    asyncio.run(run())


@settings(max_examples=40)
@given(st.sampled_from([POST, CHUNKED]), st.sets(st.integers(1, 90)))
def test_a_request_may_come_in_any_pieces(request: bytes, cuts: set[int]) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(request)), len(request)]

    async def do(one: Open) -> None:
        sender = await one.send(*(request[a:b] for a, b in pairwise(edges)))
        assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")
        (came,) = one.handled.requests
        assert (came.method, came.path, came.body) == ("POST", "/a", b"body")
        if request is POST:
            assert came.headers == {"host": "h", "ce-id": "1", "empty": "", "content-length": "4"}
        assert "ce-late" not in came.headers, "what comes after the body is none of the event's attributes"

    at_the_door(do)


def test_requests_that_come_together_are_answered_in_turn() -> None:
    async def do(one: Open) -> None:
        paths = ["/wait", "/b", "/c"]
        sender = await one.send(b"".join(POST.replace(b"/a?b=c", path.encode()) for path in paths))
        await until(lambda: bool(one.handled.requests))
        await asyncio.sleep(0.02)
        assert [each.path for each in one.handled.requests] == ["/wait"]
        sender.writer.write(POST.replace(b"/a?b=c", b"/d"))
        one.handled.go_on.set()
        heads = [await sender.head() + await sender.reader.readexactly(4) for _ in range(4)]
        assert [
            f"x-path: {path}".encode() in head.lower() for path, head in zip([*paths, "/d"], heads, strict=True)
        ] == [True] * 4

    at_the_door(do)


def test_who_asks_before_the_body_is_answered() -> None:
    async def do(one: Open) -> None:
        head, _, body = POST.partition(b"\r\n\r\n")
        sender = await one.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert await sender.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        sender.writer.write(body)
        assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")

    at_the_door(do)


@pytest.mark.parametrize("request_head", [b"GET /x HTTP/1.0", b"GET /x HTTP/1.1\r\nHost: h\r\nConnection: close"])
def test_the_last_request_of_a_connection_closes_it(request_head: bytes) -> None:
    async def do(one: Open) -> None:
        sender = await one.send(request_head + b"\r\n\r\n")
        assert b"200 OK" in await sender.head()
        assert await sender.is_hung_up_on()

    at_the_door(do)


def test_an_answer_to_head_has_no_body() -> None:
    async def do(one: Open) -> None:
        sender = await one.send(b"HEAD /much HTTP/1.1\r\nHost: h\r\n\r\n", POST)
        assert b"content-length: 500000" in (await sender.head()).lower()
        assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")

    at_the_door(do)


@pytest.mark.parametrize(
    ("request_begins", "status"),
    [
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 101\r\n\r\n" + b"x" * 50, b"413"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n" + b"x" * 200, b"413"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nbody", b"400"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody", b"400"),
        (b"POST / HTTP/1.1\r\nX: a\x00b\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"POST / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 4\r\n\r\nbody", b"501"),
    ],
)
def test_what_can_be_no_request_is_refused_with_the_reason_and_ends_the_connection(
    request_begins: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_server, "LINGER_SECONDS", 0.05)

    async def do(one: Open) -> None:
        sender = await one.send(POST)
        assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body"), "what came before is answered"
        sender.writer.write(request_begins)
        head, why = await sender.answer()
        assert head.split()[1] == status
        assert why.endswith(b"\n")
        assert await sender.is_hung_up_on()
        assert len(one.handled.requests) == 1

    at_the_door(do)


def test_who_is_still_sending_a_body_that_is_too_large_reads_why() -> None:
    async def do(one: Open) -> None:
        sender = await one.send(POST.replace(b"Length: 4", b"Length: 2000000"), *[b"x" * 100_000] * 20)
        assert (await sender.head()).startswith(b"HTTP/1.1 413 ")

    at_the_door(do)


@pytest.mark.parametrize("headers", [b"".join(b"X-%d: y\r\n" % n for n in range(200)), b"X: " + b"y" * 20_000])
def test_headers_without_an_end_are_refused(headers: bytes) -> None:
    async def do(one: Open) -> None:
        sender = await one.send(b"POST / HTTP/1.1\r\nHost: h\r\n", headers)
        assert (await sender.head()).split()[1] == b"431"

    at_the_door(do)


@pytest.mark.parametrize(
    "rest",
    [
        CHUNKED.partition(b"ce-late")[0].removeprefix(HEAD) + b"".join(b"X-%d: y\r\n" % n for n in range(200)),
        b"2\r\nbo\r\nno length\r\n",
        b"2\r\nb",
        b"",
    ],
)
def test_a_body_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, rest: bytes) -> None:
    monkeypatch.setattr(request_server, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(request_server, "LINGER_SECONDS", 0.05)

    async def do(one: Open) -> None:
        sender = await one.send(HEAD)
        await asyncio.sleep(0.01)
        sender.writer.write(rest)
        assert (await sender.head()).startswith(b"HTTP/1.1 408 ")
        await sender.is_hung_up_on()
        assert one.handled.requests == []

    at_the_door(do)


def test_a_large_body_is_none_of_the_next_requests_headers() -> None:
    async def do(one: Open) -> None:
        large = POST.replace(b"Length: 4", b"Length: 90000").replace(b"body", b"x" * 90_000)
        sender = await one.send(large + POST[:20], POST[20:])
        assert [len((await sender.answer())[1]) for _ in range(2)] == [90_000, 4]

    at_the_door(do, max_body=100_000)


def test_headers_are_utf_8_where_they_are_no_ascii() -> None:
    async def do(one: Open) -> None:
        sender = await one.send(POST.replace(b"CE-Id: 1", b"CE-Id: \xc3\xa4\xff"))
        await sender.answer()
        assert one.handled.requests[0].headers["ce-id"] == "\xe4\udcff"

    at_the_door(do)


def test_a_mistake_of_ours_is_told_and_the_connection_goes_on() -> None:
    async def do(one: Open) -> None:
        sender = await one.send(b"GET /wrong HTTP/1.1\r\nHost: h\r\n\r\n", POST)
        assert await sender.answer() == (b"HTTP/1.1 500 Internal Server Error", b"")
        assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")

    at_the_door(do)


def test_who_does_not_read_its_answers_is_given_no_more_of_them() -> None:
    async def do(one: Open) -> None:
        sender = await one.send(b"GET /much HTTP/1.1\r\nHost: h\r\n\r\n" * 60)
        await until(lambda: bool(one.handled.requests))
        await asyncio.sleep(0.1)
        assert len(one.handled.requests) < 30, "30 MB lie ready for somebody who takes none"
        assert [len((await sender.answer())[1]) for _ in range(60)] == [500_000] * 60

    at_the_door(do)


def test_who_dribbles_is_hung_up_on_and_who_is_silent_between_requests_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_server, "HEAD_SECONDS", 0.05)

    async def do(one: Open) -> None:
        silent = await one.send(POST)
        waiting = await one.send(POST.replace(b"/a?b=c", b"/wait"))
        begun = await one.send(POST[:20])
        again = await one.send(POST)
        for sender in (silent, again):
            assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")
        again.writer.write(POST[:20])
        for sender in (begun, again):
            assert await sender.is_hung_up_on()
        one.handled.go_on.set()
        for sender in (waiting, silent):
            sender.writer.write(POST)
            assert await sender.answer() == (b"HTTP/1.1 200 OK", b"body")

    at_the_door(do)


def test_a_connection_that_is_not_used_is_closed_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_server, "IDLE_SECONDS", 0.05)

    async def do(one: Open) -> None:
        assert await (await one.send()).is_hung_up_on()

    at_the_door(do)


def test_a_stop_answers_what_has_begun_to_come_and_waits_for_nobody_else() -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            async with opened() as one:
                idle = await one.send(POST)
                await idle.answer()
                half = await one.send(POST[:-1])
                waiting = await one.send(POST.replace(b"/a?b=c", b"/wait"))
                await until(lambda: len(one.handled.requests) == 2)
                one.senders.clear()
                asyncio.get_running_loop().call_later(0.1, half.writer.write, POST[-1:])
                asyncio.get_running_loop().call_later(0.1, one.handled.go_on.set)
            assert await idle.is_hung_up_on()
            idle.writer.close()
            for sender in (half, waiting):
                assert b"connection: close" in (await sender.head()).lower()
                sender.writer.close()

    asyncio.run(run())


def test_what_is_in_progress_goes_on_without_its_sender_and_a_stop_waits_for_it() -> None:
    async def run() -> None:
        async with asyncio.timeout(10):
            async with opened() as one:
                waiting = await one.send(POST.replace(b"/a?b=c", b"/wait"))
                await until(lambda: bool(one.handled.requests))
                waiting.writer.transport.abort()
                await asyncio.sleep(0.05)
                asyncio.get_running_loop().call_later(0.1, one.handled.go_on.set)
            assert one.handled.done == ["/wait"]

    asyncio.run(run())


def test_a_stop_does_not_wait_for_ever() -> None:
    async def run() -> None:
        async with asyncio.timeout(5):
            async with opened(shutdown_seconds=0.1) as one:
                waiting = await one.send(POST.replace(b"/a?b=c", b"/wait"))
                await until(lambda: bool(one.handled.requests))
                one.senders.clear()
            assert await waiting.is_hung_up_on()
            one.handled.go_on.set()
            waiting.writer.close()

    asyncio.run(run())


def test_a_failure_beside_the_door_ends_its_connections_too() -> None:
    senders: list[Sender] = []

    async def fail() -> None:
        async with opened(shutdown_seconds=0.1) as one:
            senders.append(await one.send(POST))
            await senders[0].answer()
            one.senders.clear()
            raise RuntimeError

    async def run() -> None:
        async with asyncio.timeout(5):
            with pytest.raises(RuntimeError):
                await fail()
            assert await senders[0].is_hung_up_on()
            senders[0].writer.close()

    asyncio.run(run())
