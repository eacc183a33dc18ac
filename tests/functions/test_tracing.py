"""The trace: what pytag's spans continue, what they say, and that they reach a collector."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id
from starlette.responses import Response

from bench.calls import calls
from bench.function_spans import handle
from tests.support.pytag import RestVcenter, binary, pytag
from vcenter_functions.cloudevent import read_event
from vcenter_functions.otel.sdk import is_exported
from vcenter_functions.tracing import Tracing, create_provider

TRACE = "0af7651916cd43dd8448eb211c80319c"
OTHER = "4bf92f3577b34da6a3ce929d0e0e4736"
ROOT, SEND = "00f067aa0ba902b7", "b7ad6b7169203331"
BROKEN = "00-0-0-01"


def parent(trace: str = TRACE, span: str = SEND) -> str:
    return f"00-{trace}-{span}-01"


@pytest.fixture(scope="module")
def recorded(module_vcenter: RestVcenter) -> Iterator[tuple[httpx.Client, InMemorySpanExporter]]:
    """One pytag, and what it records, for the tests that look at an event's own span alone."""
    exporter = InMemorySpanExporter()
    with pytag(module_vcenter.base, recording(exporter)) as client:
        yield client, exporter


def recording(exporter: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return Tracing("pytag", provider)


def spans_of(vcenter: RestVcenter, *requests: dict[str, Any], **given: str) -> list[ReadableSpan]:
    """What was recorded while these requests were handled."""
    exporter = InMemorySpanExporter()
    with pytag(vcenter.base, recording(exporter), **given) as client:
        for request in requests:
            client.post("/", **request)
    return list(exporter.get_finished_spans())


def tree(spans: list[ReadableSpan]) -> list[str]:
    """The spans as an indented list, in the order in which they started."""
    by_id = {span.context.span_id: span for span in spans}

    def depth(span: ReadableSpan) -> int:
        above = by_id.get(span.parent.span_id) if span.parent else None
        return 0 if above is None else 1 + depth(above)

    return ["  " * depth(span) + span.name for span in sorted(spans, key=lambda span: span.start_time or 0)]


def event_span(spans: list[ReadableSpan]) -> ReadableSpan:
    (found,) = [span for span in spans if span.kind is SpanKind.CONSUMER]
    return found


def test_one_event_is_one_tree(vcenter: RestVcenter) -> None:
    vcenter.tag()
    spans = spans_of(vcenter, {"headers": binary(traceparent=parent())})
    assert tree(spans) == [
        "CloudEvents Process com.vmware.event.resourcepool.created",
        "  tag",
        "    find tag",
        "      POST",
        "      GET",
        "      GET",
        "      POST",
        "      GET",
        "    attach tag",
        "      POST",
    ]
    assert {format_trace_id(span.context.trace_id) for span in spans} == {TRACE}


def test_the_spans_say_what_was_done(vcenter: RestVcenter) -> None:
    vcenter.tag()
    spans = {span.name: span for span in spans_of(vcenter, {"headers": binary()})}
    assert dict(event_span(list(spans.values())).attributes or {}) == {
        "cloudevents.event_id": "42",
        "cloudevents.event_source": "https://vcenter.test/sdk",
        "cloudevents.event_spec_version": "1.0",
        "cloudevents.event_subject": "ResourcePool:resgroup-9",
        "cloudevents.event_type": "com.vmware.event.resourcepool.created",
        "messaging.system": "knative",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.message.id": "42",
    }
    assert dict(spans["find tag"].attributes or {}) == {
        "cloudevents.event_id": "42",
        "vsphere.tag": "owner/pytag",
        "vsphere.tag.cached": False,
    }
    assert dict(spans["attach tag"].attributes or {}) == {
        "cloudevents.event_id": "42",
        "vsphere.tag": "owner/pytag",
        "vsphere.object.type": "ResourcePool",
        "vsphere.object.id": "resgroup-9",
    }
    call = dict(spans["POST"].attributes or {})
    assert spans["POST"].kind is SpanKind.CLIENT
    assert str(call.pop("url.full")).startswith(vcenter.base)
    assert call == {
        "cloudevents.event_id": "42",
        "http.request.method": "POST",
        "http.response.status_code": 204,
        "server.address": "127.0.0.1",
        "server.port": int(vcenter.base.rpartition(":")[2]),
    }


def test_detaching_has_a_name_of_its_own_and_a_second_event_finds_the_tag_at_once(vcenter: RestVcenter) -> None:
    vcenter.tag()
    spans = spans_of(vcenter, {"headers": binary()}, {"headers": binary()}, TAG_ACTION="detach")
    assert tree(spans)[-5:] == [
        "CloudEvents Process com.vmware.event.resourcepool.created",
        "  tag",
        "    find tag",
        "    detach tag",
        "      POST",
    ]
    cached = [(span.attributes or {})["vsphere.tag.cached"] for span in spans if span.name == "find tag"]
    assert cached == [False, True]


def test_each_span_of_an_event_carries_its_id(vcenter: RestVcenter) -> None:
    vcenter.tag()
    exporter = InMemorySpanExporter()
    with pytag(vcenter.base, recording(exporter)) as client, ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda n: client.post("/", headers=binary(ce_id=f"event-{n}")), range(8)))
        assert client.get("/readyz").status_code == 200
    spans = exporter.get_finished_spans()
    ids = {span.context.trace_id: event_id(span) for span in spans if span.kind is SpanKind.CONSUMER}
    assert set(ids.values()) == {f"event-{n}" for n in range(8)}
    assert all(event_id(span) == ids.get(span.context.trace_id) for span in spans)


