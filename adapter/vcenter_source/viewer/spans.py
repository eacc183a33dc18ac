"""The spans of traces: what this process has ended, what a tracing backend knows, and the two as one list."""

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import aiohttp
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import StatusCode

log = structlog.get_logger()

TRACES = 2000
"""Traces of which this process's own spans are kept, the last ones."""

SPANS = 200
"""Spans of one trace."""

ANSWER_SECONDS = 3.0
MAX_ANSWER = 4 * 1024 * 1024


class Kept(SpanProcessor):
    """Keeps this process's spans as they end, whichever thread ends them."""

    def __init__(self) -> None:
        self._traces: OrderedDict[int, list[ReadableSpan]] = OrderedDict()
        self._lock = threading.Lock()

    def on_end(self, span: ReadableSpan) -> None:
        """Note it."""
        if span.context is None:
            return
        with self._lock:
            for trace_id in {span.context.trace_id, *(link.context.trace_id for link in span.links)}:
                spans = self._traces.setdefault(trace_id, [])
                if len(spans) < SPANS:
                    spans.append(span)
            while len(self._traces) > TRACES:
                self._traces.popitem(last=False)

    def of(self, trace_id: str) -> list[dict[str, Any]]:
        """The spans of a trace, whose id is hex."""
        with self._lock:
            spans = list(self._traces.get(int(trace_id, 16), ()))
        return [within(span, trace_id) for span in spans]


def keeping() -> Kept | None:
    """Keep spans from now on; None where nothing is traced."""
    provider = trace.get_tracer_provider()
    if not isinstance(provider, TracerProvider):
        return None
    kept = Kept()
    provider.add_span_processor(kept)
    return kept


def within(span: ReadableSpan, trace_id: str) -> dict[str, Any]:
    """A span as the page has it in this trace: one of another, as a request with several events, is below its link."""
    parents = [f"{link.context.span_id:016x}" for link in span.links if link.context.trace_id == int(trace_id, 16)]
    of_another = span.context is not None and span.context.trace_id != int(trace_id, 16)
    return plain(span) | ({"parent": parents[0]} if of_another and parents else {})


def plain(span: ReadableSpan) -> dict[str, Any]:
    """A span as the page has it: ids are hex, times nanoseconds since 1970 as text, too large for a JSON number."""
    context = span.context
    return {
        "id": f"{context.span_id:016x}" if context else "",
        "parent": f"{span.parent.span_id:016x}" if span.parent else "",
        "name": span.name,
        "service": str(span.resource.attributes.get("service.name", "")),
        "start": str(span.start_time),
        "end": str(span.end_time),
        "failed": span.status.status_code is StatusCode.ERROR,
        "attributes": {
            name: value if isinstance(value, str) else str(value) for name, value in (span.attributes or {}).items()
        },
    }


async def fetched(url: str) -> list[dict[str, Any]]:
    """The spans that a tracing backend has of a trace, asked in OTLP's JSON as Jaeger's /api/v3/traces/ID answers.

    None where it does not answer: the page shows what it has.
    """
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ANSWER_SECONDS)) as client,
            client.get(url, allow_redirects=False) as response,
        ):
            body = await response.json(content_type=None) if response.status == 200 else {}  # noqa: PLR2004
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        log.warning("spans cannot be read", url=url, reason=str(exc) or type(exc).__name__)
        return []
    return list(otlp_spans(body))[:SPANS]


def otlp_spans(body: Any) -> Iterator[dict[str, Any]]:
    """The spans in OTLP's JSON (``ExportTraceServiceRequest``), which Jaeger puts under ``result``."""
    for of_process in items(inner(body, "result") or body, "resourceSpans"):
        service = str(values(inner(of_process, "resource")).get("service.name", ""))
        for of_library in items(of_process, "scopeSpans"):
            for span in items(of_library, "spans"):
                yield {
                    "id": str(span.get("spanId", "")),
                    "parent": str(span.get("parentSpanId", "")),
                    "name": str(span.get("name", "")),
                    "service": service,
                    "start": str(span.get("startTimeUnixNano", "0")),
                    "end": str(span.get("endTimeUnixNano", "0")),
                    "failed": str((inner(span, "status") or {}).get("code")) in {"2", "STATUS_CODE_ERROR"},
                    "attributes": values(span),
                }


def inner(value: Any, name: str) -> Mapping[str, Any] | None:
    """A mapping within a mapping, if it is there."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else None


def items(value: Any, name: str) -> list[Mapping[str, Any]]:
    """The mappings of a list within a mapping."""
    found = value.get(name) if isinstance(value, Mapping) else None
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def values(value: Mapping[str, Any] | None) -> dict[str, str]:
    """OTLP's attributes as texts by name."""
    pairs = items(value, "attributes")
    return {str(each.get("key")): str(next(iter((inner(each, "value") or {}).values()), "")) for each in pairs}


def together(*lists: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """All of the spans, each once, by their beginning."""
    by_id = {span["id"]: span for spans in lists for span in spans}
    return sorted(by_id.values(), key=lambda span: int(span["start"]))
