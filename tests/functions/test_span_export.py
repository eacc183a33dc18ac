"""A function's spans on their way to a receiver: also those that its handlers make by OpenTelemetry's API."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from opentelemetry import context
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from tests.support.kit import IMPORTS, kit_process, load_text, post, serve_handlers
from tests.support.loopback import Client
from tests.support.otlp_collector import collector
from tests.support.waiting import eventually
from vcenter_functions.otel.export import Batching, Exporter
from vcenter_functions.otel.receiver import OtlpSession
from vcenter_functions.tracing import Tracing, create_provider

OWN_SPANS = """
from opentelemetry import trace

tracer = trace.get_tracer("mine", "7")


@on()
async def first(event: Event) -> None:
    trace.get_current_span().set_attribute("mine", event.id)
    with tracer.start_as_current_span("awaited"):
        pass


@on()
def second(event: Event) -> None:
    with tracer.start_as_current_span("in a thread"):
        pass
"""


def test_spans_that_a_handler_makes_are_in_the_trace(tmp_path: Path) -> None:
    file = tmp_path / "handler.py"
    file.write_text(IMPORTS + OWN_SPANS)
    with collector() as receiver:
        with (
            kit_process(file, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SERVICE_NAME="f") as (running, url),
            Client(base_url=url, trust_env=False) as client,
        ):
            assert post(client).status_code == 204
            running.terminate()
            assert running.wait(10) == 0
        spans = {span.name: span for span in receiver.spans()}
        assert spans["awaited"].parent_span_id == spans["first"].span_id
        assert spans["in a thread"].parent_span_id == spans["second"].span_id
        assert "mine" in {attribute.key for attribute in spans["first"].attributes}
        assert len({span.trace_id for span in spans.values()}) == 1
        (process,) = ExportTraceServiceRequest.FromString(receiver.bodies[0]).resource_spans
        assert [(each.scope.version, len(each.spans)) for each in process.scope_spans if each.scope.name == "mine"] == [
            ("7", 2)
        ]


@contextmanager
def unwilling(kind: str) -> Iterator[str]:
    """A receiver that is away, takes connections but never answers, or answers with a status."""
    if kind.isdigit():
        with collector(int(kind)) as receiver:
            yield receiver.url
        return
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        if kind == "silent":
            yield url
    if kind == "away":
        yield url


@pytest.mark.parametrize("kind", ["away", "silent", "429", "503"])
def test_an_unwilling_receiver_costs_a_function_nothing_and_memory_a_bound(kind: str, tmp_path: Path) -> None:
    registry = load_text(tmp_path, "@on()\nasync def run(event: Event) -> None: ...")
    with unwilling(kind) as url, capture_logs() as lines:
        provider = create_provider(
            "f",
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": url,
                "OTEL_BSP_MAX_QUEUE_SIZE": "20",
                "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "5",
            },
        )
        assert provider is not None
        with serve_handlers(registry, tracing=Tracing("f", provider)) as client:
            slowest = 0.0
            for _ in range(40):
                started = time.monotonic()
                assert post(client).status_code == 204
                slowest = max(slowest, time.monotonic() - started)
            metrics = client.get("/metrics").text
        dropped = int(metrics.rpartition("vcenter_function_spans_dropped_total ")[2])
        assert 80 - 20 - 5 <= dropped <= 80
        assert provider.exporter.losses.total >= 80 - 5, "all but what is under way"
    assert slowest < 1
    assert len([line for line in lines if line["event"] == "spans are dropped"]) == 1


def test_the_request_with_spans_has_no_span(monkeypatch: pytest.MonkeyPatch) -> None:
    suppressed: list[tuple[object, object]] = []
    post_before = OtlpSession.request

    def request(*given: object, **more: object) -> object:
        suppressed.append((given[2], context.get_value(context._SUPPRESS_INSTRUMENTATION_KEY)))
        return post_before(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(OtlpSession, "request", request)
    with collector() as receiver:
        provider = create_provider("f", {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url})
        assert provider is not None
        provider.get_tracer("t").start_span("s").end()
        assert provider.force_flush(10_000)
        assert [span.name for span in receiver.spans()] == ["s"]
        provider.shutdown()
        assert not provider.force_flush(10_000), "there is nobody left to send anything"
    ours = [value for address, value in suppressed if address == f"{receiver.url}/v1/traces"]
    assert ours == [True], "an earlier test's exporter may still be trying"


def test_a_flush_that_comes_just_before_the_end_does_not_wait_for_its_timeout() -> None:
    sending, release = threading.Event(), threading.Event()

    class SlowSender:
        def send(self, spans: Sequence[str], seconds: float, stop: threading.Event) -> str:
            sending.set()
            release.wait(10)
            return ""

        def close(self) -> None: ...

    exporter = Exporter[str](SlowSender(), Batching())
    exporter.start()
    exporter.put("span")
    with ThreadPoolExecutor() as threads:
        first = threads.submit(exporter.flush, 10)
        assert sending.wait(10)
        late = threads.submit(exporter.flush, 2)
        eventually(lambda: len(exporter._flushes) == 2)
        closing = threads.submit(exporter.close)
        eventually(exporter._stop.is_set)
        release.set()
        closing.result(10)
        assert (first.result(10), late.result(10)) == (True, True)
