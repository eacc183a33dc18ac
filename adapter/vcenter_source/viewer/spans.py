"""The spans of a trace: this process's own, those of a tracing backend, and both as one list."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import structlog
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, Status

from vcenter_source.core import tracing
from vcenter_source.core.tracing.spans import RecordedSpan

log = structlog.get_logger()

MAX_TRACES = 2000
"""Traces whose spans in this process are kept, the last ones."""

MAX_SPANS = 200
"""Spans of one trace that are kept or shown."""

BACKEND_TIMEOUT = 3.0
"""Seconds that a tracing backend may take."""


class SpanStore:
    """Keeps this process's spans when they end, in whichever thread, as they are exported."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._traces: OrderedDict[bytes, list[bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def keep(self, span: RecordedSpan, encoded: bytes) -> None:
        """Keep a span."""
        with self._lock:
            for trace_id in {span.trace_id, *(link.trace_id for link in span.links)}:
                spans = self._traces.setdefault(trace_id, [])
                if len(spans) < MAX_SPANS:
                    spans.append(encoded)
            while len(self._traces) > MAX_TRACES:
                self._traces.popitem(last=False)

    def spans_of(self, trace_id: str) -> list[dict[str, Any]]:
        """Return the spans of a trace, whose id is hex."""
        wanted = bytes.fromhex(trace_id)
        with self._lock:
            spans = b"".join(self._traces.get(wanted, ()))
        return [convert_in_trace(span, wanted, self._service) for span in ScopeSpans.FromString(spans).spans]


def install_span_store() -> SpanStore | None:
    """Keep spans from now on; None where tracing is off."""
    service = tracing.service_name()
    if service is None:
        return None
    store = SpanStore(service)
    tracing.add_listener(store.keep)
    return store


def convert_in_trace(span: Span, trace_id: bytes, service: str) -> dict[str, Any]:
    """Convert a span for the page. One of another trace (a request with several events) is below the span it links."""
    parents = [link.span_id.hex() for link in span.links if link.trace_id == trace_id]
    is_linked = span.trace_id != trace_id
    return convert(span, service) | ({"parent": parents[0]} if is_linked and parents else {})


def convert(span: Span, service: str) -> dict[str, Any]:
    """Convert a span for the page: ids are hex, times nanoseconds since 1970 as text, too large for a JSON number."""
    return {
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "name": span.name,
        "service": service,
        "start": str(span.start_time_unix_nano),
        "end": str(span.end_time_unix_nano),
        "failed": span.status.code == Status.STATUS_CODE_ERROR,
        "attributes": {pair.key: format_value(pair.value) for pair in span.attributes},
    }


def format_value(value: AnyValue) -> str:
    """Return the text of an attribute's value."""
    return str(getattr(value, value.WhichOneof("value") or "string_value"))


async def fetch_spans(url: str) -> list[dict[str, Any]]:
    """Fetch a trace from a tracing backend, as OTLP's JSON (Jaeger's /api/v3/traces/ID).

    There are no spans where the backend does not answer: the page shows this process's own.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=BACKEND_TIMEOUT)) as client,
            client.get(url, allow_redirects=False) as response,
        ):
            body = await response.json(content_type=None) if response.status == 200 else {}  # noqa: PLR2004
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        log.warning("cannot fetch spans from the tracing backend", url=url, reason=str(exc) or type(exc).__name__)
        return []
    return list(parse_otlp_spans(body))[:MAX_SPANS]


def parse_otlp_spans(body: Any) -> Iterator[dict[str, Any]]:
    """Yield the spans in OTLP's JSON (``ExportTraceServiceRequest``), which Jaeger puts under ``result``."""
    for resource_spans in _mappings(_mapping(body, "result") or body, "resourceSpans"):
        service = str(_attributes(_mapping(resource_spans, "resource")).get("service.name", ""))
        for scope_spans in _mappings(resource_spans, "scopeSpans"):
            for span in _mappings(scope_spans, "spans"):
                yield {
                    "id": str(span.get("spanId", "")),
                    "parent": str(span.get("parentSpanId", "")),
                    "name": str(span.get("name", "")),
                    "service": service,
                    "start": str(span.get("startTimeUnixNano", "0")),
                    "end": str(span.get("endTimeUnixNano", "0")),
                    "failed": str((_mapping(span, "status") or {}).get("code")) in {"2", "STATUS_CODE_ERROR"},
                    "attributes": _attributes(span),
                }


def _mapping(value: Any, name: str) -> Mapping[str, Any] | None:
    """Return a mapping within a mapping; None where there is none."""
    member = value.get(name) if isinstance(value, Mapping) else None
    return member if isinstance(member, Mapping) else None


def _mappings(value: Any, name: str) -> list[Mapping[str, Any]]:
    """Return the mappings of a list within a mapping."""
    member = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in member if isinstance(each, Mapping)] if isinstance(member, list) else []


def _attributes(value: Mapping[str, Any] | None) -> dict[str, str]:
    """Return OTLP's attributes as texts by name."""
    pairs = _mappings(value, "attributes")
    return {str(pair.get("key")): str(next(iter((_mapping(pair, "value") or {}).values()), "")) for pair in pairs}


def merge_spans(*lists: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Merge lists of spans: each span once, by its start."""
    by_id = {span["id"]: span for spans in lists for span in spans}
    return sorted(by_id.values(), key=lambda span: int(span["start"]))
