"""The local Broker's spans, configured by the standard OTEL_* variables, named and attributed as Knative's are.

Without an OTLP endpoint the API's no-op tracer stands in; it hands the incoming trace context on untouched.
"""

import os
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from demo.message import Message

PROPAGATOR = TraceContextTextMapPropagator()
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def provider() -> TracerProvider | None:
    """A provider that exports over OTLP/HTTP; None where the environment names no endpoint or switches the SDK off."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    # The SDK is imported here because start-up without an exporter should not pay for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "broker")})
    made = SdkProvider(resource=resource)
    made.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return made


def tracer(made: TracerProvider | None) -> Tracer:
    """The tracer of a provider, or one that records nothing."""
    return (made or NoOpTracerProvider()).get_tracer("demo.broker")


def incoming(headers: Mapping[str, str]) -> Context:
    """The trace context that a request came with; ``headers`` has lower-case names."""
    return PROPAGATOR.extract(dict(headers))


def event_attributes(message: Message) -> dict[str, AttributeValue]:
    """What the spans say of the event (OpenTelemetry's CloudEvents conventions)."""
    names = {"id": "event_id", "source": "event_source", "type": "event_type", "subject": "event_subject"}
    known = {f"cloudevents.{names[k]}": value for k, value in message.attributes.items() if k in names}
    return {"messaging.system": "knative", **known}
