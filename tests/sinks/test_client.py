"""The client of HTTP sinks, against servers that say what they are told, byte by byte."""

import asyncio
import socket
from itertools import pairwise
from typing import Any

import pytest
import uvloop
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from tests.sinks.scripted_server import ACCEPTED, answering, exchanged, request_of, with_server
from vcenter_functions.net.proxies import Proxy
from vcenter_source.core.event_loop import run_loop
from vcenter_source.sinks import connection
from vcenter_source.sinks.client import HttpClient
from vcenter_source.sinks.connection import HttpResponse, HttpTransportError
from vcenter_source.sinks.proxy import ProxiedClient


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
        (b"HTTP/1.1 202 Accepted\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.0 202 Accepted\r\n\r\nas of old", b"as of old"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\ncut", b"cut"),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", b""),
    ],
)
def test_every_form_of_an_answer_is_read(said: bytes, body: bytes) -> None:
    answer = exchanged(said)
    assert (answer.status, answer.reason, answer.body) == (202, "Accepted", body)


@given(cuts=st.sets(st.integers(1, 60), max_size=6))
def test_an_answer_may_come_in_any_pieces(cuts: set[int]) -> None:
    said = b"HTTP/1.1 503 Not Now\r\nRetry-After: 7\r\nContent-Length: 5\r\n\r\nlater"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_of(reader)
        edges = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
        for begin, end in pairwise(edges):
            writer.write(said[begin:end])
            await writer.drain()
            await asyncio.sleep(0)

    async def work(client: HttpClient) -> None:
        answer = await client.post({}, b"")
        assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"later")

    run_loop(with_server(talk, work))


ANSWERS = {
    ACCEPTED: (202, "Accepted", {"content-length": "0"}, b""),
    b"HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n": (204, "No Content", {"date": "x"}, b""),
    b"HTTP/1.1 202 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nLast: 1\r\n\r\n": (
        202,
        "OK",
        {"transfer-encoding": "chunked"},
        b"ok",
    ),
    b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na": (
        200,
        "OK",
        {"content-length": "1"},
        b"a",
    ),
    b"HTTP/1.1 202 Accepted\r\nConnection: close\r\n\r\n": (202, "Accepted", {"connection": "close"}, b""),
    b"HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n": (
        429,
        "Slow",
        {"retry-after": "7", "content-length": "0"},
        b"",
    ),
}


@given(said=st.lists(st.tuples(st.sampled_from(list(ANSWERS)), st.integers(0, 90)), max_size=12))
def test_an_answer_means_the_same_whatever_was_answered_before(said: list[tuple[bytes, int]]) -> None:
    waiting = iter(said)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_of(reader)
            answer, cut = next(waiting)
            for piece in filter(None, (answer[:cut], answer[cut:])):
                writer.write(piece)
                await asyncio.sleep(0)
            if b"close" in answer:
                return

    async def work(client: HttpClient) -> None:
        for answer, _ in said:
            got = await client.post({}, b"")
            assert (got.status, got.reason, got.headers, got.body) == ANSWERS[answer]

    run_loop(with_server(talk, work))


def test_known_bytes_with_one_more_are_no_known_answer() -> None:
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for answer in (ACCEPTED, ACCEPTED, ACCEPTED + b"H"):
            await request_of(reader)
            writer.write(answer)
        await reader.read()

    async def work(client: HttpClient) -> None:
        for _ in range(4):
            assert (await client.post({}, b"")).status == 202

    run_loop(with_server(talk, work))
    assert connections == 2  # what has said too much is not used again


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 2", b"HTTP/1.1 202 Accepted\r\nContent-Le", b"SSH-2.0-OpenSSH\r\n"])
def test_what_is_no_answer_is_told(said: bytes) -> None:
    with pytest.raises(HttpTransportError, match=r"without an answer|not HTTP"):
        exchanged(said)


def test_many_at_once_get_each_its_own_answer_over_few_connections() -> None:
    connections = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while True:
            _, body = await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def worker(client: HttpClient, name: int) -> None:
        for n in range(100):
            body = b"%d of %d" % (n, name)
            assert (await client.post({"ce-id": "1"}, body)).body == body

    async def work(client: HttpClient) -> None:
        await asyncio.gather(*(worker(client, name) for name in range(8)))

    run_loop(with_server(echo, work))
    assert connections <= 8


