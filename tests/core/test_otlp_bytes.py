"""The bytes of our spans are those of OpenTelemetry's own encoder, over random spans."""

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, TraceState

from vcenter_functions.otel.otlp_bytes import SpanRequest
from vcenter_functions.otel.sdk_spans import SdkSpanRequest, create_scope, encode_sdk_span
from vcenter_source.core.tracing.spans import (
    USUAL_LIMITS,
    Constants,
    Limits,
    Moment,
    RecordedSpan,
    Span,
    encode_span,
)
from vcenter_source.core.tracing.tracer import read_limits

KINDS = {SpanKind.INTERNAL: 1, SpanKind.SERVER: 2, SpanKind.CLIENT: 3, SpanKind.PRODUCER: 4, SpanKind.CONSUMER: 5}

texts = st.text(st.characters(codec="utf-8"), max_size=150)
values = st.one_of(
    texts,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    st.floats(allow_nan=False),
    st.lists(texts, max_size=3).map(tuple),
)
times = st.integers(0, 2**63)
contexts = st.builds(
    lambda trace_id, span_id, state, remote: SpanContext(
        trace_id, span_id, remote, TraceFlags(1), TraceState([("a", "b"), ("c", "d")]) if state else None
    ),
    st.integers(1, 2**128 - 1),
    st.integers(1, 2**64 - 1),
    st.booleans(),
    st.booleans(),
)
limits = st.builds(
    Limits,
    *(st.one_of(st.none(), st.integers(0, 3)) for _ in range(6)),
)


def attributes(prefix: str, most: int = 4) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(texts.map(lambda text: prefix + text), values, max_size=most)


@st.composite
def spans(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "name": draw(texts),
        "kind": draw(st.sampled_from(list(KINDS))),
        "constant": draw(attributes("c")),
        "variable": draw(attributes("v")),
        "parent": draw(st.one_of(st.none(), contexts)),
        "links": draw(st.lists(contexts, max_size=4)),
        "events": draw(st.lists(st.tuples(texts, times, attributes("e")), max_size=4)),
        "error": draw(st.one_of(st.none(), texts)),
        "times": (draw(times), draw(times)),
    }


def convert_context(context: SpanContext) -> Span:
    state = context.trace_state.to_header() if context.trace_state else ""
    ids = context.trace_id.to_bytes(16), context.span_id.to_bytes(8)
    return Span(*ids, state, is_sampled=True, is_remote=context.is_remote)


def record_theirs(about: dict[str, Any], provider: TracerProvider) -> ReadableSpan:
    parent = about["parent"]
    span = provider.get_tracer("scope", "1.2").start_span(
        about["name"],
        trace.set_span_in_context(NonRecordingSpan(parent), Context()) if parent else Context(),
        about["kind"],
        about["constant"] | about["variable"],
        [Link(context) for context in about["links"]],
        start_time=about["times"][0],
    )
    for name, time, held in about["events"]:
        span.add_event(name, held, time)
    if about["error"] is not None:
        span.set_status(StatusCode.ERROR, about["error"])
    span.end(about["times"][1])
    assert isinstance(span, ReadableSpan)
    return span


def record_ours(about: dict[str, Any], theirs: ReadableSpan) -> RecordedSpan:
    assert theirs.context is not None
    context = convert_context(theirs.context)
    constants = Constants(about["name"], KINDS[about["kind"]], about["constant"])
    parent = convert_context(about["parent"]) if about["parent"] else None
    links = [convert_context(link) for link in about["links"]]
    span = RecordedSpan(context.trace_id, context.span_id, lambda _: None, constants, about["variable"], parent, links)
    span.moments = tuple(Moment(*event) for event in about["events"])
    span.error = about["error"]
    span.start_time, span.end_time = about["times"]
    return span


def compare(about: dict[str, Any], limit: Limits) -> None:
    resource = Resource({"service.name": "s", "n": 3, "of": ("a", "b")}, "https://schema")
    span_limits = SpanLimits(
        max_span_attributes=unset(limit.attributes),
        max_span_attribute_length=unset(limit.attribute_length),
        max_events=unset(limit.events),
        max_event_attributes=unset(limit.event_attributes),
        max_attribute_length=unset(limit.event_attribute_length),
        max_links=unset(limit.links),
    )
    provider = TracerProvider(resource=resource, span_limits=span_limits, shutdown_on_exit=False)
    theirs = record_theirs(about, provider)
    request = SpanRequest(dict(resource.attributes), "https://schema", "scope", "1.2")
    ours = request.encode([encode_span(record_ours(about, theirs), limit)])
    assert ExportTraceServiceRequest.FromString(ours) == encode_spans([theirs])


