"""The demo's OTLP receiver, fed by the real exporter and by a Broker process, and handing spans on to another one."""

import gzip
import time
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http import Compression

from tests.support import loopback
from tests.support.demo_broker import EVENT, MANIFESTS, TRACEPARENT, broker, subscriber
from tests.support.span_export import export_spans
from tests.support.waiting import eventually
from vcenter_functions.otel.span_receiver import Receiver, forwarder

TRACE_ID = TRACEPARENT.split("-")[1]


@pytest.mark.parametrize("compression", [Compression.NoCompression, Compression.Gzip])
def test_spans_arrive_as_they_were_exported(compression: Compression) -> None:
    with Receiver() as receiver:
        child, parent = receiver.trace(export_spans(receiver, compression))
    assert (parent.name, parent.service, parent.parent_id, parent.failed) == ("parent", "pytag", "", False)
    assert parent.attributes == {"n": 3}
    assert (child.parent_id, child.failed, child.label) == (parent.span_id, True, "GET /api/session")
    assert parent.start <= child.start <= child.end <= parent.end
    assert abs(child.end / 1e9 - time.time()) < 30


@pytest.mark.parametrize(
    ("path", "headers", "body", "status"),
    [
        ("/v1/traces", {}, b"", 200),
        ("/v1/traces", {}, b"\xff\xff\xff", 400),
        ("/v1/traces", {"content-encoding": "gzip"}, b"plain", 400),
        ("/v1/traces", {"content-encoding": "gzip"}, gzip.compress(b"", mtime=0)[:-4], 400),
        ("/v1/traces", {"content-encoding": "br"}, b"", 400),
        ("/v1/metrics", {}, b"", 404),
    ],
)
def test_what_is_no_export_request_is_refused(path: str, headers: dict[str, str], body: bytes, status: int) -> None:
    with Receiver() as receiver:
        answer = loopback.post(receiver.url + path, headers=headers, content=body)
        assert (answer.status_code, answer.content) == (status, b"")


def test_only_the_newest_spans_are_kept() -> None:
    with Receiver(keep=1) as receiver:
        assert [span.name for span in receiver.trace(export_spans(receiver, Compression.NoCompression))] == ["parent"]


def test_spans_are_handed_on_to_the_users_endpoint() -> None:
    complaints: list[str] = []
    with Receiver() as users:
        forward = forwarder(complaints.append, {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{users.url}/"})
        with Receiver(forward) as receiver:
            trace_id = export_spans(receiver, Compression.Gzip)
        assert [span.name for span in users.trace(trace_id)] == ["GET", "parent"]
    assert not complaints


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense", "{users}/elsewhere"])
def test_an_endpoint_that_cannot_be_reached_costs_one_line_and_no_span(endpoint: str) -> None:
    complaints: list[str] = []
    with Receiver() as users:
        url = endpoint.format(users=users.url)
        forward = forwarder(complaints.append, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": url})
        with Receiver(forward) as receiver:
            assert len(receiver.trace(export_spans(receiver, Compression.NoCompression))) == 2
    (complaint,) = complaints
    assert complaint.startswith(f"the spans cannot be handed on to {url}: ")


def test_headers_for_the_users_endpoint_come_from_the_standard_variable() -> None:
    with subscriber() as users:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": users.url, "OTEL_EXPORTER_OTLP_HEADERS": "api-key=a%20b,x=1"}
        with Receiver(forwarder(print, environment)) as receiver:
            export_spans(receiver, Compression.NoCompression)
    headers, _ = users.received[0]
    assert (headers["api-key"], headers["x"], headers["content-type"]) == ("a b", "1", "application/x-protobuf")


def test_no_endpoint_no_forwarder() -> None:
    assert forwarder(print, {}) is None


def test_the_broker_continues_the_trace_and_hands_it_to_the_subscriber(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(MANIFESTS)
    with Receiver() as receiver, subscriber() as function:
        function.answers.append((503, {}, b"later"))
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_BSP_SCHEDULE_DELAY": "20"}
        with broker(tmp_path, "--subscriber", f"fn={function.url}", **settings) as url:
            loopback.post(url, headers={**EVENT, "traceparent": TRACEPARENT})
            eventually(lambda: len(receiver.trace(TRACE_ID)) == 2)
    ingress, trigger = sorted(receiver.trace(TRACE_ID), key=lambda span: span.start)
    assert (ingress.name, ingress.service, ingress.parent_id) == ("broker ingress", "broker", TRACEPARENT.split("-")[2])
    assert (trigger.name, trigger.service, trigger.parent_id) == ("trigger made", "broker", ingress.span_id)
    assert trigger.attributes["messaging.system"] == "knative"
    assert trigger.attributes["cloudevents.event_id"] == "17"
    assert (trigger.attributes["http.response.status_code"], trigger.attributes["http.request.resend_count"]) == (
        204,
        1,
    )
    assert [headers["traceparent"] for headers, _ in function.received] == [f"00-{TRACE_ID}-{trigger.span_id}-01"] * 2
