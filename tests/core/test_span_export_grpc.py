"""Spans by gRPC: a receiver of grpcio's own gets them, and what it answers decides as it does over HTTP."""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage  # type: ignore[import-untyped]
from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from structlog.testing import capture_logs

from tests.support.certificates import Identity
from tests.support.otlp_collector import collector as http_collector
from vcenter_functions.otel.variables import GrpcSupport, find_ignored
from vcenter_source.core import tracing

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # it would complain whenever another test starts a process
import grpc

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
BY_HTTP = "it is http/protobuf, so name the receiver's HTTP port (4318)"


@dataclass
class Collector:
    """Answers with these failures, one after another, and then accepts."""

    failures: list[grpc.Status] = field(default_factory=list)
    port: int = 0
    metadata: dict[str, str] = field(default_factory=dict)
    spans: list[Any] = field(default_factory=list)
    calls: int = 0

    def export(self, body: bytes, context: grpc.ServicerContext) -> bytes:
        self.calls += 1
        if self.failures:
            context.abort_with_status(self.failures.pop(0))
        self.metadata = dict(context.invocation_metadata())
        self.spans += ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
        return b""


@contextmanager
def collector(*failures: grpc.Status, credentials: grpc.ServerCredentials | None = None) -> Iterator[Collector]:
    made = Collector(list(failures))
    service = "opentelemetry.proto.collector.trace.v1.TraceService"
    server = grpc.server(ThreadPoolExecutor(1))
    handlers = {"Export": grpc.unary_unary_rpc_method_handler(made.export)}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    address = "127.0.0.1:0"
    made.port = server.add_secure_port(address, credentials) if credentials else server.add_insecure_port(address)
    server.start()
    try:
        yield made
    finally:
        server.stop(None).wait()


class Failure(grpc.Status):  # type: ignore[misc]  # grpcio has no types
    def __init__(self, code: grpc.StatusCode, delay: int | None = None) -> None:
        self.code, self.details = code, "why"
        packed = AnyMessage()
        packed.Pack(RetryInfo(retry_delay=Duration(seconds=delay or 0)))
        status = Status(code=code.value[0], details=[packed]).SerializeToString()
        self.trailing_metadata = () if delay is None else (("grpc-status-details-bin", status),)


def export(monkeypatch: pytest.MonkeyPatch, address: str, **environ: str) -> int:
    """Export two spans, and return how many were lost."""
    lost: list[int] = []
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", **environ}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with tracing.export_spans():
        tracing.count_losses(lost.append)
        for _ in range(2):
            tracing.start_root_span("a").end()
    return sum(lost)


@pytest.mark.parametrize("coding", ["none", "gzip"])
def test_spans_arrive_with_the_headers(monkeypatch: pytest.MonkeyPatch, coding: str) -> None:
    environ = {"OTEL_EXPORTER_OTLP_HEADERS": "Api-Key=a%20b", "OTEL_EXPORTER_OTLP_COMPRESSION": coding}
    with collector() as receiver:
        assert export(monkeypatch, f"http://127.0.0.1:{receiver.port}", **environ) == 0
    assert [span.name for span in receiver.spans] == ["CloudEvents Create a"] * 2
    assert receiver.metadata["api-key"] == "a b"


def test_they_are_sent_again_when_the_receiver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = Failure(grpc.StatusCode.RESOURCE_EXHAUSTED, 0)
    with collector(busy, Failure(grpc.StatusCode.UNAVAILABLE, 0)) as receiver:
        assert export(monkeypatch, f"http://127.0.0.1:{receiver.port}") == 0
    assert (receiver.calls, len(receiver.spans)) == (3, 2)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_what_is_refused_is_lost_and_named(monkeypatch: pytest.MonkeyPatch, code: grpc.StatusCode) -> None:
    with capture_logs() as lines, collector(Failure(code)) as receiver:
        address = f"http://me:secret@127.0.0.1:{receiver.port}"
        assert export(monkeypatch, address, OTEL_METRICS_EXPORTER="none") == 2
    (line,) = lines
    assert (line["event"], line["spans"]) == ("spans are dropped", 2)
    assert line["reason"] == f"http://127.0.0.1:{receiver.port} answers {code.name} why"


def test_an_https_address_is_checked_with_the_certificate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authority = Identity("root", ca=True)
    certificate = tmp_path / "ca.pem"
    certificate.write_bytes(authority.pem)
    shown = Identity("server", authority).files(tmp_path).read_bytes()
    credentials = grpc.ssl_server_credentials([(shown, shown)])
    with collector(credentials=credentials) as receiver:
        address = f"https://localhost:{receiver.port}"
        assert export(monkeypatch, address, OTEL_EXPORTER_OTLP_CERTIFICATE=str(certificate)) == 0
    assert len(receiver.spans) == 2


def test_without_the_extra_spans_go_by_http_and_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "grpc", None)  # as where it is not installed
    with capture_logs() as lines, http_collector() as receiver:
        assert export(monkeypatch, receiver.url) == 0
    assert len(receiver.spans()) == 2
    assert [line["event"] for line in lines] == [
        f"OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not honoured; {BY_HTTP}; or install the extra grpc"
    ]


@pytest.mark.parametrize(
    ("environ", "support", "line"),
    [
        ({"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, GrpcSupport.INSTALLED, None),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_METRICS_EXPORTER": "none"}, GrpcSupport.INSTALLED, None),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            GrpcSupport.INSTALLED,
            "OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not honoured for metrics; name the receiver's HTTP address in",
        ),
        (
            {"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "grpc"},
            GrpcSupport.INSTALLED,
            f"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: grpc is not honoured; {BY_HTTP}",
        ),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            GrpcSupport.EXTRA,
            f"OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not honoured; {BY_HTTP}; or install the extra grpc",
        ),
    ],
)
def test_where_it_is_not_honoured_one_line_says_so(
    environ: dict[str, str], support: GrpcSupport, line: str | None
) -> None:
    found = list(find_ignored(ENDPOINT | environ, support))
    assert len(found) == (line is not None)
    assert not line or found[0].startswith(line)
