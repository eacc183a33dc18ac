"""What makes this process's spans and passes them on: the sampler is asked first, and what it refuses costs an id."""

import os
from collections.abc import Callable, Mapping, Sequence

from vcenter_functions.otel.export import Exporter, Sender, read_batching
from vcenter_functions.otel.otlp_bytes import Attribute, SpanRequest
from vcenter_functions.otel.variables import is_grpc_installed, is_grpc_wanted
from vcenter_source.core.tracing.hold import Hold
from vcenter_source.core.tracing.sampling import Sampler, choose_sampler
from vcenter_source.core.tracing.spans import (
    USUAL_LIMITS,
    Constants,
    Limits,
    RecordedSpan,
    Span,
    create_ids,
    encode_span,
)

_LIMIT = "_LIMIT"
_PLAIN = (str, int, float, list, tuple)

SpanListener = Callable[[RecordedSpan, bytes], None]
"""Called with each span that ends, and its bytes, in whichever thread."""


class Tracer:
    """Begins spans, which go to the exporter and to ``listeners`` when they end.

    ``service`` is what they call this process.
    """

    def __init__(
        self, service: str, sampler: Sampler, exporter: Exporter[bytes], limits: Limits = USUAL_LIMITS
    ) -> None:
        self.service = service
        self.exporter = exporter
        self.hold = Hold()
        self.listeners: list[SpanListener] = []
        self._is_sampled = sampler
        self._limits = limits

    def start_span(
        self,
        constants: Constants,
        attributes: dict[str, Attribute],
        parent: Span | None = None,
        links: Sequence[Span] = (),
    ) -> Span:
        """Start a span; without a parent, in a trace of its own."""
        trace_id, span_id = create_ids(parent)
        if self._is_sampled(trace_id, parent):
            return RecordedSpan(trace_id, span_id, self._finish, constants, attributes, parent, links)
        return Span(trace_id, span_id, parent.tracestate if parent is not None else "")

    def _finish(self, span: RecordedSpan) -> None:
        has_room = self.exporter.has_room()
        if has_room or self.listeners:
            encoded = encode_span(span, self._limits)
            if has_room:
                self.exporter.put(encoded)
            for listener in self.listeners:
                listener(span, encoded)


def read_limits(environ: Mapping[str, str]) -> Limits:
    """Read OTEL_*_LIMIT, by the SDK. Raises ValueError as the SDK does."""
    if not any(name.startswith("OTEL_") and name.endswith(_LIMIT) for name in environ):
        return USUAL_LIMITS
    from opentelemetry.sdk.trace import SpanLimits

    limits = SpanLimits()
    return Limits(
        attributes=limits.max_span_attributes,
        attribute_length=limits.max_span_attribute_length,
        events=limits.max_events,
        event_attributes=limits.max_event_attributes,
        event_attribute_length=limits.max_attribute_length,
        links=limits.max_links,
    )


def create_sender(request: SpanRequest, environ: Mapping[str, str]) -> Sender[bytes]:
    """Create what sends requests: by gRPC where the environment says so and grpcio is installed, otherwise by HTTP."""
    if is_grpc_wanted(environ) and is_grpc_installed():
        from vcenter_source.core.tracing.otlp_grpc import GrpcSender

        return GrpcSender(request, environ)
    from vcenter_functions.otel.otlp_http import HttpSender

    return HttpSender(request, environ, "vcenter-source")


def create_tracer(name: str, version: str, environ: Mapping[str, str] = os.environ) -> Tracer:
    """Create the tracer of this process, by OTEL_*. Raises OtelSettingError for a wrong value."""
    from vcenter_functions.otel import sdk

    with sdk.map_sdk_errors():
        resource = sdk.build_resource(name)
        plain = {key: value if isinstance(value, _PLAIN) else str(value) for key, value in resource.attributes.items()}
        request = SpanRequest(plain, resource.schema_url, name, version)
        exporter = Exporter(create_sender(request, environ), read_batching(environ))
        service = str(resource.attributes["service.name"])
        return Tracer(service, choose_sampler(environ), exporter, read_limits(environ))
