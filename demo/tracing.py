"""The local Broker's spans, configured by the standard OTEL_* variables, named and attributed as Knative's are.

Without an OTLP endpoint the API's no-op tracer stands in; it passes the incoming trace context on untouched.
"""

import os
import re
from collections.abc import Mapping

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, TraceFlags, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from demo.message import Message

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile("([0-9a-f]{2})-([0-9a-f]{32}-[0-9a-f]{16})-([0-9a-f]{2})(?:-(.*))?")
_HIGHEST_FLAGS = 2
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def provider() -> TracerProvider | None:
    """Return a provider that exports over OTLP/HTTP; None without an endpoint, or if the SDK is switched off."""
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    if disabled or not any(os.environ.get(name) for name in _ENDPOINTS):
        return None
    # The SDK is imported here because start-up without an exporter should not pay for it.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider as SdkProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", "broker")})
    sdk_provider = SdkProvider(resource=resource)
    sdk_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return sdk_provider


def tracer(provider: TracerProvider | None) -> Tracer:
    """Return the tracer of a provider, or one that records nothing."""
    return (provider or NoOpTracerProvider()).get_tracer("demo.broker")


def extract_context(headers: Mapping[str, str]) -> Context:
    """Return the trace context of a request; ``headers`` has lower-case names.

    It is read as strictly as Knative 1.19 to 1.21 do (propagation.TraceContext of otel-go 1.38): a version 00 with
    flags above 02 or with more behind them counts as no trace context at all.
    """
    match = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    if not match or match[1] == "ff":
        return Context()
    flags = int(match[3], 16)
    if match[1] == "00" and (match[4] or flags > _HIGHEST_FLAGS):
        return Context()
    clean = {"traceparent": f"00-{match[2]}-{flags & TraceFlags.SAMPLED:02x}"}
    return _PROPAGATOR.extract({**headers, **clean}, Context())


def inject_context(headers: dict[str, str]) -> None:
    """Add the trace context of the current span, of its flags "sampled" alone, as otel-go does."""
    _PROPAGATOR.inject(headers)
    if "traceparent" in headers:
        start, _, flags = headers["traceparent"].rpartition("-")
        headers["traceparent"] = f"{start}-{int(flags, 16) & TraceFlags.SAMPLED:02x}"


def event_attributes(message: Message) -> dict[str, AttributeValue]:
    """Return the attributes of the event for a span (OpenTelemetry's CloudEvents conventions)."""
    names = {"id": "event_id", "source": "event_source", "type": "event_type", "subject": "event_subject"}
    attributes = {f"cloudevents.{names[k]}": value for k, value in message.attributes.items() if k in names}
    return {"messaging.system": "knative", **attributes}
