"""Setting up OpenTelemetry's SDK by the OTEL_* variables. It is imported only where it is used: that takes a while."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import structlog

from vcenter_functions import __version__
from vcenter_functions.otel import variables

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from vcenter_functions.otel.sdk_spans import ExportingTracerProvider

FLUSH_SECONDS = 2.0
"""How long a stop waits for a receiver: well under the ten seconds after which Docker kills a process."""

log = structlog.get_logger()


class OtelSettingError(Exception):
    """An OTEL_* variable has a wrong value. The message names the variable."""


def is_exported(environ: Mapping[str, str], signal: Literal["TRACES", "METRICS"] = "TRACES") -> bool:
    """Say whether the environment names an OTLP endpoint for this signal and does not turn it off."""
    if variables.is_disabled(environ) or environ.get(f"OTEL_{signal}_EXPORTER") == "none":
        return False
    return bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"))


def check_variables(environ: Mapping[str, str], grpc: variables.GrpcSupport = variables.GrpcSupport.NEVER) -> None:
    """Log the OTEL_* variables that are ignored. Raises OtelSettingError for a wrong value."""
    for line in variables.find_ignored(environ, grpc):
        log.warning(line)
    for line in variables.find_errors(environ):
        raise OtelSettingError(line)


@contextmanager
def map_sdk_errors() -> Iterator[None]:
    """Map what the SDK raises for a wrong OTEL_* variable, at its import or later, to OtelSettingError."""
    try:
        yield
    except (ValueError, RuntimeError) as exc:
        raise OtelSettingError(variables.explain_sdk_error(str(exc))) from exc


def build_resource(name: str) -> "Resource":
    """Describe this process; service.name is ``name`` unless the environment names another."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource

    resource = Resource({SERVICE_VERSION: __version__}).merge(Resource.create())
    if str(resource.attributes.get(SERVICE_NAME, "unknown_service")).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: name}))
    return resource


def create_tracer_provider(name: str, environ: Mapping[str, str] = os.environ) -> "ExportingTracerProvider":
    """Create what makes the spans of this service and sends them. Raises OtelSettingError."""
    with map_sdk_errors():
        from vcenter_functions.otel.export import Exporter, read_batching
        from vcenter_functions.otel.otlp_http import HttpSender
        from vcenter_functions.otel.sdk_spans import ExportingTracerProvider, SdkSpanRequest

        resource = build_resource(name)
        sender = HttpSender(SdkSpanRequest(resource), environ, f"vcenter-functions/{__version__}")
        provider = ExportingTracerProvider(resource, Exporter(sender, read_batching(environ)))
    provider.exporter.start()
    return provider


def shut_down(flush: Callable[[], None]) -> None:
    """Send the remaining spans and metrics, for at most FLUSH_SECONDS.

    The SDK's own limit does not hold while its exporter waits between two tries, hence a thread that can be left.
    """
    thread = threading.Thread(target=flush, name="telemetry-shutdown", daemon=True)
    thread.start()
    thread.join(FLUSH_SECONDS)
