"""What a hostile or broken client can send: nothing of it holds up the others, or stays for ever."""

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.datastructures import Headers

from tests.support import loopback
from tests.support.display import display
from tests.support.pytag import RestVcenter, binary, pytag, pytag_app, rest_vcenter, serve_app
from vcenter_functions import http_limits
from vcenter_functions.cloudevent import read_event


class Hasty(http_limits.LimitedProtocol):
    head_seconds = 0.3


@pytest.fixture(scope="module")
def vcenter() -> Iterator[RestVcenter]:
    with rest_vcenter() as made:
        made.tag()
        yield made


@pytest.fixture(scope="module")
def client(vcenter: RestVcenter) -> Iterator[httpx.Client]:
    with pytag(vcenter.base) as function:
        yield function


@pytest.fixture(scope="module")
def hasty(vcenter: RestVcenter) -> Iterator[str]:
    """The address of a pytag that waits for a head a moment only."""
    with serve_app(pytag_app(vcenter.base), **http_limits.uvicorn_options() | {"http": Hasty}) as url:
        yield url


@contextmanager
def connected(url: str | httpx.URL) -> Iterator[socket.socket]:
    port = httpx.URL(url).port
    assert port is not None
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        yield connection


def head(headers: int = 0, length: int = 0) -> bytes:
    """The head of an event with so many headers more, or one so much longer."""
    lines = [f"{name}: {value}" for name, value in {"host": "x", "content-length": "0", **binary()}.items()]
    lines += [f"x-{n}: 1" for n in range(headers)] + ([f"x: {'y' * length}"] if length else [])
    return ("POST / HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode()


def answer(connection: socket.socket) -> bytes:
    """All that comes until the other side closes."""
    got = b""
    try:
        while chunk := connection.recv(65536):
            got += chunk
    except ConnectionResetError:
        pass  # closed while we still sent
    return got


def sent(url: str | httpx.URL, request: bytes) -> bytes:
    with connected(url) as connection:
        with suppress(OSError):  # closed before all of it was taken
            connection.sendall(request)
        return answer(connection)


def test_forty_thousand_headers_hold_up_nobody(client: httpx.Client) -> None:
    began = time.monotonic()
    with ThreadPoolExecutor(4) as hostile:
        sending = [hostile.submit(sent, client.base_url, head(40_000)) for _ in range(4)]
        assert client.get("/healthz").status_code == 200
        assert all(each.result()[:12] in (b"", b"HTTP/1.1 400") for each in sending)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("more", [1000, http_limits.MAX_HEADERS])
def test_too_many_headers_are_refused_for_good(client: httpx.Client, more: int) -> None:
    got = sent(client.base_url, head(more))
    assert got.startswith(b"HTTP/1.1 431 ")
    assert b"connection: close" in got.lower()


def test_the_most_headers_allowed_are_taken(client: httpx.Client) -> None:
    usual = len(head().splitlines()) - 2
    with connected(client.base_url) as connection:
        connection.sendall(head(http_limits.MAX_HEADERS - usual))
        assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("length", [http_limits.MAX_HEAD_BYTES, 1024 * 1024])
def test_a_head_that_is_too_long_is_refused_for_good(client: httpx.Client, length: int) -> None:
    assert sent(client.base_url, head(length=length))[:12] in (b"", b"HTTP/1.1 400")
    assert client.get("/healthz").status_code == 200


def test_a_long_head_is_taken(client: httpx.Client) -> None:
    with connected(client.base_url) as connection:
        connection.sendall(head(length=40_000))
        assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")


@pytest.mark.parametrize("half", [b"", b"P", b"POST / HTTP/1.1\r\nhost: x\r\n"])
def test_a_head_that_does_not_come_closes_the_connection(hasty: str, half: bytes) -> None:
    with connected(hasty) as connection:
        connection.sendall(half)
        assert answer(connection) == b""


def test_so_does_one_that_comes_a_byte_at_a_time(hasty: str) -> None:
    with connected(hasty) as connection:
        began = time.monotonic()
        with suppress(OSError):  # a reset, or a broken pipe
            while time.monotonic() - began < 10:
                connection.sendall(b"x")
                time.sleep(0.02)
        assert time.monotonic() - began < 5


def test_so_does_one_after_a_request_that_was_answered(hasty: str) -> None:
    with connected(hasty) as connection:
        connection.sendall(head())
        assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")
        connection.sendall(b"POST / HTTP/1.1\r\n")
        assert answer(connection) == b""


def test_an_event_that_takes_longer_than_a_head_may_is_finished(vcenter: RestVcenter, hasty: str) -> None:
    vcenter.delay = 2 * Hasty.head_seconds
    try:
        with connected(hasty) as connection:
            connection.sendall(head())
            assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")
            connection.sendall(head())
            assert connection.recv(65536).startswith(b"HTTP/1.1 204 ")
    finally:
        vcenter.delay = 0


def test_events_one_after_another_on_one_connection_are_each_taken(client: httpx.Client) -> None:
    body = b'{"a":"' + b"x" * 100_000 + b'"}'
    one = head().replace(b"content-length: 0", b"content-length: %d" % len(body)) + body
    with connected(client.base_url) as connection:
        connection.sendall(one * 3)
        got = b""
        while got.count(b"HTTP/1.1 204 ") < 3:
            chunk = connection.recv(65536)
            assert chunk, got
            got += chunk


def test_reading_headers_takes_a_time_that_grows_as_they_do() -> None:
    raw = [(name.encode(), value.encode()) for name, value in binary().items()]
    many = Headers(raw=[*raw, *((b"x-%d" % n, b"1") for n in range(40_000)), (b"ce-id", b"second")])
    began = time.monotonic()
    event: Any = read_event(many, b"")
    assert time.monotonic() - began < 2
    assert event.get_id() == "42"


def test_the_display_of_dead_letters_has_the_same_limits() -> None:
    with display() as (url, _):
        assert sent(url, head(http_limits.MAX_HEADERS)).startswith(b"HTTP/1.1 431 ")
        too_much = loopback.post(url, headers=binary(), content=b" " * (8 * 1024 * 1024 + 1), trust_env=False)
        assert too_much.status_code == 413
