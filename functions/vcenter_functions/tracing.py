"""A function's part of the trace: which span it continues, its own spans, and where they are sent.

Names follow OpenTelemetry's conventions for CloudEvents, messaging and HTTP clients. Configuration is the standard
OTEL_* variables; without an OTLP endpoint the SDK is not even loaded, and a trace is still passed on to vCenter.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vcenter_functions import __version__
from vcenter_functions.errors import FunctionError, SettingsError
from vcenter_functions.otel import sdk

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from vcenter_functions.reference import ManagedObjectReference

_PROPAGATOR = TraceContextTextMapPropagator()
_event_id: ContextVar[str] = ContextVar("event_id")
"""The event that is being handled, for each of its spans; OpenTelemetry's Context holds only the span above."""


def create_provider(name: str, environ: Mapping[str, str] = os.environ) -> "TracerProvider | None":
    """Set up the SDK with the OTLP/HTTP exporter; None where no endpoint is set. Raises SettingsError.

    ``name`` is the service's where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none.
    """
    try:
        sdk.check_variables(environ)
        return sdk.create_tracer_provider(name, environ) if sdk.is_exported(environ) else None
    except sdk.OtelSettingError as exc:
        raise SettingsError(str(exc)) from exc


def _extract_context(headers: Mapping[str, str]) -> Context:
    """Return the trace context in some headers; an empty one where ``traceparent`` is missing or broken."""
    carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
    return _PROPAGATOR.extract(carrier, context=Context(), getter=default_getter)


def extract_parent(headers: Mapping[str, str], event: "BaseCloudEvent") -> tuple[Context, list[Link]]:
    """Return what a span about this event continues, and what it links to.

    The ``traceparent`` header is the hop that brought the event; the extension of that name is where the event began,
    and all that is left after a replay from a dead letter sink (CloudEvents extension Distributed Tracing).
    """
    hop = _extract_context(headers)
    extensions = {k: v for k, v in event.get_attributes().items() if isinstance(v, str)}
    began = trace.get_current_span(_extract_context(extensions)).get_span_context()
    if not trace.get_current_span(hop).get_span_context().is_valid:
        return _extract_context(extensions), []
    same = began.span_id == trace.get_current_span(hop).get_span_context().span_id
    return hop, [] if same or not began.is_valid else [Link(began)]


class Tracing:
    """Makes the spans of the function of this name. Without a provider they cost next to nothing and go nowhere."""

    def __init__(self, name: str, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer = (provider or trace.NoOpTracerProvider()).get_tracer(name, __version__)

    @contextmanager
    def event_span(self, event: "BaseCloudEvent", headers: Mapping[str, str]) -> Iterator[Span]:
        """Make the span of one event; everything done for it lies beneath."""
        context, links = extract_parent(headers, event)
        attributes: dict[str, AttributeValue] = {
            "cloudevents.event_id": event.get_id(),
            "cloudevents.event_source": event.get_source(),
            "cloudevents.event_spec_version": event.get_specversion(),
            "cloudevents.event_type": event.get_type(),
            "cloudevents.event_subject": event.get_subject() or "",
            "messaging.system": "knative",  # as Knative's own spans and the adapter's have it
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": event.get_id(),
        }
        name = f"CloudEvents Process {event.get_type()}"
        span = self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes, links)
        token = _event_id.set(event.get_id())
        try:
            with _use_span(span):
                yield span
        finally:
            _event_id.reset(token)

    @contextmanager
    def step_span(
        self, name: str, attributes: "Mapping[str, AttributeValue]", reference: "ManagedObjectReference | None" = None
    ) -> Iterator[Span]:
        """Make a span of something that the function itself does, perhaps with an object: ``find tag``."""
        attributes = _event_attributes() | dict(attributes)
        if reference is not None:
            attributes |= {"vsphere.object.type": reference.type, "vsphere.object.id": reference.value}
        with _use_span(self._tracer.start_span(name, attributes=attributes)) as span:
            yield span

    @contextmanager
    def request_span(self, method: str, url: str, headers: dict[str, str], *, name: str = "") -> Iterator[Span]:
        """Make the span of one HTTP request, and pass it on in ``headers``. ``url`` must hold no secret.

        It has the method's name, or the ``name`` of the SOAP call that the request makes.

        A request that belongs to no event, a readiness probe's or the log-out's, has no span: it would be a trace of
        its own every five seconds.
        """
        attributes = _event_attributes()
        if not attributes:
            yield trace.INVALID_SPAN
            return
        parts = urlsplit(url)
        attributes |= {
            "http.request.method": method,
            "url.full": url,
            "server.address": parts.hostname or "",
            "server.port": parts.port or {"http": 80}.get(parts.scheme, 443),
        }
        with _use_span(self._tracer.start_span(name or method, kind=SpanKind.CLIENT, attributes=attributes)) as span:
            inject_context(headers)
            yield span

    def shutdown(self) -> None:
        """Send what is left, within a limit."""
        if self._provider is not None:
            sdk.shut_down(self._provider.shutdown)


def inject_context(headers: dict[str, str]) -> None:
    """Add the trace context of the current span, with no flag but "sampled".

    The SDK also sets level 2's flag "random", for which programs in Go (otel-go up to 1.41) reject the whole header.
    """
    _PROPAGATOR.inject(headers)
    if "traceparent" in headers:
        start, _, flags = headers["traceparent"].rpartition("-")
        headers["traceparent"] = f"{start}-{int(flags, 16) & TraceFlags.SAMPLED:02x}"


def record_status(span: Span, status: int) -> None:
    """Note an HTTP response on its span; to a client 4xx and 5xx are errors (HTTP conventions)."""
    span.set_attribute("http.response.status_code", status)
    if status >= 400:  # noqa: PLR2004  where HTTP's errors begin
        span.set_attribute("error.type", str(status))
        span.set_status(Status(StatusCode.ERROR))


def _event_attributes() -> "dict[str, AttributeValue]":
    """Return what each span beneath an event's carries; nothing where no event is being handled."""
    event_id = _event_id.get(None)
    return {} if event_id is None else {"cloudevents.event_id": event_id}


def format_trace_id(span: Span) -> str:
    """Return the trace's id in hexadecimal; empty without a trace."""
    context = span.get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else ""


@contextmanager
def _use_span(span: Span) -> Iterator[Span]:
    """Make a span the current one, and end it with what went wrong; our own messages hold no secrets."""
    with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield span
        except Exception as exc:
            span.set_attribute("error.type", type(exc).__name__)
            span.set_status(Status(StatusCode.ERROR, str(exc) if isinstance(exc, FunctionError) else None))
            raise
