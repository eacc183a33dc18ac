"""Spans of OpenTelemetry's SDK on their way to a receiver, as our own are: in our queue, and as our bytes.

Only the SDK's span is kept, whatever library has made it. The SDK's own exporter takes three times as long to encode
one, and its queue says at each span that it is full.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode

from vcenter_functions.otel.export import Exporter
from vcenter_functions.otel.otlp_bytes import (
    FLAGS,
    OK,
    STATUS,
    TIMES,
    Process,
    Scope,
    encode_attributes,
    encode_constants,
    encode_count,
    encode_error,
    encode_event,
    encode_field,
    encode_flags,
    encode_length,
    encode_link,
    encode_text,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource


EncodedSpan = tuple[Scope, bytes]
"""A span's bytes, and what stands around them."""


class ExportProcessor(SpanProcessor):
    """Passes each sampled span that ends on to an exporter.

    It is encoded at once: objects that wait for their turn would take ten times the memory of their bytes, and the time
    to find such memory.
    """

    def __init__(self, exporter: Exporter[EncodedSpan]) -> None:
        self._exporter = exporter

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span; drop it where the queue is full."""
        if span.context and span.context.trace_flags.sampled and self._exporter.has_room():
            self._exporter.put((create_scope(span.instrumentation_scope), encode_sdk_span(span)))

    def shutdown(self) -> None:
        """Send what is queued, within a limit."""
        self._exporter.close()

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send what is queued; return whether the time was enough."""
        return self._exporter.flush(timeout_millis / 1000)


class ExportingTracerProvider(TracerProvider):
    """Makes spans that this exporter sends."""

    def __init__(self, resource: "Resource", exporter: Exporter[EncodedSpan]) -> None:
        super().__init__(resource=resource, shutdown_on_exit=False)
        self.exporter = exporter
        self.add_span_processor(ExportProcessor(exporter))


class SdkSpanRequest:
    """The request that carries the SDK's spans of one process."""

    def __init__(self, resource: "Resource") -> None:
        self._process = Process(resource.attributes, resource.schema_url)

    def encode(self, spans: Sequence[EncodedSpan]) -> bytes:
        """Encode an ExportTraceServiceRequest of these spans."""
        by_scope: defaultdict[Scope, list[bytes]] = defaultdict(list)
        for scope, span in spans:
            by_scope[scope].append(span)
        return self._process.encode([part for scope, each in by_scope.items() for part in scope.encode(each)])


@lru_cache(maxsize=64)
def create_scope(scope: InstrumentationScope | None) -> Scope:
    """Create what stands around the spans that one library has made."""
    if scope is None:
        return Scope("", "")
    return Scope(scope.name, scope.version or "", scope.attributes or {}, scope.schema_url or "")


def encode_sdk_span(span: ReadableSpan) -> bytes:
    """Encode a span that has ended, as the field ``spans`` of a ScopeSpans."""
    context, parent = span.context, span.parent
    parts = [b"\x0a\x10", context.trace_id.to_bytes(16), b"\x12\x08", context.span_id.to_bytes(8)]
    if context.trace_state:
        parts.append(encode_field(b"\x1a", encode_text(context.trace_state.to_header())))
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id.to_bytes(8))
    parts += (
        encode_name(span.name, span.kind),
        TIMES.pack(0x39, span.start_time or 0, 0x41, span.end_time or 0),
        *encode_attributes(read_attributes(span.attributes)),
        encode_count(b"\x50", span.dropped_attributes),
        *encode_rest(span),
        encode_status(span),
        FLAGS.pack(0x85, 0x01, encode_flags(is_remote=parent is not None and parent.is_remote)),
    )
    content = b"".join(parts)
    return encode_length(b"\x12", len(content)) + content


@lru_cache(maxsize=256)
def encode_name(name: str, kind: SpanKind) -> bytes:
    """Encode a span's name and kind, which most spans share with others; OTLP counts kinds from 1 on."""
    return encode_constants(name, kind.value + 1, {})


def encode_rest(span: ReadableSpan) -> list[bytes]:
    """Encode what happened in a span, and the spans that it is linked to."""
    parts = [
        encode_event(each.name, each.timestamp, read_attributes(each.attributes), each.dropped_attributes)
        for each in span.events
    ]
    for link in span.links:
        about = encode_attributes(read_attributes(link.attributes), b"\x22")
        about.append(encode_count(b"\x28", link.dropped_attributes))
        ids = link.context.trace_id.to_bytes(16), link.context.span_id.to_bytes(8)
        parts.append(encode_link(*ids, is_remote=link.context.is_remote, about=b"".join(about)))
    return [*parts, encode_count(b"\x60", span.dropped_events), encode_count(b"\x70", span.dropped_links)]


def encode_status(span: ReadableSpan) -> bytes:
    """Encode whether a span has failed."""
    if span.status.status_code is StatusCode.ERROR:
        return encode_error(span.status.description or "")
    return OK if span.status.status_code is StatusCode.UNSET else STATUS + b"\x02\x18\x01"


def read_attributes(attributes: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return attributes as a plain dict, which the SDK's own class has a fast way for."""
    return attributes.copy() if isinstance(attributes, MappingProxyType) else attributes or {}
