"""Tracing: the set-up by the standard OTEL_* variables, and the names and attributes of spans.

Attributes follow OpenTelemetry's semantic conventions for messaging, CloudEvents and HTTP. Each event has a trace of
its own: the root span ``CloudEvents Create <type>`` lasts from the reading of the event until the sink has acknowledged
it, and each try to send it is a child.

A span is not an object of OpenTelemetry's SDK, which would take half of an event's time: it is noted while it lasts
(``spans``) and written as OTLP's bytes when it ends (``otlp_bytes``), if the sampler (``sampling``) wants it at all.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.context import Context
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vcenter_functions.otel import sdk
from vcenter_functions.otel.variables import GrpcSupport, is_grpc_installed
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, SinkUnavailableError
from vcenter_source.core.event import Event
from vcenter_source.core.tracing.attributes import (
    EVENT_ATTRIBUTES,
    NAMES,
    System,
    messaging_attributes,
    prepare_request,
    prepare_root,
)
from vcenter_source.core.tracing.spans import CONSUMER, NO_SPAN, PRODUCER, Constants, RecordedSpan, Span
from vcenter_source.core.tracing.tracer import SpanListener, Tracer, create_tracer

if TYPE_CHECKING:
    from vcenter_functions.otel.otlp_bytes import Attribute
    from vcenter_source.core.envelope import Envelope

SERVICE_NAME = "vcenter-source"
"""Also the name of the distribution, whose version is sent with it."""

_tracer: Tracer | None = None
"""What makes spans; None while they are not exported."""


def check_environment(environ: Mapping[str, str]) -> None:
    """Log the OTEL_* variables that are ignored. Raises ConfigurationError for a wrong value."""
    with map_otel_errors():
        sdk.check_variables(environ, GrpcSupport.INSTALLED if is_grpc_installed() else GrpcSupport.EXTRA)


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
    global _tracer  # noqa: PLW0603  a process has one
    check_environment(os.environ)
    if not sdk.is_exported(os.environ):
        yield
        return
    with map_otel_errors():
        tracer = create_tracer(SERVICE_NAME, version(SERVICE_NAME))
    tracer.exporter.start()
    _tracer = tracer
    try:
        yield
    finally:
        _tracer = None
        tracer.exporter.close()


def service_name() -> str | None:
    """Return what spans call this process; None while they are not exported."""
    return None if _tracer is None else _tracer.service


def add_listener(listener: SpanListener) -> None:
    """Have each span that ends from now on passed on to this as well."""
    if _tracer is not None:
        _tracer.listeners.append(listener)


def count_losses(count: Callable[[int], None]) -> None:
    """Have the number of lost spans passed to this, whenever some are lost."""
    if _tracer is not None:
        _tracer.exporter.losses.add_counter(count)


def is_crowded() -> bool:
    """Whether spans come faster than they are exported."""
    return _tracer is not None and _tracer.exporter.is_crowded


async def wait_for_room() -> None:
    """Wait while spans come faster than they are exported, at most a second."""
    if _tracer is not None:
        await _tracer.hold.wait_while(is_crowded)


def start_root_span(cloudevents_type: str) -> Span:
    """Start the root span of an event's trace; ``describe_root`` sets its attributes."""
    return NO_SPAN if _tracer is None else _tracer.start_span(prepare_root(cloudevents_type), {})


def describe_root(span: Span, event: Event, cloudevent: CloudEvent) -> None:
    """Set the attributes of vCenter's event, and of the CloudEvent that it has become, on its root span.

    Knative's own spans have no event id, so ours must.
    """
    if not isinstance(span, RecordedSpan):
        return
    about = cloudevent.get_attributes()
    event_id, kind = about["id"], about["type"]
    span.attributes = {
        "vsphere.event.key": event.key,
        "vsphere.event.created_time": event.created.isoformat(),
        "cloudevents.event_id": event_id,
        "messaging.message.id": event_id,
    }
    constant = {"type": kind, "source": about["source"], "specversion": about["specversion"], "class": event.class_name}
    if event.subject is not None:
        constant["object"] = event.subject.type
        span.attributes["vsphere.object.id"] = event.subject.value
    if "subject" in about:
        span.attributes["cloudevents.event_subject"] = about["subject"]
    span.constants = prepare_root(kind, **constant)


def set_event_attributes(span: Span, event: CloudEvent, operation: Literal["create", "process"] = "create") -> None:
    """Set the attributes of the CloudEvent on a span."""
    if span.is_recording:
        about = event.get_attributes()
        known = {NAMES[key]: about[key] for key in EVENT_ATTRIBUTES if key in about}
        span.set_attributes(known | messaging_attributes(operation, about["id"]))


