"""OpenTelemetry: the set-up by the standard OTEL_* variables, and the names and attributes of spans.

Attributes follow OpenTelemetry's semantic conventions for messaging, CloudEvents and HTTP. Each event has a trace of
its own: the root span ``CloudEvents Create <type>`` lasts from the reading of the event until the sink has acknowledged
it, and each try to send it is a child.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from typing import Literal
from urllib.parse import urlsplit

from cloudevents.core.v1.event import CloudEvent
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TraceFlags, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vcenter_functions.otel import sdk
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, SinkUnavailableError
from vcenter_source.core.event import Event

SERVICE_NAME = "vcenter-source"
"""Also the name of the distribution, whose version is sent with it."""

System = Literal["knative", "openfaas"]
"""The attribute messaging.system of the spans of requests."""

NO_PARENT = Context()
"""The context of a root span. Without it the library looks for a parent, which takes longer than all the rest."""


@cache
def get_tracer() -> Tracer:
    """Return the tracer of this project; it records nothing outside ``export_spans``.

    It is cached: creating a tracer takes longer than creating a span.
    """
    return trace.get_tracer(SERVICE_NAME, version(SERVICE_NAME))


def check_environment(environ: Mapping[str, str]) -> None:
    """Log the OTEL_* variables that are ignored. Raises ConfigurationError for a wrong value."""
    with map_otel_errors():
        sdk.check_variables(environ)


@contextmanager
def map_otel_errors() -> Iterator[None]:
    """Map a wrong OTEL_* variable to ConfigurationError."""
    try:
        yield
    except sdk.OtelSettingError as exc:
        raise ConfigurationError(str(exc)) from exc


@contextmanager
def export_spans() -> Iterator[None]:
    """Export spans while this lasts, if an OTLP endpoint is configured; otherwise the SDK is not even imported."""
    check_environment(os.environ)
    if not sdk.is_exported(os.environ):
        yield
        return
    with map_otel_errors():
        provider = sdk.create_tracer_provider(SERVICE_NAME)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        sdk.shut_down(provider.shutdown)


def start_root_span(event: Event, cloudevents_type: str) -> Span:
    """Start the root span of an event's trace."""
    span = get_tracer().start_span(f"CloudEvents Create {cloudevents_type}", NO_PARENT, SpanKind.PRODUCER)
    if span.is_recording():
        attributes: dict[str, str | int] = {
            "vsphere.event.class": event.class_name,
            "vsphere.event.key": event.key,
            "vsphere.event.created_time": event.created.isoformat(),
        }
        if event.subject is not None:
            attributes |= {"vsphere.object.type": event.subject.type, "vsphere.object.id": event.subject.value}
        span.set_attributes(attributes)
    return span


def set_event_attributes(span: Span, event: CloudEvent) -> None:
    """Set the attributes of the CloudEvent on its root span. Knative's own spans have no event id, so ours must."""
    if span.is_recording():
        attributes = event.get_attributes()
        named = {"id": "id", "source": "source", "spec_version": "specversion", "type": "type", "subject": "subject"}
        known = {f"cloudevents.event_{name}": attributes[key] for name, key in named.items() if key in attributes}
        span.set_attributes(known | messaging_attributes("create", attributes["id"]))


