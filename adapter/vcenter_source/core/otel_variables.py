"""OpenTelemetry's OTEL_* variables: which are honoured, and whether their values can be right. Pure.

A value that OpenTelemetry has no meaning for is refused; one that it knows and this program cannot do is told of, and
nothing comes of it. The SDK would pass over most of both in silence, or log a line that does not name the variable.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

Check = Callable[[str], str]
"""What is wrong with a value, empty for nothing."""

SIGNALS = ("", "TRACES_", "METRICS_")
"""A variable of OTLP without a signal in its name is for all; with one, it is for that and goes first."""

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
_LIMITS = ("ATTRIBUTE", "SPAN_ATTRIBUTE", "EVENT_ATTRIBUTE", "LINK_ATTRIBUTE", "SPAN_EVENT", "SPAN_LINK")


def _endpoint(value: str) -> str:
    shown = repr(value.rpartition("@")[2])  # before it stands a password
    try:
        parts = urlsplit(value)
        whole = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    return "" if whole else f"{shown} is no http:// or https:// address; set one such as http://collector:4318"


def _number(value: str) -> str:
    try:
        usable = math.isfinite(float(value)) and float(value) > 0
    except ValueError:
        usable = False
    return "" if usable else f"{value!r} is no number above 0"


def _whole(value: str) -> str:
    return "" if re.fullmatch(r"\s*-?\d+\s*", value) else f"{value!r}: not a whole number"


def _readable(value: str) -> str:
    if Path(value).is_dir():  # of authorities, as OpenSSL's c_rehash makes them
        return ""
    try:
        Path(value).open("rb").close()
    except OSError as exc:
        return f"cannot read {value}: {exc.strerror}"
    return ""


def _one_of(*names: str) -> Check:
    return lambda value: "" if value.strip().lower() in names else f"{value!r}; set one of {', '.join(names)}"


def _anything(_: str) -> str:
    return ""


def _of_each_signal(name: str, check: Check) -> dict[str, Check]:
    return {f"OTEL_EXPORTER_OTLP_{signal}{name}": check for signal in SIGNALS}


HONOURED: dict[str, Check] = {
    "OTEL_SDK_DISABLED": _one_of("true", "false"),
    "OTEL_SERVICE_NAME": _anything,
    "OTEL_RESOURCE_ATTRIBUTES": _anything,
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": _anything,
    "OTEL_TRACES_EXPORTER": _anything,
    "OTEL_METRICS_EXPORTER": _anything,
    "OTEL_PROPAGATORS": _anything,
    "OTEL_TRACES_SAMPLER": _one_of(*SAMPLERS),
    "OTEL_TRACES_SAMPLER_ARG": _anything,
    **_of_each_signal("ENDPOINT", _endpoint),
    **_of_each_signal("PROTOCOL", _anything),
    **_of_each_signal("HEADERS", _anything),
    **_of_each_signal("TIMEOUT", _number),
    **_of_each_signal("COMPRESSION", _one_of("none", "gzip", "deflate")),
    **_of_each_signal("CERTIFICATE", _readable),
    **_of_each_signal("CLIENT_CERTIFICATE", _readable),
    **_of_each_signal("CLIENT_KEY", _readable),
    **dict.fromkeys(BATCHING.values(), _whole),
    **{f"OTEL_{name}_COUNT_LIMIT": _anything for name in _LIMITS},
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": _anything,
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": _anything,
    "OTEL_METRIC_EXPORT_INTERVAL": _number,
    "OTEL_METRIC_EXPORT_TIMEOUT": _number,
    "OTEL_METRICS_EXEMPLAR_FILTER": _one_of("trace_based", "always_on", "always_off"),
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": _one_of("cumulative", "delta", "lowmemory"),
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": _one_of(
        "explicit_bucket_histogram", "base2_exponential_bucket_histogram"
    ),
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER": _anything,
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER": _anything,
    "OTEL_PYTHON_EXPORTER_OTLP_HTTP_METRICS_CREDENTIAL_PROVIDER": _anything,
    "OTEL_PYTHON_CONTEXT": _anything,
}
"""What the documentation lists. A value of ``_anything`` the SDK itself judges, or ``unhonoured`` does."""


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Whether nothing of OpenTelemetry is wanted."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def wrong(environ: Mapping[str, str]) -> Iterator[str]:
    """What cannot be meant: the variable, and what is wrong. Nothing where nothing is sent: then none is read."""
    if is_disabled(environ) or not any(environ.get(name) for name in ENDPOINTS):
        return
    for name, check in HONOURED.items():
        if (value := environ.get(name)) and (why := check(value)):
            yield f"{name}: {why}"
    share = environ.get("OTEL_TRACES_SAMPLER_ARG", "")
    if environ.get("OTEL_TRACES_SAMPLER", "").strip().lower().endswith("traceidratio") and not _is_share(share):
        yield f"OTEL_TRACES_SAMPLER_ARG: {share!r} is no share between 0 and 1, which that sampler needs"


def _is_share(value: str) -> bool:
    try:
        return 0 <= float(value or "1") <= 1
    except ValueError:
        return False


def unhonoured(environ: Mapping[str, str]) -> Iterator[str]:
    """What nothing comes of: the variable, and what happens instead."""
    if is_disabled(environ):
        return
    for signal, what in (("TRACES", "spans"), ("METRICS", "metrics")):
        if others := _names(environ.get(f"OTEL_{signal}_EXPORTER", "")) - {"otlp", "none"}:
            yield f"OTEL_{signal}_EXPORTER: {_list(others)} not honoured; {what} go to an OTLP endpoint alone"
    for signal in SIGNALS:
        name = f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL"
        if others := _names(environ.get(name, "")) - {"http/protobuf"}:
            yield f"{name}: {_list(others)} not honoured; it is http/protobuf, so name the receiver's HTTP port (4318)"
    if others := _names(environ.get("OTEL_PROPAGATORS", "")) - {"tracecontext", "baggage"}:
        yield f"OTEL_PROPAGATORS: {_list(others)} not honoured; the trace goes on in traceparent and tracestate alone"
    unknown = [name for name in environ if name.startswith("OTEL_") and name not in HONOURED and environ[name]]
    if named := [name for name in unknown if not (_FOREIGN.fullmatch(name) or _is_off(name, environ[name]))]:
        yield f"{_list(named)} not honoured"


def _is_off(name: str, value: str) -> bool:
    """Whether it asks for no more than is done anyway: logs are not sent."""
    return name == "OTEL_LOGS_EXPORTER" and value.strip().lower() == "none"


def _names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")} - {""}


def _list(names: Mapping[str, object] | set[str] | list[str]) -> str:
    return f"{', '.join(sorted(names))} {'is' if len(names) == 1 else 'are'}"


def refused_by_the_sdk(message: str) -> str:
    """The SDK's message in one line, as ``variable: what is wrong``; some of them name no variable."""
    text = " ".join(message.split()).rstrip(".")
    for argument, variable in BATCHING.items():
        text = text.replace(argument, variable)
    name, _, rest = text.partition(" ")
    return f"{name}: {rest}" if name.startswith("OTEL_") else f"OTEL_*: {text}"
