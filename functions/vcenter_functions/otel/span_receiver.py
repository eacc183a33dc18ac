"""A small OTLP/HTTP receiver: keeps the spans that processes started here export, and forwards them to the user's own.

OTLP 1.x over HTTP: ``POST /v1/traces``, protobuf, gzip or plain; the answer is an empty ExportTraceServiceResponse.
``GET /api/v3/traces/ID`` returns the spans of a trace, as Jaeger does, to the event viewer.
"""

import gzip
import json
import os
import queue
import threading
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import unquote

import httpx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # protobuf ships no types
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Status
from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

from vcenter_functions.otel.waterfall import Span

TRACES = "/api/v3/traces/"
_PROTOBUF = "application/x-protobuf"


class Receiver:
    """Receives spans on a free loopback port, in threads of its own, from ``with`` to its end.

    ``on_spans`` is called with those of each request, in one of these threads.
    """

    def __init__(
        self,
        forward: "Forwarder | None" = None,
        *,
        keep: int = 20_000,
        on_spans: Callable[[list[Span]], None] = lambda _: None,
    ) -> None:
        self._on_spans = on_spans
        self._spans: deque[Span] = deque(maxlen=keep)
        self._forward = forward
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """What OTEL_EXPORTER_OTLP_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def trace(self, trace_id: str) -> list[Span]:
        """Return the spans of a trace that have arrived so far; ``trace_id`` is hex."""
        return [span for span in self._spans.copy() if span.trace_id == trace_id]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        if self._forward:
            self._forward.close()

    def take(self, body: bytes, encoding: str) -> None:
        """Keep and forward one export request. Raises ValueError where the body is none."""
        plain = unpack(body, encoding)
        try:
            request = ExportTraceServiceRequest.FromString(plain)
        except DecodeError as exc:
            raise ValueError(f"not an ExportTraceServiceRequest: {exc}") from exc
        spans = read_spans(request)
        self._spans.extend(spans)
        self._on_spans(spans)
        if self._forward:
            self._forward.put(plain)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", 0)))
                try:
                    if self.path == "/v1/traces":
                        receiver.take(body, self.headers.get("content-encoding", ""))
                    self._answer(200 if self.path == "/v1/traces" else 404)
                except ValueError:
                    self._answer(400)

            def do_GET(self) -> None:
                trace_id = self.path.removeprefix(TRACES)
                if trace_id == self.path:
                    self._answer(404)
                else:
                    document = {"result": {"resourceSpans": [as_json(span) for span in receiver.trace(trace_id)]}}
                    self._answer(200, json.dumps(document).encode(), "application/json")

            def _answer(self, status: int, body: bytes = b"", content_type: str = _PROTOBUF) -> None:
                self.send_response(status)
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Write nothing: the terminal belongs to the scenario."""

        return Handler


class Forwarder:
    """Forwards export requests, one after another, in a thread, and complains once if that fails."""

    def __init__(self, url: str, headers: Mapping[str, str], complain: Callable[[str], None]) -> None:
        self._url = url
        self._headers = {**headers, "content-type": _PROTOBUF}
        self._complain = complain
        self._queue: queue.Queue[bytes | None] = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def put(self, body: bytes) -> None:
        """Queue one request."""
        self._queue.put(body)

    def close(self, timeout: float = 3.0) -> None:
        """Send what is queued, for at most ``timeout`` seconds."""
        self._queue.put(None)
        self._thread.join(timeout)

    def _run(self) -> None:
        complained = False
        with httpx.Client(headers=self._headers, timeout=5) as client:
            while (body := self._queue.get()) is not None:
                reason = self._send(client, body)
                if reason and not complained:
                    complained = True
                    self._complain(f"the spans cannot be handed on to {self._url}: {reason}")

    def _send(self, client: httpx.Client, body: bytes) -> str:
        """Send a request; return an empty string, or why it failed."""
        try:
            answer = client.post(self._url, content=body)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return str(exc) or type(exc).__name__
        return "" if answer.is_success else f"it answers {answer.status_code}"


def forwarder(complain: Callable[[str], None], environment: Mapping[str, str] = os.environ) -> Forwarder | None:
    """Return the forwarder to the user's own OTLP endpoint, None if the environment names none."""
    base = environment.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    url = environment.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or (base and f"{base.rstrip('/')}/v1/traces")
    if not url:
        return None
    headers = environment.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environment.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = (pair.partition("=") for pair in headers.split(",") if "=" in pair)
    return Forwarder(url, {name.strip(): unquote(value.strip()) for name, _, value in pairs}, complain)


def unpack(body: bytes, encoding: str) -> bytes:
    """Undo the request's Content-Encoding. Raises ValueError if that is not possible."""
    if encoding in {"", "identity"}:
        return body
    if encoding != "gzip":
        raise ValueError(f"content-encoding {encoding!r} is not supported")
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error) as exc:
        raise ValueError(f"not gzip: {exc}") from exc


def read_spans(request: ExportTraceServiceRequest) -> list[Span]:
    """Return the spans of an export request, of every process in it."""
    return [
        _parse_span(span, _service_name(of_process))
        for of_process in request.resource_spans
        for of_library in of_process.scope_spans
        for span in of_library.spans
    ]


def as_json(span: Span) -> dict[str, Any]:
    """Return a span in OTLP's JSON, with the process that it is of."""
    own = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_id,
        "name": span.name,
        "startTimeUnixNano": str(span.start),
        "endTimeUnixNano": str(span.end),
        "status": {"code": 2} if span.failed else {},
        "attributes": _to_json_attributes(span.attributes),
    }
    return {
        "resource": {"attributes": _to_json_attributes({"service.name": span.service})},
        "scopeSpans": [{"spans": [own]}],
    }


def _to_json_attributes(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": {"stringValue": str(value)}} for name, value in attributes.items()]


def _service_name(spans: ResourceSpans) -> str:
    return str(_parse_attributes(spans.resource.attributes).get("service.name", "unknown"))


def _parse_span(span: ProtoSpan, service: str) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        name=span.name,
        service=service,
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        attributes=_parse_attributes(span.attributes),
    )


def _parse_attributes(pairs: Any) -> dict[str, Any]:
    """Return the scalar attributes; nothing here shows arrays or maps."""
    attributes: dict[str, Any] = {}
    for pair in pairs:
        kind = pair.value.WhichOneof("value")
        if kind in {"string_value", "bool_value", "int_value", "double_value"}:
            attributes[pair.key] = getattr(pair.value, kind)
    return attributes