def messaging_attributes(
    operation: Literal["create", "send"], event_id: str | None = None, system: System = "knative"
) -> dict[str, str]:
    """Return the attributes that make a span one of messaging; the system is called as Knative's own spans call it."""
    about: dict[str, str] = {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    return about if event_id is None else {**about, "messaging.message.id": event_id}


def context_headers(span: Span) -> dict[str, str]:
    """Return ``traceparent`` and ``tracestate`` for this span; empty without a trace (W3C Trace Context).

    "sampled" is the only flag sent. The SDK sets "random" of level 2 as well; otel-go up to 1.41 (Knative 1.19 to 1.21)
    calls that header invalid and starts a trace of its own.
    """
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    flags = context.trace_flags & TraceFlags.SAMPLED
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"
    if not context.trace_state:
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": context.trace_state.to_header()}


def restore_span(event: CloudEvent) -> Span:
    """Return the root span of the event's trace, from the event's extensions; it may have ended long ago."""
    return trace.get_current_span(TraceContextTextMapPropagator().extract(event.get_attributes()))


@contextmanager
def start_resend_span(event: CloudEvent) -> Iterator[Span]:
    """Start a trace for an event that is sent once more, linked to the trace that it names, which may be long over.

    The event names the new trace from here on. Where no spans are exported, this is the event's own root span.
    """
    earlier = restore_span(event)
    context = earlier.get_span_context()
    links = [Link(context)] if context.is_valid else []
    name = f"CloudEvents Create {event.get_type()}"
    span = get_tracer().start_span(name, NO_PARENT, SpanKind.PRODUCER, links=links)
    if not span.is_recording():
        yield earlier
        return
    set_event_attributes(span, event)
    attributes = event.get_attributes()
    attributes.pop("tracestate", None)
    attributes.update(context_headers(span))
    try:
        yield span
    finally:
        span.end()


def start_process_span(event: CloudEvent, headers: Mapping[str, str]) -> Span:
    """Start the span of a received event: in the trace of the request, or if that has none, in the event's own."""
    event_context, request_context = extract_context(event.get_attributes()), extract_context(headers)
    origin = trace.get_current_span(event_context).get_span_context()
    sender = trace.get_current_span(request_context).get_span_context()
    links = [Link(origin)] if sender.is_valid and origin.is_valid and origin.span_id != sender.span_id else []
    parent = request_context if sender.is_valid else event_context
    span = get_tracer().start_span(f"CloudEvents Process {event.get_type()}", parent, SpanKind.CONSUMER, links=links)
    set_event_attributes(span, event)
    for name in ("name", "type"):
        span.set_attribute(f"messaging.operation.{name}", "process")
    return span


def extract_context(carrier: Mapping[str, str]) -> Context:
    """Return the trace context that ``traceparent`` and ``tracestate`` name; an empty one without them."""
    if "traceparent" not in carrier:
        return NO_PARENT
    fields = {name: carrier[name] for name in ("traceparent", "tracestate") if carrier.get(name) is not None}
    return TraceContextTextMapPropagator().extract(fields, Context())


def mark_failed(span: Span, failure: SinkUnavailableError | EventRefusedError) -> None:
    """Set what went wrong on a span."""
    error_type = type(failure.__cause__ or failure).__name__ if failure.status is None else str(failure.status)
    set_error(span, failure, error_type)


def set_error(span: Span, failure: Exception, error_type: str) -> None:
    """Set an error on a span."""
    span.set_status(StatusCode.ERROR, str(failure))
    span.set_attribute("error.type", error_type)


def mark_dead_letter(root: Span, why: SinkUnavailableError | EventRefusedError) -> None:
    """Mark the root span of an event that is a dead letter."""
    root.add_event("dead letter", {"reason": str(why)})
    mark_failed(root, why)


def is_sampled(span: Span) -> bool:
    """Whether the span's trace is recorded."""
    return span.get_span_context().trace_flags.sampled


def start_request_span(envelope: Envelope, address: str, system: System, attributes: Mapping[str, str]) -> Span:
    """Start the span of a request with one event, a child of the event's root span."""
    event_id = envelope.event.get_id()
    described = {
        **destination_attributes(address),
        **messaging_attributes("send", event_id, system),
        "cloudevents.event_id": event_id,
    }
    if envelope.attempt:
        described["http.request.resend_count"] = envelope.attempt
    return get_tracer().start_span(
        "POST", trace.set_span_in_context(envelope.span), SpanKind.CLIENT, {**described, **attributes}
    )


def start_batch_span(envelopes: Sequence[Envelope], address: str, system: System) -> Span | None:
    """Start the span of a request with several events, in a trace of its own; None if no event's trace is sampled.

    It is linked to the root span of each event. (OpenTelemetry's conventions for messaging spans: a batch has one span
    "send", and a link to each message's "create".) One event alone has the span in its own trace.
    """
    links = [Link(envelope.span.get_span_context()) for envelope in envelopes if is_sampled(envelope.span)]
    if not links:
        return None
    if len(envelopes) == 1:
        return start_request_span(envelopes[0], address, system, {})
    attributes = {**destination_attributes(address), **messaging_attributes("send", None, system)}
    attributes["messaging.batch.message_count"] = len(envelopes)
    return get_tracer().start_span("POST", NO_PARENT, SpanKind.CLIENT, attributes, links)


def end_request_span(span: Span, failure: BaseException | None) -> None:
    """End the span of a request; ``failure`` is None if the sink acknowledged."""
    if isinstance(failure, SinkUnavailableError | EventRefusedError):
        mark_failed(span, failure)
        if failure.status is not None:
            span.set_attribute("http.response.status_code", failure.status)
    span.end()


@lru_cache(maxsize=1024)
def destination_attributes(address: str) -> dict[str, str | int]:
    """Return the attributes of a span that say where a request goes."""
    parts = urlsplit(address)
    attributes: dict[str, str | int] = {
        "messaging.destination.name": parts.path or "/",
        "http.request.method": "POST",
        "url.full": parts._replace(query="").geturl(),
        "server.address": parts.hostname or "",
    }
    return attributes | ({"server.port": parts.port} if parts.port else {})