def test_what_belongs_to_no_event_begins_no_trace(vcenter: RestVcenter) -> None:
    exporter = InMemorySpanExporter()
    with pytag(vcenter.base, recording(exporter)) as client:
        for _ in range(3):
            assert client.get("/readyz").status_code == 200
            vcenter.vcenter.sessions.close_all()  # the next one logs in again
    assert vcenter.calls("/api/session") > 5
    assert not exporter.get_finished_spans()
    assert not [request for request in vcenter.requests if "traceparent" in request.headers]


def event_id(span: ReadableSpan) -> Any:
    return (span.attributes or {}).get("cloudevents.event_id")


@pytest.mark.parametrize(
    ("headers", "continued", "linked"),
    [
        ({"traceparent": parent()}, (TRACE, SEND), None),
        ({"ce_traceparent": parent(span=ROOT)}, (TRACE, ROOT), None),
        ({"traceparent": parent(), "ce_traceparent": parent()}, (TRACE, SEND), None),
        ({"traceparent": parent(), "ce_traceparent": parent(span=ROOT)}, (TRACE, SEND), (TRACE, ROOT)),
        ({"traceparent": parent(), "ce_traceparent": parent(OTHER, ROOT)}, (TRACE, SEND), (OTHER, ROOT)),
        ({"traceparent": BROKEN, "ce_traceparent": parent(span=ROOT)}, (TRACE, ROOT), None),
        ({"traceparent": parent(), "ce_traceparent": BROKEN}, (TRACE, SEND), None),
        ({"traceparent": BROKEN, "ce_traceparent": BROKEN}, None, None),
        ({}, None, None),
    ],
)
def test_the_header_is_continued_and_the_extension_linked(
    recorded: tuple[httpx.Client, InMemorySpanExporter],
    headers: dict[str, str],
    continued: tuple[str, str] | None,
    linked: tuple[str, str] | None,
) -> None:
    client, exporter = recorded
    exporter.clear()
    client.post("/", headers=binary(**headers))
    span = event_span(list(exporter.get_finished_spans()))
    above = span.parent and (format_trace_id(span.parent.trace_id), format_span_id(span.parent.span_id))
    links = [(format_trace_id(x.context.trace_id), format_span_id(x.context.span_id)) for x in span.links]
    assert above == continued
    assert links == ([linked] if linked else [])


def test_a_structured_events_extension_is_continued_with_its_state(vcenter: RestVcenter) -> None:
    body = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "traceparent": parent(), "tracestate": "a=b"}
    headers = {"content-type": "application/cloudevents+json"}
    span = event_span(spans_of(vcenter, {"headers": headers, "content": json.dumps(body)}))
    assert span.parent is not None
    assert (format_span_id(span.parent.span_id), dict(span.parent.trace_state)) == (SEND, {"a": "b"})