def context_headers(span: Span) -> Mapping[str, str]:
    """Return ``traceparent`` and ``tracestate`` for this span; empty without a trace (W3C Trace Context).

    "sampled" is the only flag sent. OpenTelemetry's SDK sets "random" of level 2 as well; otel-go up to 1.41 (Knative
    1.19 to 1.21) calls that header invalid and starts a trace of its own.
    """
    if span.headers is None:
        span.headers = _render_headers(span)
    return span.headers


def _render_headers(span: Span) -> Mapping[str, str]:
    if not span.trace_id:
        return {}
    traceparent = f"00-{span.trace_id.hex()}-{span.span_id.hex()}-{'01' if span.is_sampled else '00'}"
    if span.tracestate:
        return {"traceparent": traceparent, "tracestate": span.tracestate}
    return {"traceparent": traceparent}


def restore_span(event: CloudEvent) -> Span:
    """Return the root span of the event's trace, from the event's extensions; it may have ended long ago."""
    return extract_span(event.get_attributes())


def extract_span(carrier: Mapping[str, str]) -> Span:
    """Return the span that ``traceparent`` and ``tracestate`` name; no trace without them."""
    if "traceparent" not in carrier:
        return NO_SPAN
    fields = {name: carrier[name] for name in ("traceparent", "tracestate") if carrier.get(name) is not None}
    context = get_current_span(TraceContextTextMapPropagator().extract(fields, Context())).get_span_context()
    if not context.is_valid:
        return NO_SPAN
    return Span(
        context.trace_id.to_bytes(16),
        context.span_id.to_bytes(8),
        context.trace_state.to_header() if context.trace_state else "",
        is_sampled=context.trace_flags.sampled,
        is_remote=True,
    )


@contextmanager
def start_resend_span(event: CloudEvent) -> Iterator[Span]:
    """Start a trace for an event that is sent once more, linked to the trace that it names, which may be long over.

    The event names the new trace from here on. Where no spans are exported, this is the event's own root span.
    """
    earlier = restore_span(event)
    span = NO_SPAN
    if _tracer is not None:
        constants = Constants(f"CloudEvents Create {event.get_type()}", PRODUCER)
        span = _tracer.start_span(constants, {}, links=[earlier] if earlier.trace_id else [])
    if not span.is_recording:
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
    origin, sender = restore_span(event), extract_span(headers)
    parent = sender if sender.trace_id else origin
    if _tracer is None:
        return parent
    is_elsewhere = sender.trace_id and origin.trace_id and origin.span_id != sender.span_id
    constants = Constants(f"CloudEvents Process {event.get_type()}", CONSUMER)
    links = [origin] if is_elsewhere else []
    span = _tracer.start_span(constants, {}, parent if parent.trace_id else None, links)
    set_event_attributes(span, event, "process")
    return span


def mark_failed(span: Span, failure: SinkUnavailableError | EventRefusedError) -> None:
    """Set what went wrong on a span."""
    error_type = type(failure.__cause__ or failure).__name__ if failure.status is None else str(failure.status)
    set_error(span, failure, error_type)


def set_error(span: Span, failure: Exception, error_type: str) -> None:
    """Set an error on a span."""
    span.fail(str(failure))
    span.set_attributes({"error.type": error_type})


def mark_dead_letter(root: Span, why: SinkUnavailableError | EventRefusedError) -> None:
    """Mark the root span of an event that is a dead letter."""
    root.add_event("dead letter", {"reason": str(why)})
    mark_failed(root, why)


def start_request_span(envelope: "Envelope", address: str, system: System, attributes: Mapping[str, str]) -> Span:
    """Start the span of a request with one event, a child of the event's root span."""
    if _tracer is None:
        return envelope.span
    event_id = envelope.event.get_id()
    about: dict[str, Attribute] = {"messaging.message.id": event_id, "cloudevents.event_id": event_id, **attributes}
    if envelope.attempt:
        about["http.request.resend_count"] = envelope.attempt
    return _tracer.start_span(prepare_request(address, system), about, envelope.span)


def start_batch_span(envelopes: Sequence["Envelope"], address: str, system: System) -> Span | None:
    """Start the span of a request with several events, in a trace of its own; None if no event's trace is sampled.

    It is linked to the root span of each event. (OpenTelemetry's conventions for messaging spans: a batch has one span
    "send", and a link to each message's "create".) One event alone has the span in its own trace.
    """
    links = [envelope.span for envelope in envelopes if envelope.span.is_sampled]
    if not links:
        return None
    if len(envelopes) == 1:
        return start_request_span(envelopes[0], address, system, {})
    if _tracer is None:
        return None
    return _tracer.start_span(
        prepare_request(address, system), {"messaging.batch.message_count": len(envelopes)}, links=links
    )


def end_request_span(span: Span, failure: BaseException | None) -> None:
    """End the span of a request; ``failure`` is None if the sink acknowledged."""
    if isinstance(failure, SinkUnavailableError | EventRefusedError):
        mark_failed(span, failure)
        if failure.status is not None:
            span.set_attributes({"http.response.status_code": failure.status})
    span.end()
