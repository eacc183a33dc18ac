"""OpenTelemetry's OTEL_* variables: which are honoured, and which values are wrong. Pure.

A value that means nothing to OpenTelemetry is an error. One that OpenTelemetry knows and our programs cannot do is
ignored, with a line in the log. The SDK ignores most of both silently, or logs a line that does not name the variable.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

ValueCheck = Callable[[str], str]
"""Says what is wrong with a value; empty for a right one."""

SIGNALS = ("", "TRACES_", "METRICS_")
"""An OTLP variable without a signal in its name is for all signals; one with it is for that signal, and wins."""

ENDPOINTS = tuple(f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT" for signal in SIGNALS)
SAMPLERS = (
    "always_on", "always_off", "traceidratio",
    "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio",
)  # fmt: skip

BATCHING = {
    "max_queue_size": "OTEL_BSP_MAX_QUEUE_SIZE",
    "max_export_batch_size": "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "schedule_delay_millis": "OTEL_BSP_SCHEDULE_DELAY",
    "export_timeout_millis": "OTEL_BSP_EXPORT_TIMEOUT",
}
"""The SDK's names for what these variables set; its messages use them."""

_FOREIGN = re.compile(
    r"OTEL_.*_(SERVICE_HOST|(SERVICE_)?PORT(_.*)?)"  # what Kubernetes sets for a Service called otel-something
    r"|OTEL_(RESOURCE_ATTRIBUTES_|POD_|NODE_).*"  # what OpenTelemetry's operator sets, for others to refer to
    r"|OTEL_(DOTNET|GO|JAVA|JAVAAGENT|INSTRUMENTATION|PHP|RUBY)_.*"
)
_METRICS_PROTOCOL = "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL"
_METRICS_BY_HTTP = (
    "name the receiver's HTTP address in OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, and set "
    "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf; or set OTEL_METRICS_EXPORTER=none"
)
_LIMITS = ("ATTRIBUTE", "SPAN_ATTRIBUTE", "EVENT_ATTRIBUTE", "LINK_ATTRIBUTE", "SPAN_EVENT", "SPAN_LINK")


def _check_endpoint(value: str) -> str:
    shown = repr(value.rpartition("@")[2])  # a password stands before it
    try:
        parts = urlsplit(value)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    return "" if usable else f"{shown} is not an http:// or https:// address; set one such as http://collector:4318"


def _check_number(value: str) -> str:
    try:
        usable = math.isfinite(float(value)) and float(value) > 0
    except ValueError:
        usable = False
    return "" if usable else f"{value!r} is not a number above 0"


def _check_integer(value: str) -> str:
    return "" if re.fullmatch(r"\s*-?\d+\s*", value) else f"{value!r}: not a whole number"


def _check_file(value: str) -> str:
    if Path(value).is_dir():  # of authorities, as OpenSSL's c_rehash makes them
        return ""
    try:
        Path(value).open("rb").close()
    except OSError as exc:
        return f"cannot read {value}: {exc.strerror}"
    return ""


def _check_choice(*names: str) -> ValueCheck:
    return lambda value: (
        "" if value.strip().lower() in names else f"{value!r} is not supported; set one of {', '.join(names)}"
    )


def _accept_any(_: str) -> str:
    return ""


def _per_signal(name: str, check: ValueCheck) -> dict[str, ValueCheck]:
    return {f"OTEL_EXPORTER_OTLP_{signal}{name}": check for signal in SIGNALS}