@pytest.mark.parametrize("recording", [True, False])
def test_the_trace_goes_on_into_vcenter(vcenter: RestVcenter, *, recording: bool) -> None:
    vcenter.tag()
    headers = binary(traceparent=parent(), tracestate="a=b")
    if recording:
        spans = {span.context.span_id: span for span in spans_of(vcenter, {"headers": headers})}
    else:
        with pytag(vcenter.base) as client:
            client.post("/", headers=headers)
    assert "traceparent" not in vcenter.requests[-1].headers, "the log-out belongs to no event"
    for request in vcenter.requests[:-1]:
        _, trace, span, _ = request.headers["traceparent"].split("-")
        assert trace == TRACE
        assert request.headers["tracestate"] == "a=b"
        assert spans[int(span, 16)].name == request.method if recording else span == SEND


@pytest.mark.parametrize(("came", "sampled"), [("03", "01"), ("02", "00"), (None, "01")])
def test_of_the_flags_only_sampled_goes_out(vcenter: RestVcenter, came: str | None, sampled: str) -> None:
    vcenter.tag()
    headers = binary(traceparent=f"00-{TRACE}-{SEND}-{came}") if came else binary()
    spans_of(vcenter, {"headers": headers})  # the SDK begins traces with the flags 03
    with pytag(vcenter.base) as client:
        client.post("/", headers=headers)
    sent = [request.headers["traceparent"] for request in vcenter.requests if "traceparent" in request.headers]
    assert {flags for *_, flags in (one.split("-") for one in sent)} <= {"00", "01"}
    assert {one.rpartition("-")[2] for one in sent if TRACE in one or not came} == {sampled}


def test_what_the_sampler_refuses_costs_next_to_nothing() -> None:
    received = read_event(headers := binary(traceparent=f"00-{TRACE}-{SEND}-00"), b""), headers

    def count_calls(tracing: Tracing, requests: int) -> int:
        handle(tracing, received, requests)
        return calls(lambda: handle(tracing, received, requests))

    exporter = InMemorySpanExporter()
    untraced, refused = Tracing("pytag"), recording(exporter)
    assert count_calls(refused, 0) < 150
    for tracing in (untraced, refused):
        assert count_calls(tracing, 10) - count_calls(tracing, 0) < 10 * 30
    assert not exporter.get_finished_spans()


def test_a_failure_is_on_its_spans(vcenter: RestVcenter) -> None:
    vcenter.tag()
    vcenter.answers.append(("/tag-association", Response(status_code=503)))
    spans = spans_of(vcenter, {"headers": binary()})
    failed = [span for span in spans if span.status.status_code is StatusCode.ERROR]
    kinds = [(span.name, (span.attributes or {})["error.type"]) for span in failed]
    assert kinds == [
        ("POST", "503"),
        ("attach tag", "VcenterUnavailableError"),
        ("tag", "VcenterUnavailableError"),
        ("CloudEvents Process com.vmware.event.resourcepool.created", "VcenterUnavailableError"),
    ]
    assert "vCenter is not ready" in str(event_span(spans).status.description)


def test_no_secret_is_on_a_span(vcenter: RestVcenter) -> None:
    vcenter.tag()
    url = vcenter.base.replace("http://", "http://administrator%40vsphere.local:VMware1!@")
    spans = spans_of(vcenter, {"headers": binary()}, VCENTER_URL=url, VCENTER_USERNAME="", VCENTER_PASSWORD="")
    told = "".join(span.to_json() for span in spans)
    tokens = {r.headers.get("vmware-api-session-id") for r in vcenter.requests} - {None}
    assert tokens
    assert not [secret for secret in ("VMware1!", "administrator", *tokens) if str(secret) in told]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_spans_are_exported_only_where_there_is_a_collector(environment: dict[str, str], *, expected: bool) -> None:
    assert is_exported(environment) is expected
    if not expected:
        assert create_provider("pytag", environment) is None


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, "pytag"),
        ({"OTEL_SERVICE_NAME": "tagger"}, "tagger"),
        ({"OTEL_RESOURCE_ATTRIBUTES": "service.name=tagger"}, "tagger"),
    ],
)
def test_the_service_has_a_name(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], name: str) -> None:
    for key, value in ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"} | environment).items():
        monkeypatch.setenv(key, value)
    provider = create_provider("pytag")
    assert provider is not None
    assert provider.resource.attributes["service.name"] == name
    provider.shutdown()