any_values = st.one_of(
    values, st.none(), st.binary(max_size=9), st.dictionaries(texts.map("k".__add__), values, max_size=2)
)


@settings(max_examples=40, deadline=None)
@given(about=spans(), more=st.dictionaries(texts.map("a".__add__), any_values, max_size=4), most=st.integers(0, 3))
def test_a_span_of_the_sdk_is_encoded_as_the_sdk_encodes_it(
    about: dict[str, Any], more: dict[str, Any], most: int
) -> None:
    limit = SpanLimits(max_span_attributes=most, max_events=most, max_links=most, max_link_attributes=most)
    resource = Resource({"service.name": "s"}, "https://schema")
    provider = TracerProvider(resource=resource, span_limits=limit, shutdown_on_exit=False)
    unlimited = TracerProvider(resource=resource, shutdown_on_exit=False)
    other = unlimited.get_tracer("other", "2", "https://schema/other", {"of": "scope"}).start_span("n", attributes=more)
    other.add_event("e", more)
    other.add_link(SpanContext(1, 2, is_remote=True), more)
    other.set_status(StatusCode.OK)
    other.end()
    assert isinstance(other, ReadableSpan)
    theirs = [record_theirs(about, provider), other, record_theirs(about, unlimited)]
    ours = SdkSpanRequest(resource).encode(
        [(create_scope(s.instrumentation_scope), encode_sdk_span(s)) for s in theirs]
    )
    assert ExportTraceServiceRequest.FromString(ours) == encode_spans(theirs)


def unset(limit: int | None) -> int:
    return SpanLimits.UNSET if limit is None else limit


@settings(max_examples=60, deadline=None)
@given(about=spans())
def test_a_span_is_encoded_as_the_sdk_encodes_it(about: dict[str, Any]) -> None:
    compare(about, USUAL_LIMITS)


@settings(max_examples=60, deadline=None)
@given(about=spans(), limit=limits)
def test_the_limits_of_a_span_are_the_sdks(about: dict[str, Any], limit: Limits) -> None:
    compare(about, limit)


def test_spans_stand_side_by_side_in_a_request() -> None:
    about: dict[str, Any] = {
        "constant": {},
        "variable": {},
        "parent": None,
        "links": [],
        "events": [],
        "error": None,
        "times": (1, 2),
    }
    provider = TracerProvider(shutdown_on_exit=False)
    theirs = [
        record_theirs({"name": "n" * size, "kind": SpanKind.CLIENT, **about}, provider) for size in (1, 100, 20_000)
    ]
    ours = [encode_span(record_ours({"name": span.name, "kind": SpanKind.CLIENT, **about}, span)) for span in theirs]
    parsed = ExportTraceServiceRequest.FromString(SpanRequest({}, "", "scope", "1.2").encode(ours))
    assert parsed.resource_spans[0].scope_spans[0] == encode_spans(theirs).resource_spans[0].scope_spans[0]


def test_a_text_that_is_no_unicode_loses_one_character() -> None:
    constants = Constants("n", 1, {"a": "x\udc80"})
    span = RecordedSpan(random.randbytes(16), b"12345678", lambda _: None, constants, {"b": "\udc80y"})
    (read,) = ExportTraceServiceRequest.FromString(
        SpanRequest({}, "", "", "").encode([encode_span(span)])
    ).resource_spans
    assert [pair.value.string_value for pair in read.scope_spans[0].spans[0].attributes] == ["x?", "?y"]


def test_the_usual_limits_are_the_sdks(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_limits({}) is USUAL_LIMITS
    monkeypatch.setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "128")
    assert read_limits({"OTEL_SPAN_LINK_COUNT_LIMIT": "128"}) == USUAL_LIMITS
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "9")
    assert read_limits({"OTEL_SPAN_LINK_COUNT_LIMIT": "128"}) == Limits(attribute_length=9, event_attribute_length=9)
