"""A function's part of the trace: which span it continues, its own spans, and where they are sent.

Names follow OpenTelemetry's conventions for CloudEvents, messaging and HTTP clients. Configuration is the standard
OTEL_* variables; without an OTLP endpoint the SDK is not even loaded, and a trace is still passed on to vCenter.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.propagators.textmap import default_getter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from vcenter_functions import __version__
from vcenter_functions.errors import FunctionError, SettingsError
from vcenter_functions.otel import sdk

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.util.types import AttributeValue

    from vcenter_functions.otel.sdk_spans import ExportingTracerProvider
    from vcenter_functions.reference import ManagedObjectReference

_PROPAGATOR = TraceContextTextMapPropagator()
_event_id: ContextVar[str] = ContextVar("event_id")
"""The event that is being handled, for each of its spans; OpenTelemetry's Context holds only the span above."""


def create_provider(name: str, environ: Mapping[str, str] = os.environ) -> "ExportingTracerProvider | None":
    """Set up the SDK with the OTLP/HTTP exporter; None where no endpoint is set. Raises SettingsError.

    ``name`` is the service's where OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES have none.
    """
    try:
        sdk.check_variables(environ)
        return sdk.create_tracer_provider(name, environ) if sdk.is_exported(environ) else None
    except sdk.OtelSettingError as exc:
        raise SettingsError(str(exc)) from exc


def _extract_context(carrier: Mapping[str, object]) -> Context | None:
    """Return the trace context in headers or extensions; None where ``traceparent`` is missing or broken."""
    if "traceparent" not in carrier:
        return None
    fields = {name: value for name in _PROPAGATOR.fields if isinstance(value := carrier.get(name), str)}
    return _PROPAGATOR.extract(fields, Context(), default_getter) or None


def _add_link(span: Span, hop: Context, beginning: Context | None) -> None:
    """Link a span to where its event began, unless that is the hop which the span continues."""
    began = trace.get_current_span(beginning or hop).get_span_context()
    if began.span_id != trace.get_current_span(hop).get_span_context().span_id:
        span.add_link(began)


class Tracing:
    """Makes the spans of the function of this name. Without a provider they cost next to nothing and go nowhere.

    Beneath a span that is not recorded, since there is no provider or the sampler refuses, no other one is made.
    """

    def __init__(self, name: str, provider: "TracerProvider | None" = None) -> None:
        self._provider = provider
        self._tracer = (provider or trace.NoOpTracerProvider()).get_tracer(name, __version__)

    def event_span(self, event: "BaseCloudEvent", headers: Mapping[str, str]) -> AbstractContextManager[Span]:
        """Make the span of one event; everything done for it lies beneath.

        The ``traceparent`` header is the hop that brought the event; the extension of that name is where the event
        began, and all that is left after a replay from a dead letter sink (CloudEvents extension Distributed Tracing).
        """
        about = event.get_attributes()
        hop = _extract_context(headers)
        parent = hop or _extract_context(about) or Context()
        event_id, kind = about["id"], about["type"]
        attributes: dict[str, AttributeValue] = {
            "cloudevents.event_id": event_id,
            "cloudevents.event_source": about["source"],
            "cloudevents.event_spec_version": about["specversion"],
            "cloudevents.event_type": kind,
            "cloudevents.event_subject": about.get("subject") or "",
            "messaging.system": "knative",  # as Knative's own spans and the adapter's have it
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": event_id,
        }
        span = self._tracer.start_span(f"CloudEvents Process {kind}", parent, SpanKind.CONSUMER, attributes)
        if hop is not None and span.is_recording():
            _add_link(span, hop, _extract_context(about))
        return _CurrentSpan(span, event_id)

    def step_span(
        self, name: str, attributes: "Mapping[str, AttributeValue]", reference: "ManagedObjectReference | None" = None
    ) -> AbstractContextManager[Span]:
        """Make a span of something that the function itself does, perhaps with an object: ``find tag``."""
        above = trace.get_current_span()
        if not above.is_recording():
            return nullcontext(above)
        attributes = {**_event_attributes(), **attributes}
        if reference is not None:
            attributes |= {"vsphere.object.type": reference.type, "vsphere.object.id": reference.value}
        return _CurrentSpan(self._tracer.start_span(name, attributes=attributes))

    def request_span(
        self, method: str, url: str, headers: dict[str, str], *, name: str = ""
    ) -> AbstractContextManager[Span]:
        """Make the span of one HTTP request, and pass it on in ``headers``. ``url`` must hold no secret.

        It has the method's name, or the ``name`` of the SOAP call that the request makes.

        A request that belongs to no event, a readiness probe's or the log-out's, has no span: it would be a trace of
        its own every five seconds.
        """
        attributes = _event_attributes()
        if not attributes:
            return nullcontext(trace.INVALID_SPAN)
        above = trace.get_current_span()
        if not above.is_recording():
            inject_context(above, headers)
            return nullcontext(above)
        attributes |= {"http.request.method": method, **_describe_address(url)}
        span = self._tracer.start_span(name or method, kind=SpanKind.CLIENT, attributes=attributes)
        inject_context(span, headers)
        return _CurrentSpan(span)

    @property
    def losses(self) -> int:
        """How many spans the receiver did not get."""
        exporter = getattr(self._provider, "exporter", None)
        return exporter.losses.total if exporter else 0

    def shutdown(self) -> None:
        """Send what is left, within a limit."""
        if self._provider is not None:
            self._provider.shutdown()


def inject_context(span: Span, headers: dict[str, str]) -> None:
    """Add the trace context of a span, with no flag but "sampled".

    The SDK also sets level 2's flag "random", for which programs in Go (otel-go up to 1.41) reject the whole header.
    """
    context = span.get_span_context()
    if context.is_valid:
        flags = context.trace_flags & TraceFlags.SAMPLED
        headers["traceparent"] = f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"
        if context.trace_state:
            headers["tracestate"] = context.trace_state.to_header()


@lru_cache(maxsize=256)
def _describe_address(url: str) -> "Mapping[str, AttributeValue]":
    parts = urlsplit(url)
    port = parts.port or {"http": 80}.get(parts.scheme, 443)
    return {"url.full": url, "server.address": parts.hostname or "", "server.port": port}


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


class _CurrentSpan:
    """Makes a span the current one, and ends it with what went wrong; our own messages hold no secrets.

    ``event_id`` is the id of the event that the span and what lies beneath are about; None where it is known already.
    """

    __slots__ = ("_event_id", "_reset_event_id", "_span", "_token")

    def __init__(self, span: Span, event_id: str | None = None) -> None:
        self._span = span
        self._event_id = event_id
        self._reset_event_id: Token[str] | None = None

    def __enter__(self) -> Span:
        self._token = attach(trace.set_span_in_context(self._span))
        if self._event_id is not None:
            self._reset_event_id = _event_id.set(self._event_id)
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._reset_event_id is not None:
            _event_id.reset(self._reset_event_id)
        detach(self._token)
        if isinstance(failure, Exception):
            self._span.set_attribute("error.type", type(failure).__name__)
            message = str(failure) if isinstance(failure, FunctionError) else None
            self._span.set_status(Status(StatusCode.ERROR, message))
        self._span.end()
