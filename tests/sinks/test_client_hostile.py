"""The client of HTTP sinks, against servers that mean it harm, or speak another protocol."""

import asyncio
import resource
import time
from itertools import chain, repeat

import pytest
from yarl import URL

from tests.sinks.scripted_server import ACCEPTED, Talk, exchanged, request_of, with_server
from vcenter_functions.net.proxies import Proxy
from vcenter_source.core.event_loop import run_loop
from vcenter_source.sinks import connection
from vcenter_source.sinks.client import HttpClient
from vcenter_source.sinks.connection import HttpResponse, HttpTransportError
from vcenter_source.sinks.proxy import ProxiedClient

CHUNKED = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n"
MIB = 1024 * 1024


def flooding(*beginning: bytes, again: bytes) -> Talk:
    """A server that sends this, and then the other for as long as anyone listens."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        block = again * (MIB // len(again))
        for piece in chain(beginning, repeat(block)):
            writer.write(piece)
            await writer.drain()

    return talk


async def outcome(client: HttpClient) -> HttpResponse | OSError:
    try:
        return await client.post({}, b"x")
    except OSError as exc:
        return exc


def flooded(*beginning: bytes, again: bytes, seconds: float = 5.0) -> HttpResponse | OSError:
    """What becomes of a request to such a server, in little time and memory."""
    got: list[HttpResponse | OSError] = []

    async def work(client: HttpClient) -> None:
        got.append(await outcome(client))
        assert client._idle == []

    before, begun = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
    run_loop(with_server(flooding(*beginning, again=again), work, seconds))
    assert time.monotonic() - begun < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 48 * 1024
    return got[0]


@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (b"HTTP/1.1 202 Accepted\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 202 Accepted\r\nX: ", b"y"),
        (b"HTTP/1.1 202 Accepted\r\n", b"y"),
        (b"HTTP/1.1 202 ", b"Accepted"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
        (b"", b"\r\n"),
    ],
    ids=["headers", "a value", "a name", "the reason", "hints", "empty lines"],
)
def test_an_answer_whose_head_never_ends_is_none(beginning: bytes, again: bytes) -> None:
    found = flooded(beginning, again=again)
    assert isinstance(found, HttpTransportError)
    assert "longer than" in str(found)


@pytest.mark.parametrize(
    ("beginning", "again"),
    [
        (CHUNKED + b"0\r\n", b"X: y\r\n"),
        (CHUNKED, b"1\r\ny\r\n"),
        (CHUNKED + b"1;", b"y"),
        (b"HTTP/1.1 202 Accepted\r\n\r\n", b"y"),
    ],
    ids=["trailers", "chunks", "a chunk's extension", "a body"],
)
def test_an_answer_counts_whose_status_is_there_whatever_follows_for_ever(beginning: bytes, again: bytes) -> None:
    found = flooded(beginning, again=again)
    assert isinstance(found, HttpResponse)
    assert (found.status, "x" in found.headers) == (202, False)
    assert len(found.body) < 512 * 1024


def test_a_sender_that_leaves_no_pause_does_not_outrun_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer is due in a turn of the loop in which the next piece is there as well, and comes first."""
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 0.2)
    monkeypatch.setattr(connection, "MAX_RESPONSE", 2**40)
    monkeypatch.setattr(connection, "MAX_BODY", 2**40)
    found: list[HttpResponse] = []

    async def work(client: HttpClient) -> None:
        one = await client._connect(None)
        answer = asyncio.ensure_future(one.post(b"GET / HTTP/1.1\r\n\r\n"))
        await asyncio.sleep(0)
        one.data_received(b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n")
        end = time.monotonic() + 3
        loop = asyncio.get_running_loop()

        def again() -> None:  # as the selector does: ahead of the timers of the same turn
            time.sleep(0.25)
            if not answer.done() and time.monotonic() < end:
                loop.call_soon(again)
                one.data_received(b"1\r\nx\r\n")

        again()
        found.append(await answer)
        assert time.monotonic() < end

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    run_loop(with_server(listen, work))
    assert found[0].status == 202


@pytest.mark.parametrize(
    "said",
    [
        b"RTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"ICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"\r\nRTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\n\r\nRTSP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 103 E\r\n\r\nHTTP/1.1 102 P\r\n\r\nICE/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_no_other_protocol_acknowledges_an_event(said: bytes, size: int) -> None:
    with pytest.raises(HttpTransportError, match=r"not HTTP|looks like HTTP, but is not"):
        in_pieces(said, size)


def in_pieces(said: bytes, size: int) -> HttpResponse:
    got: list[HttpResponse] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for begin in range(0, len(said), size):
            writer.write(said[begin : begin + size])
            await writer.drain()
            await asyncio.sleep(0)

    async def work(client: HttpClient) -> None:
        got.append(await client.post({}, b"x"))

    run_loop(with_server(talk, work))
    return got[0]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_what_precedes_an_answer_does_not_hide_it(size: int) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: RTSP/1.0\r\n\r\n"
    said = b"\r\n" + hints * 3 + b"HTTP/1.1 202 Accepted\r\nX: RTSP/1.0 200\r\nContent-Length: 2\r\n\r\nok"
    answer = in_pieces(said, size)
    assert (answer.status, answer.body, answer.headers["x"]) == (202, b"ok", "RTSP/1.0 200")


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + ACCEPTED,
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n\x00\x01\x02",
    ],
)
def test_a_protocol_that_nobody_asked_to_switch_to_is_a_failure(said: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(HttpTransportError, match="101"):
        exchanged(said)
    assert capfd.readouterr().err == ""


def test_an_offer_to_switch_is_no_switch() -> None:
    said = b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nContent-Length: 2\r\n\r\nok"
    assert exchanged(said).body == b"ok"


def test_through_a_proxy_an_answer_that_comes_byte_by_byte_is_none() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        for byte in b"HTTP/1.1 202 Accepted\r\nX: " + b"y" * 500:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.02)

    async def through(proxy: HttpClient) -> None:
        client = ProxiedClient(
            URL("http://sink.invalid/"), Proxy(f"http://127.0.0.1:{proxy._port}", "HTTP_PROXY"), None, 0.3
        )
        try:
            with pytest.raises(TimeoutError, match=r"no answer within 0\.3 s"):
                await client.post({}, b"x")
        finally:
            await client.close()

    run_loop(with_server(drip, through))