HONOURED: dict[str, ValueCheck] = {
    "OTEL_SDK_DISABLED": _check_choice("true", "false"),
    "OTEL_SERVICE_NAME": _accept_any,
    "OTEL_RESOURCE_ATTRIBUTES": _accept_any,
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": _accept_any,
    "OTEL_TRACES_EXPORTER": _accept_any,
    "OTEL_METRICS_EXPORTER": _accept_any,
    "OTEL_PROPAGATORS": _accept_any,
    "OTEL_TRACES_SAMPLER": _check_choice(*SAMPLERS),
    "OTEL_TRACES_SAMPLER_ARG": _accept_any,
    **_per_signal("ENDPOINT", _check_endpoint),
    **_per_signal("PROTOCOL", _accept_any),
    **_per_signal("HEADERS", _accept_any),
    **_per_signal("TIMEOUT", _check_number),
    **_per_signal("COMPRESSION", _check_choice("none", "gzip", "deflate")),
    **_per_signal("CERTIFICATE", _check_file),
    **_per_signal("CLIENT_CERTIFICATE", _check_file),
    **_per_signal("CLIENT_KEY", _check_file),
    **dict.fromkeys(BATCHING.values(), _check_integer),
    **{f"OTEL_{name}_COUNT_LIMIT": _accept_any for name in _LIMITS},
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": _accept_any,
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": _accept_any,
    "OTEL_METRIC_EXPORT_INTERVAL": _check_number,
    "OTEL_METRIC_EXPORT_TIMEOUT": _check_number,
    "OTEL_METRICS_EXEMPLAR_FILTER": _check_choice("trace_based", "always_on", "always_off"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": _check_choice("cumulative", "delta", "lowmemory"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": _check_choice(
        "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    ),
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": _accept_any,
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER": _accept_any,
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER": _accept_any,
    "OTEL_PYTHON_CONTEXT": _accept_any,
}
"""The variables that the documentation lists. ``_accept_any``: the SDK or ``find_ignored`` checks the value."""


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Say whether OpenTelemetry is switched off altogether."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def find_errors(environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a line for each wrong value, naming its variable. Nothing is wrong where nothing is sent."""
    if is_disabled(environ) or not any(environ.get(name) for name in ENDPOINTS):
        return
    for name, check in HONOURED.items():
        if (value := environ.get(name)) and (why := check(value)):
            yield f"{name}: {why}"
    ratio = environ.get("OTEL_TRACES_SAMPLER_ARG", "")
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("traceidratio") and not _is_ratio(ratio):
        yield f"OTEL_TRACES_SAMPLER_ARG: {ratio!r} is not a ratio between 0 and 1, which that sampler needs"


def _is_ratio(value: str) -> bool:
    try:
        return 0 <= float(value or "1") <= 1
    except ValueError:
        return False


class GrpcSupport(Enum):
    """Whether a program can send its spans by gRPC."""

    NEVER = "never"
    EXTRA = "with the extra grpc, which is not installed"
    INSTALLED = "yes"


def is_grpc_installed() -> bool:
    """Say whether the package of the extra "grpc" is there. It is not imported."""
    return find_spec("grpc") is not None


def is_grpc_wanted(environ: Mapping[str, str]) -> bool:
    """Say whether the environment wants spans to go by gRPC."""
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL", "")
    return protocol.strip().lower() == "grpc"


def find_ignored(environ: Mapping[str, str], grpc: GrpcSupport = GrpcSupport.NEVER) -> Iterator[str]:
    """Yield a line for each value that is ignored: the variable, and what happens instead."""
    if is_disabled(environ):
        return
    for signal, data in (("TRACES", "spans"), ("METRICS", "metrics")):
        if others := _split_names(environ.get(f"OTEL_{signal}_EXPORTER", "")) - {"otlp", "none"}:
            yield f"OTEL_{signal}_EXPORTER: {_join(others)} not honoured; {data} go only to an OTLP endpoint"
    for signal in SIGNALS:
        yield from _find_ignored_protocol(environ, signal, grpc)
    if others := _split_names(environ.get("OTEL_PROPAGATORS", "")) - {"tracecontext", "baggage"}:
        yield f"OTEL_PROPAGATORS: {_join(others)} not honoured; the trace goes on only in traceparent and tracestate"
    unknown = [name for name in environ if name.startswith("OTEL_") and name not in HONOURED and environ[name]]
    if ignored := [name for name in unknown if not (_FOREIGN.fullmatch(name) or _is_off(name, environ[name]))]:
        yield f"{_join(ignored)} not honoured"


def _find_ignored_protocol(environ: Mapping[str, str], signal: str, grpc: GrpcSupport) -> Iterator[str]:
    name = f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL"
    others = _split_names(environ.get(name, "")) - {"http/protobuf"}
    if others == {"grpc"} and grpc is GrpcSupport.INSTALLED and signal != "METRICS_":
        if not signal and environ.get("OTEL_METRICS_EXPORTER") != "none" and not environ.get(_METRICS_PROTOCOL):
            yield f"{name}: grpc is not honoured for metrics; {_METRICS_BY_HTTP}"
    elif others:
        extra = "; or install the extra grpc" if "grpc" in others and grpc is GrpcSupport.EXTRA else ""
        yield (
            f"{name}: {_join(others)} not honoured; it is http/protobuf, so name the receiver's HTTP port (4318){extra}"
        )


def _is_off(name: str, value: str) -> bool:
    """Say whether a variable switches off logs, which are not sent anyway."""
    return name == "OTEL_LOGS_EXPORTER" and value.strip().lower() == "none"


def _split_names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")} - {""}


def _join(names: Mapping[str, object] | set[str] | list[str]) -> str:
    return f"{', '.join(sorted(names))} {'is' if len(names) == 1 else 'are'}"


def explain_sdk_error(message: str) -> str:
    """Return the SDK's message in one line, as ``variable: what is wrong``; some messages name no variable."""
    text = " ".join(message.split()).rstrip(".")
    for argument, variable in BATCHING.items():
        text = text.replace(argument, variable)
    name, _, rest = text.partition(" ")
    return f"{name}: {rest}" if name.startswith("OTEL_") else f"OTEL_*: {text}"
