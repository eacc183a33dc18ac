"""OpenTelemetry: the set-up by the standard OTEL_* variables, the span names and their attributes.

Attributes follow OpenTelemetry's semantic conventions for messaging, CloudEvents and HTTP. One trace an event: the root
span ``CloudEvents Create <type>`` lives from the reading of the event until the sink has acknowledged it, each try to
send it is a child.
"""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import urlsplit

import structlog
from cloudevents.core.v1.event import CloudEvent
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, TraceFlags, Tracer

from vcenter_functions.otel import variables
from vcenter_source.core.errors import ConfigurationError, EventRefusedError, SinkUnavailableError
from vcenter_source.core.event import Event

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

log = structlog.get_logger()

SERVICE_NAME = "vcenter-source"
"""Also what the distribution is called whose version goes with it."""

FLUSH_TIMEOUT = 2.0
"""Seconds that the end of the process waits for its last spans to be taken."""

NOWHERE = Context()
"""Where a trace begins; to look for one around it would take longer than the rest."""


@cache
def tracer() -> Tracer:
    """The tracer of this project; it records nothing until ``exporting`` has found an exporter.

    It is kept, as making one takes longer than making a span.
    """
    return trace.get_tracer(SERVICE_NAME, version(SERVICE_NAME))


def configured(environ: Mapping[str, str], signal: Literal["TRACES", "METRICS"] = "TRACES") -> bool:
    """Whether the environment says where these go over OTLP, and does not switch that off."""
    if variables.is_disabled(environ) or environ.get(f"OTEL_{signal}_EXPORTER") == "none":
        return False
    return bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def resource() -> "Resource":
    """What the SDK says of this process; its service.name is ``SERVICE_NAME`` unless the environment names another."""
    from opentelemetry.sdk.resources import SERVICE_NAME as NAME_KEY
    from opentelemetry.sdk.resources import SERVICE_VERSION, Resource

    found = Resource({SERVICE_VERSION: version(SERVICE_NAME)}).merge(Resource.create())
    if str(found.attributes.get(NAME_KEY, "unknown_service")).startswith("unknown_service"):
        found = found.merge(Resource({NAME_KEY: SERVICE_NAME}))
    return found


def check(environ: Mapping[str, str]) -> None:
    """Log which OTEL_* variables are not honoured. Raises ConfigurationError for a value that is wrong."""
    for line in variables.find_ignored(environ):
        log.warning(line)
    for line in variables.find_errors(environ):
        raise ConfigurationError(line)


@contextmanager
def otel_settings() -> Iterator[None]:
    """What the SDK makes of a wrong OTEL_* variable, at its import or later, as one of our own."""
    try:
        yield
    except (ValueError, RuntimeError) as exc:
        raise ConfigurationError(variables.explain_sdk_error(str(exc))) from exc


@contextmanager
def exporting() -> Iterator[None]:
    """Export spans while this lasts, if an OTLP endpoint is configured; otherwise the SDK is not even imported."""
    check(os.environ)
    if not configured(os.environ):
        yield
        return
    with otel_settings():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from vcenter_functions.otel.receiver import create_session

        provider = TracerProvider(resource=resource(), shutdown_on_exit=False)
        session = create_session(OTLPSpanExporter, os.environ)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(session=session)))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        shut_down(provider.shutdown)


def shut_down(flush: Callable[[], None]) -> None:
    """Send what is left, for ``FLUSH_TIMEOUT`` at most: the exporter would wait far longer for a dead receiver."""
    thread = threading.Thread(target=flush, name="telemetry-shutdown", daemon=True)
    thread.start()
    thread.join(FLUSH_TIMEOUT)


def creating(event: Event, cloudevents_type: str) -> Span:
    """Begin the root span of an event's trace."""
    span = tracer().start_span(f"CloudEvents Create {cloudevents_type}", NOWHERE, SpanKind.PRODUCER)
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


def describe(span: Span, event: CloudEvent) -> None:
    """Set the attributes of the CloudEvent; Knative's own spans carry no event id, so ours must."""
    if span.is_recording():
        attributes = event.get_attributes()
        named = {"id": "id", "source": "source", "spec_version": "specversion", "type": "type", "subject": "subject"}
        known = {f"cloudevents.event_{name}": attributes[key] for name, key in named.items() if key in attributes}
        span.set_attributes(known | messaging("create", attributes["id"]))


