"""The HTTP sink over real connections, and the lines that ``--sink -`` prints."""

import asyncio
import os
import socket
import tempfile
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.support.dead_letters import powered_on
from tests.support.http_sink import http_sink
from tests.support.recording_sink import Answer, recording_sink
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, OutputClosedError, SinkAccessError, SinkUnavailableError
from vcenter_source.sinks import client as wire
from vcenter_source.sinks.responses import parse_retry_after
from vcenter_source.sinks.stdout import StdoutSink

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def send(url: str, count: int = 1, timeout: float = 5.0) -> None:
    async def all_of_them() -> None:
        async with http_sink(url, timeout=timeout) as sink:
            for n in range(count):
                await sink.send(Envelope(powered_on(str(n))))

    asyncio.run(all_of_them())


def test_an_event_arrives_in_binary_mode_as_it_was_sent() -> None:
    with recording_sink() as sink:
        send(sink.url)
        arrived = sink.take()
        headers = sink.requests[0].headers
    assert arrived.get_attributes() == powered_on("0").get_attributes()
    assert arrived.get_data() == powered_on().get_data()
    assert headers["content-type"] == "application/json"
    assert headers["ce-type"] == "com.vmware.event.vm.poweredon"
    assert headers["ce-time"] == "2026-01-31T08:00:00Z"


def test_one_connection_serves_many_events() -> None:
    with recording_sink() as sink:
        send(sink.url, count=20)
        assert (len(sink.requests), sink.connections) == (20, 1)


@pytest.mark.parametrize("status", [404, 408, 409, 425, 429, 500, 502, 503, 504])
def test_a_status_that_may_pass_is_retryable(status: int) -> None:
    with recording_sink(lambda _: (status, {})) as sink, pytest.raises(SinkUnavailableError, match=str(status)):
        send(sink.url)


@pytest.mark.parametrize("status", [400, 413, 422, 431, 418])
def test_what_an_event_can_be_the_reason_of_is_permanent(status: int) -> None:
    with recording_sink(lambda _: (status, {})) as sink:
        with pytest.raises(EventRefusedError, match=str(status)) as caught:
            send(sink.url)
        assert caught.value.status == status


@pytest.mark.parametrize("status", [300, 301, 307, 308, 399, 401, 403, 405, 407, 410, 415, 421])
def test_what_speaks_of_the_way_may_pass_and_a_redirect_is_not_followed(status: int) -> None:
    def answer(_: int) -> Answer:
        return status, {"Location": "/elsewhere", "Retry-After": "7"}

    with recording_sink(answer) as sink:
        with pytest.raises(SinkAccessError, match=str(status)) as caught:
            send(sink.url)
        assert (caught.value.status, caught.value.retry_after) == (status, 7.0)
        assert len(sink.requests) == 1


def test_retry_after_travels_with_the_failure() -> None:
    with recording_sink(lambda _: (429, {"Retry-After": "7"})) as sink:
        with pytest.raises(SinkUnavailableError) as caught:
            send(sink.url)
        assert caught.value.retry_after == 7.0


def test_a_sink_that_accepts_a_connection_and_no_tls_is_told_of_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "CONNECT_TIMEOUT", 0.05)
    told = pytest.raises(SinkUnavailableError, match=r"/: no connection within 0\.05 s$")
    with socket.create_server(("127.0.0.1", 0)) as silent, told:
        send(f"https://127.0.0.1:{silent.getsockname()[1]}/")


def test_a_sink_that_is_not_there_is_retryable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        with pytest.raises(SinkUnavailableError):
            send(f"http://127.0.0.1:{taken.getsockname()[1]}/")


def test_a_sink_that_never_answers_is_retryable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(SinkUnavailableError):
            send(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.1)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("Sat, 31 Jan 2026 08:00:30 GMT", 30.0),
        ("Sat, 31 Jan 2026 07:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Sat, 31 Jan 99999999999999999999 08:00:00 GMT", None),
        ("Sat, 31 Jan 2026 08:00:00 +99999999999999", None),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=30))
def test_any_retry_after_is_a_delay_or_nothing(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or seconds >= 0


@given(st.integers(946_684_800, 4_102_444_800).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_every_http_date_is_understood(date: datetime) -> None:
    text = date.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert parse_retry_after(text, NOW) == max(timedelta(0), date - NOW).total_seconds()


async def send_all(sink: StdoutSink, *events: CloudEvent) -> None:
    for event in events:
        await sink.send(Envelope(event))


def test_a_reader_that_pauses_blocks_neither_the_loop_nor_the_end() -> None:
    reading, writing = os.pipe()

    async def fill() -> None:
        many = [powered_on(str(n)) for n in range(1000)]  # more than a pipe holds
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(send_all(StdoutSink(writing), *many), 0.3)

    asyncio.run(fill())
    os.close(reading)  # the thread that writes gets EPIPE and finds that its loop is gone
    os.close(writing)


def test_a_reader_who_has_left_is_told_from_a_failure_that_may_pass() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(OutputClosedError):
        asyncio.run(send_all(StdoutSink(writing), powered_on()))
    os.close(writing)


def test_standard_output_gets_one_structured_event_a_line() -> None:
    with tempfile.TemporaryFile() as out:
        asyncio.run(send_all(StdoutSink(out.fileno()), powered_on()))
        out.seek(0)
        line = out.read().decode()
    assert line.count("\n") == 1
    printed = orjson.loads(line)
    assert printed["specversion"] == "1.0"
    assert printed["subject"] == "VirtualMachine:vm-1"
    assert printed["time"] == "2026-01-31T08:00:00Z"
    assert printed["data"] == {"key": 1, "fullFormattedMessage": "größer"}
