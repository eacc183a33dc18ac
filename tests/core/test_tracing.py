"""The adapter's part of the trace, as an OTLP receiver gets it from the running process."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from opentelemetry.trace import get_current_span

from demo.tracing import extract_context
from tests.support.processes import clean_environment, process, wait_for_line
from tests.support.recording_sink import Answer, recording_sink
from tests.support.simulator_control import LOGIN, post_events
from vcenter_functions.otel.sdk import is_exported
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_functions.otel.waterfall import Span
from vcenter_simulator.server import Simulator


def traced(simulator: Simulator, answers: list[Answer], **settings: str) -> tuple[dict[str, str], list[Span]]:
    """One event through the adapter: the headers of its last request, and the spans of its trace."""

    def answer(request: int) -> Answer:
        return answers[min(request, len(answers) - 1)]

    with Receiver() as receiver, recording_sink(answer) as sink:
        otel = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url} | settings
        with process("vcenter_source", "run", VCENTER_URL=simulator.url, K_SINK=sink.url, **otel, **LOGIN) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator)
            sink.take()
            adapter.terminate()
            adapter.communicate(timeout=20)
        headers = sink.requests[-1].headers
        return headers, receiver.trace(headers.get("traceparent", "-" * 3).split("-")[1])


def test_each_try_is_a_child_of_the_root_and_both_are_in_the_event(simulator: Simulator) -> None:
    headers, spans = traced(simulator, [(503, {"Retry-After": "0"}), (202, {})])
    root = next(span for span in spans if not span.parent_id)
    tries = sorted((span for span in spans if span.parent_id == root.span_id), key=lambda span: span.start)
    assert root.name == f"CloudEvents Create {headers['ce-type']}"
    assert [span.name for span in tries] == ["POST", "POST"]
    assert len(spans) == 3
    assert headers["ce-traceparent"].split("-")[1:3] == [root.trace_id, root.span_id]
    assert headers["traceparent"].split("-")[1:3] == [root.trace_id, tries[-1].span_id]
    assert {span.service for span in spans} == {"vcenter-source"}
    assert root.attributes["cloudevents.event_id"] == headers["ce-id"]
    assert root.attributes["cloudevents.event_subject"] == headers["ce-subject"]
    assert [span.attributes["http.response.status_code"] for span in tries] == [503, 202]
    assert tries[1].attributes["http.request.resend_count"] == 1
    assert not root.failed
    assert root.start <= tries[0].start
    assert root.end >= tries[1].end


def test_a_dead_letter_is_a_failure_of_the_whole_trace(simulator: Simulator, tmp_path: Path) -> None:
    with Receiver() as receiver, recording_sink(lambda _: (422, {})) as sink:
        settings = {"VCENTER_URL": simulator.url, "K_SINK": sink.url, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        settings["DEAD_LETTER_PATH"] = str(tmp_path)
        with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator)
            wait_for_line(adapter, "it is a dead letter now")
            adapter.terminate()
            adapter.communicate(timeout=20)
        spans = receiver.trace(sink.requests[0].headers["traceparent"].split("-")[1])
    root = next(span for span in spans if not span.parent_id)
    assert root.name.startswith("CloudEvents Create")
    assert (root.failed, root.attributes["error.type"]) == (True, "422")


@pytest.mark.parametrize(("sampler", "flags"), [("always_on", "01"), ("always_off", "00")])
def test_go_reads_what_goes_out(simulator: Simulator, sampler: str, flags: str) -> None:
    headers, _ = traced(simulator, [(202, {})], OTEL_TRACES_SAMPLER=sampler)
    for traceparent in (headers["traceparent"], headers["ce-traceparent"]):
        assert get_current_span(extract_context({"traceparent": traceparent})).get_span_context().is_valid
        assert traceparent.rpartition("-")[2] == flags


def test_the_service_can_be_named(simulator: Simulator) -> None:
    _, spans = traced(simulator, [(202, {})], OTEL_SERVICE_NAME="east")
    assert {span.service for span in spans} == {"east"}


@pytest.mark.parametrize(
    "off", [{"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}]
)
def test_no_trace_where_tracing_is_off(simulator: Simulator, off: dict[str, str]) -> None:
    headers, spans = traced(simulator, [(202, {})], **off)
    assert spans == []
    assert "traceparent" not in headers


def test_a_dead_receiver_delays_neither_events_nor_the_end(simulator: Simulator) -> None:
    begun = time.perf_counter()
    headers, _ = traced(simulator, [(202, {})], OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert headers["traceparent"]
    assert time.perf_counter() - begun < 10


def test_without_an_endpoint_the_sdk_is_not_even_loaded() -> None:
    code = """import sys, vcenter_source.commands.run, vcenter_source.core.tracing as t
with t.export_spans(): print('opentelemetry.sdk' in sys.modules)"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, env=clean_environment(), capture_output=True, text=True
    )
    assert (done.stdout.strip(), done.returncode) == ("False", 0)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://jaeger:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://jaeger:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_what_switches_tracing_on(environ: dict[str, str], expected: bool) -> None:
    assert is_exported(environ) is expected
