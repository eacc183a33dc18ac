"""Spans on their way: batches, what a receiver answers, and what is lost where it accepts none."""

import asyncio
import gzip
import socket
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from tests.support.otlp_collector import collector
from tests.support.threaded_server import QuietHandler, serve_http
from vcenter_functions.otel.export import Losses
from vcenter_functions.otel.otlp_http import read_retry_after
from vcenter_functions.otel.sdk import OtelSettingError
from vcenter_source.core.tracing.hold import HOLD_SHARE, MAX_HOLD, Hold
from vcenter_source.core.tracing.spans import CLIENT, Constants
from vcenter_source.core.tracing.tracer import Tracer, create_tracer

POST = Constants("POST", CLIENT)


@contextmanager
def tracer(url: str, **environ: str) -> Iterator[Tracer]:
    made = create_tracer("test", "1", {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **environ})
    made.exporter.start()
    try:
        yield made
    finally:
        made.exporter.close()


def end_spans(made: Tracer, count: int) -> None:
    for number in range(count):
        made.start_span(POST, {"n": number}).end()


def wait_until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_spans_go_out_in_batches_in_their_order() -> None:
    batching = {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "10", "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    with collector() as receiver:
        with tracer(receiver.url, **batching) as made:
            end_spans(made, 25)
        assert [span.attributes[0].value.int_value for span in receiver.spans()] == list(range(25))
        assert max(len(spans_in(body)) for body in receiver.bodies) == 10
        assert made.exporter.losses.total == 0


def spans_in(body: bytes) -> list[Any]:
    return list(ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans)


def test_a_few_spans_go_out_after_the_delay() -> None:
    with collector() as receiver, tracer(receiver.url, OTEL_BSP_SCHEDULE_DELAY="5") as made:
        end_spans(made, 1)
        assert receiver.came.wait(10)


@contextmanager
def answering(*statuses: int, **headers: str) -> Iterator[tuple[str, list[Any]]]:
    """A receiver that answers these, the last one again and again; yields its address and what came."""
    came: list[tuple[Any, bytes]] = []

    class Handler(QuietHandler):
        def do_POST(self: BaseHTTPRequestHandler) -> None:
            came.append((self.headers, self.read_body()))  # type: ignore[attr-defined]  # QuietHandler's
            status = statuses[min(len(came), len(statuses)) - 1]
            self.answer(status, headers={name.replace("_", "-"): value for name, value in headers.items()})  # type: ignore[attr-defined]

    with serve_http(Handler) as url:
        yield url, came


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int) -> None:
    with answering(status, 200, Retry_After="0") as (url, came), tracer(url, OTEL_BSP_SCHEDULE_DELAY="1") as made:
        end_spans(made, 1)
        wait_until(lambda: len(came) == 2)
    assert came[0][1] == came[1][1]
    assert made.exporter.losses.total == 0


@pytest.mark.parametrize(("status", "reason"), [(400, "answers 400 Bad Request"), (302, "redirected to https://x/")])
def test_what_is_refused_is_lost_and_counted(status: int, reason: str) -> None:
    counted: list[int] = []
    with capture_logs() as lines, answering(status, Location="https://me:secret@x/") as (url, came):
        with tracer(url) as made:
            made.exporter.losses.add_counter(counted.append)
            end_spans(made, 3)
        assert len(came) == 1
    assert (made.exporter.losses.total, sum(counted)) == (3, 3)
    (line,) = lines
    assert (line["event"], line["spans"]) == ("spans are dropped", 3)
    assert reason in line["reason"]
    assert f"{url}/v1/traces" in line["reason"]
    assert "secret" not in line["reason"]


def test_a_receiver_that_wants_too_much_patience_gets_no_second_try() -> None:
    with answering(503, Retry_After="60") as (url, came):
        with tracer(url) as made:
            end_spans(made, 1)
        assert len(came) == 1
    assert made.exporter.losses.total == 1


def test_a_receiver_that_is_away_costs_memory_and_time_a_bound() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"
    batching = {"OTEL_BSP_MAX_QUEUE_SIZE": "20", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5"}
    with tracer(url, **batching) as made:
        started = time.monotonic()
        end_spans(made, 1000)
        assert time.monotonic() - started < 1
        assert made.exporter.is_crowded
    assert made.exporter.losses.total == 1000
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("coding", "undo"), [("gzip", gzip.decompress), ("deflate", zlib.decompress), ("none", lambda body: body)]
)
def test_what_the_variables_say_is_in_the_request(coding: str, undo: Callable[[bytes], bytes]) -> None:
    environ = {"OTEL_EXPORTER_OTLP_COMPRESSION": coding, "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "api-key=a%20b,x=1"}
    with answering(200) as (url, came):
        with tracer(url, **environ) as made:
            end_spans(made, 2)
        headers, body = came[0]
    assert (headers["api-key"], headers["x"], headers["content-type"]) == ("a b", "1", "application/x-protobuf")
    assert headers.get("content-encoding", "none") == coding
    assert len(spans_in(undo(body))) == 2


@pytest.mark.parametrize(
    ("environ", "line"),
    [
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "0"}, "OTEL_BSP_MAX_QUEUE_SIZE: must be above 0"),
        (
            {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4096"},
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: must be at most OTEL_BSP_MAX_QUEUE_SIZE",
        ),
        (
            {"OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": "gone"},
            "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER: 'gone' is no installed plug-in that returns a session",
        ),
    ],
)
def test_a_wrong_value_is_one_line(environ: dict[str, str], line: str) -> None:
    with pytest.raises(OtelSettingError) as refused:
        create_tracer("test", "1", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **environ})
    assert str(refused.value) == line


class Clock:
    """A clock that goes on where somebody sleeps."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_reading_waits_a_second_and_then_only_a_share_of_the_time() -> None:
    clock = Clock()
    hold = Hold(clock, clock.sleep)

    def held(*, is_crowded: bool) -> float:
        started = clock.now
        asyncio.run(hold.wait_while(lambda: is_crowded))
        return clock.now - started

    assert held(is_crowded=False) == 0
    assert held(is_crowded=True) == pytest.approx(MAX_HOLD, abs=0.01)
    assert held(is_crowded=True) == pytest.approx(0, abs=0.01)
    clock.now += 4
    assert held(is_crowded=True) == pytest.approx(4 * HOLD_SHARE, abs=0.01)
    clock.now += 1000
    assert held(is_crowded=True) == pytest.approx(MAX_HOLD, abs=0.01)


def test_losses_are_logged_once_a_minute() -> None:
    clock = Clock()
    losses = Losses(clock)
    with capture_logs() as lines:
        for seconds in (0, 1, 30, 60, 61):
            clock.now = 100.0 + seconds
            losses.add(2, "why")
    assert [line["spans"] for line in lines] == [2, 6]
    counted: list[int] = []
    losses.add_counter(counted.append)
    assert (losses.total, counted) == (10, [10])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, 7), ("3", 3), ("-1", 0), ("soon", 7), ("Thu, 01 Jan 1970 00:00:00 GMT", 0)],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float) -> None:
    assert read_retry_after(value, 7) == seconds


def test_a_process_that_ends_does_not_wait_for_a_pause() -> None:
    with answering(503, Retry_After="8") as (url, came):
        with tracer(url, OTEL_BSP_SCHEDULE_DELAY="1") as made:
            end_spans(made, 1)
            wait_until(lambda: bool(came))
            started = time.monotonic()
        assert time.monotonic() - started < 2