def test_a_kept_connection_that_the_server_has_closed_costs_no_failure() -> None:
    served = 0

    async def one_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await request_of(reader)
        writer.write(ACCEPTED)  # and closes, which it has not announced
        served += 1

    async def work(client: HttpClient) -> None:
        for _ in range(5):
            assert (await client.post({}, b"")).status == 202

    run_loop(with_server(one_each, work))
    assert served == 5


def test_a_request_that_the_other_side_cannot_bear_is_not_sent_on_every_kept_connection() -> None:
    fatal = 0

    async def fragile(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal fatal
        while True:
            _, body = await request_of(reader)
            if body == b"fatal":
                fatal += 1
                return
            await asyncio.sleep(0.01)
            writer.write(ACCEPTED)

    async def work(client: HttpClient) -> None:
        await asyncio.gather(*(client.post({}, b"") for _ in range(8)))
        with pytest.raises(HttpTransportError):
            await client.post({}, b"fatal")

    run_loop(with_server(fragile, work))
    assert fatal == 2


def test_a_request_whose_answer_was_begun_and_broken_off_is_not_sent_again_at_once() -> None:
    served: list[bytes] = []

    async def breaking_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        body = b"first"
        while body == b"first":
            _, body = await request_of(reader)
            served.append(body)
            writer.write(ACCEPTED if body == b"first" else b"HTTP/1.1 2")

    async def work(client: HttpClient) -> None:
        await client.post({}, b"first")
        with pytest.raises(HttpTransportError, match="without an answer"):
            await client.post({}, b"second")

    run_loop(with_server(breaking_off, work))
    assert served == [b"first", b"second"]


def test_a_request_that_was_given_up_leaves_its_answer_to_nobody() -> None:
    async def slow_then_quick(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await request_of(reader)
            if body == b"slow":
                await asyncio.sleep(0.05)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async def work(client: HttpClient) -> None:
        await client.post({}, b"first")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.post({}, b"slow"), 0.01)
        assert (await client.post({}, b"quick")).body == b"quick"

    run_loop(with_server(slow_then_quick, work))


def test_what_nobody_has_asked_for_is_not_taken_for_an_answer() -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await request_of(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await asyncio.sleep(0)
            writer.write(b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n")

    async def work(client: HttpClient) -> None:
        for body in (b"1", b"2", b"3"):
            assert (await client.post({}, body)).body == body
            await asyncio.sleep(0.02)

    run_loop(with_server(talkative, work))


def test_of_two_answers_to_one_request_the_first_counts_and_the_second_is_nobodys() -> None:
    two = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n" + ACCEPTED

    async def twice(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            _, body = await request_of(reader)
            writer.write(two if body == b"first" else ACCEPTED)

    async def work(client: HttpClient) -> None:
        assert (await client.post({}, b"first")).status == 500
        both = await asyncio.wait_for(asyncio.gather(client.post({}, b"a"), client.post({}, b"b")), 5)
        assert [answer.status for answer in both] == [202, 202]

    run_loop(with_server(twice, work))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux's")
def test_a_server_that_has_vanished_is_noticed_by_the_kernel_before_the_answer_is_due() -> None:
    async def work(client: HttpClient) -> None:
        await client.post({}, b"")
        (only,) = client._all
        kept = only._transport.get_extra_info("socket")
        assert kept.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 15
        assert kept.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 45_000

    run_loop(with_server(answering(ACCEPTED, ACCEPTED), work))


@pytest.mark.parametrize("kept", [False, True])
def test_the_fence_is_asked_when_a_connection_stands_and_before_a_stale_request_goes_out_again(kept: bool) -> None:
    served: list[bytes] = []
    asked: list[bool] = []

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append((await request_of(reader))[1])
        writer.write(ACCEPTED)
        await reader.readexactly(1)  # the beginning of another request: this hangs up on it

    def allowed() -> None:
        if len(asked) == (2 if kept else 0):
            raise PermissionError
        asked.append(True)

    async def work(client: HttpClient) -> None:
        if kept:
            await client.post({}, b"1", fence=allowed)
        with pytest.raises(PermissionError):
            await client.post({}, b"2", fence=allowed)
        await asyncio.sleep(0.01)
        assert not client._idle
        assert not client._all

    run_loop(with_server(once, work))
    assert served == ([b"1"] if kept else [])


def test_no_answer_in_time_is_a_failure_and_half_of_a_body_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "BODY_TIMEOUT", 0.05)

    async def unfinished(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, body = await request_of(reader)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nhalf" if body else b"")
        await asyncio.sleep(5)

    async def work(client: HttpClient) -> None:
        assert (await client.post({}, b"x")).body == b"half"
        with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
            await client.post({}, b"")

    run_loop(with_server(unfinished, work, seconds=0.2))


def test_what_is_sent_is_a_request_to_exactly_that_address() -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await request_of(reader))[0])
        writer.write(ACCEPTED)

    async def work(client: HttpClient) -> None:
        await client.post({"ce-id": "1", "content-type": "application/json"}, b"{}")

    run_loop(with_server(note, work))
    lines = heads[0].decode().split("\r\n")
    assert lines[0] == "POST /path?q=1 HTTP/1.1"
    assert {"ce-id: 1", "content-type: application/json", "content-length: 2"} < set(lines)
    assert lines[1].startswith("host: 127.0.0.1:")


@pytest.mark.parametrize("value", ["a\nb: c", "a\r\n\r\nPOST /", "a\rb"])
def test_no_header_can_smuggle_another(value: str) -> None:
    async def work(client: HttpClient) -> None:
        with pytest.raises(HttpTransportError, match="line break"):
            await client.post({"content-type": value}, b"")

    run_loop(with_server(answering(ACCEPTED), work))


def test_the_host_of_an_address_is_sent_as_it_stands_there() -> None:
    assert "host: host\r\n" in HttpClient(URL("http://user:pass@host/"), None, 1)._head
    assert "host: [::1]:81\r\n" in HttpClient(URL("http://[::1]:81/"), None, 1)._head
    assert "host: host\r\n" in HttpClient(URL("https://host/"), None, 1)._head


def test_a_proxy_gets_the_whole_address() -> None:
    heads: list[bytes] = []

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append((await request_of(reader))[0])
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok")
        writer.close()

    async def through() -> HttpResponse:
        async with await asyncio.start_server(note, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            client = ProxiedClient(
                URL("http://sink.invalid/path"), Proxy(f"http://127.0.0.1:{port}", "HTTP_PROXY"), None, 5.0
            )
            try:
                return await client.post({"ce-id": "1"}, b"{}")
            finally:
                await client.close()

    answer = run_loop(through())
    assert (answer.status, answer.body) == (202, b"ok")
    assert heads[0].startswith(b"POST http://sink.invalid/path HTTP/1.1\r\n")


def test_a_proxy_that_is_not_there_is_a_failure_of_the_sink() -> None:
    async def through(port: int) -> None:
        client = ProxiedClient(URL("http://sink.invalid/"), Proxy(f"http://127.0.0.1:{port}", "HTTP_PROXY"), None, 5.0)
        try:
            await client.post({}, b"")
        finally:
            await client.close()

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            run_loop(through(taken.getsockname()[1]))


class TwoAddresses(uvloop.Loop):
    """A sink's name has two addresses, of which it is at the second."""

    async def getaddrinfo(self, host: Any, port: Any, **more: Any) -> Any:
        if host != "sink":
            return await super().getaddrinfo(host, port, **more)
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (each, port)) for each in ("127.0.0.2", "127.0.0.1")]


@pytest.mark.parametrize("first", ["refuses", "is silent"])
def test_a_sinks_other_address_is_tried_if_one_does_not_answer(first: str) -> None:
    served = socket.create_server(("127.0.0.1", 0))
    port = served.getsockname()[1]
    silent, *waiting = [socket.socket() for _ in range(3)]
    if first == "is silent":  # as whoever connects beyond the backlog finds it
        silent.bind(("127.0.0.2", port))
        silent.listen(0)
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(("127.0.0.2", port))

    async def post() -> int:
        async with await asyncio.start_server(answering_once, sock=served):
            client = HttpClient(URL(f"http://sink:{port}/"), None, 5.0)
            answer = await client.post({}, b"")
            await client.close()
            return answer.status

    with asyncio.Runner(loop_factory=TwoAddresses) as runner:
        assert runner.run(post()) == 202
    for each in (silent, *waiting):
        each.close()


async def answering_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await answering(ACCEPTED)(reader, writer)
    writer.close()