def messaging(operation: Literal["create", "send"], event_id: str | None = None) -> dict[str, str]:
    """What makes a span one of messaging; the system is called as Knative's own spans call it."""
    about = {
        "messaging.system": "knative",
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    return about if event_id is None else {**about, "messaging.message.id": event_id}


def context_headers(span: Span) -> dict[str, str]:
    """``traceparent`` and ``tracestate`` that name this span; empty where it is not traced (W3C Trace Context).

    Of the flags only "sampled" goes out. The SDK sets level 2's "random" as well, which otel-go up to 1.41 (Knative
    1.19 to 1.21) takes for an invalid header, and then starts a trace of its own.
    """
    context = span.get_span_context()
    if not context.is_valid:
        return {}
    flags = context.trace_flags & TraceFlags.SAMPLED
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"
    if not context.trace_state:
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": context.trace_state.to_header()}


class Sending:
    """One try to send an event: gives its span, and the headers that carry it on. ``address`` is free of user info.

    Where the root is not sampled, a child would not be either, and the root goes on in its place.
    """

    __slots__ = ("_own", "_span")

    def __init__(self, root: Span, address: str, event_id: str, resend: int) -> None:
        self._own = is_sampled(root)
        self._span = try_of(root, address, event_id, resend) if self._own else root

    def __enter__(self) -> tuple[Span, dict[str, str]]:
        return self._span, context_headers(self._span)

    def __exit__(self, _: type[BaseException] | None, failure: BaseException | None, __: TracebackType | None) -> None:
        if not self._own:
            return
        if isinstance(failure, SinkUnavailableError | EventRefusedError):
            set_failed(self._span, failure)
            if failure.status is not None:
                self._span.set_attribute("http.response.status_code", failure.status)
        self._span.end()


def set_failed(span: Span, failure: SinkUnavailableError | EventRefusedError) -> None:
    """Say on a span what went wrong."""
    told = type(failure.__cause__ or failure).__name__ if failure.status is None else str(failure.status)
    span.set_status(StatusCode.ERROR, str(failure))
    span.set_attribute("error.type", told)


def gave_up(root: Span, why: SinkUnavailableError | EventRefusedError) -> None:
    """Say on the root span of an event that it is a dead letter."""
    root.add_event("dead letter", {"reason": str(why)})
    set_failed(root, why)


class Try(NamedTuple):
    """A try of one event: the root of its trace, and how many tries were before it."""

    root: Span
    event_id: str
    resend: int


class SendingTogether(Sending):
    """One request with several events: a span in a trace of its own, linked to the root of each that is sampled.

    (OpenTelemetry's conventions for messaging spans: a batch has one span "send", and a link to each message's
    "create".)
    """

    __slots__ = ()

    def __init__(self, tries: Sequence[Try], address: str) -> None:
        links = [Link(each.root.get_span_context()) for each in tries if is_sampled(each.root)]
        self._own = bool(links)
        self._span = batch_of(links, address, len(tries)) if links else trace.INVALID_SPAN


def sending_together(tries: Sequence[Try], address: str) -> Sending:
    """One request with these events; one event alone has its span in its own trace."""
    if len(tries) == 1:
        return Sending(tries[0].root, address, tries[0].event_id, tries[0].resend)
    return SendingTogether(tries, address)


def is_sampled(span: Span) -> bool:
    """Whether its trace is recorded."""
    return span.get_span_context().trace_flags.sampled


def batch_of(links: Sequence[Link], address: str, count: int) -> Span:
    """Begin the span of a request with so many events."""
    attributes = {**destination(address), **messaging("send"), "messaging.batch.message_count": count}
    return tracer().start_span("POST", NOWHERE, SpanKind.CLIENT, attributes, links)


def try_of(root: Span, address: str, event_id: str, resend: int) -> Span:
    """Begin the span of a try."""
    attributes = {**destination(address), **messaging("send", event_id), "cloudevents.event_id": event_id}
    if resend:
        attributes["http.request.resend_count"] = resend
    return tracer().start_span("POST", trace.set_span_in_context(root), SpanKind.CLIENT, attributes)


@lru_cache(maxsize=1024)
def destination(address: str) -> dict[str, str | int]:
    """The attributes of a span that say where a request goes."""
    parts = urlsplit(address)
    attributes: dict[str, str | int] = {
        "messaging.destination.name": parts.path or "/",
        "http.request.method": "POST",
        "url.full": parts._replace(query="").geturl(),
        "server.address": parts.hostname or "",
    }
    return attributes | ({"server.port": parts.port} if parts.port else {})
