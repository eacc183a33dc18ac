"""Spans as a function exports them."""

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind, Status, StatusCode

from vcenter_functions.otel.span_receiver import Receiver


def export_spans(receiver: Receiver, compression: Compression) -> str:
    """Export a parent and a failed child; the trace's id."""
    provider = TracerProvider(resource=Resource.create({"service.name": "pytag"}), shutdown_on_exit=False)
    exporter = OTLPSpanExporter(endpoint=f"{receiver.url}/v1/traces", compression=compression)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with (
        tracer.start_as_current_span("parent", attributes={"n": 3}) as parent,
        tracer.start_as_current_span("GET", kind=SpanKind.CLIENT) as child,
    ):
        child.set_attribute("url.full", "http://vc/api/session")
        child.set_status(Status(StatusCode.ERROR))
    provider.shutdown()
    return f"{parent.get_span_context().trace_id:032x}"
