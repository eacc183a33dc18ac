"""OTLP over gRPC, by the standard variables: a call with the bytes that HTTP carries too. Needs the extra "grpc"."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.util.re import parse_env_headers

from vcenter_functions.net.addresses import strip_secrets
from vcenter_functions.otel.otlp_bytes import SpanRequest
from vcenter_functions.otel.tries import RetryingSender, find_pause, read_variable

if TYPE_CHECKING:
    import grpc

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PORT = 4317
RETRYABLE = frozenset({"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"})
"""OTLP 1.x, "Failures"; RESOURCE_EXHAUSTED too, if the receiver says when to come back."""


class GrpcSender(RetryingSender[bytes]):
    """Calls a receiver."""

    def __init__(self, request: SpanRequest, environ: Mapping[str, str]) -> None:
        super().__init__(request, environ)
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # it writes lines of its own to standard error
        import grpc

        compressions = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}
        self._failure: type[Exception] = grpc.RpcError
        address = read_variable(environ, "ENDPOINT")
        self._shown = strip_secrets(address)
        self._metadata = tuple(parse_env_headers(read_variable(environ, "HEADERS"), liberal=True).items())
        self._compression = compressions.get(read_variable(environ, "COMPRESSION").strip().lower())
        self._channel = open_channel(address, environ)
        self._call = self._channel.unary_unary(METHOD)

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()

    def _try(self, body: bytes, seconds: float, attempt: int) -> tuple[str, float | None]:
        try:
            self._call(body, timeout=seconds, metadata=self._metadata, compression=self._compression)
        except self._failure as exc:
            call = cast("grpc.Call", exc)
            why = f"{self._shown} answers {call.code().name} {call.details() or ''}".rstrip()
            wanted = read_retry_delay(call)
            if call.code().name in RETRYABLE or wanted is not None:
                return why, find_pause(attempt) if wanted is None else wanted
            return why, None
        return "", None


def open_channel(address: str, environ: Mapping[str, str]) -> "grpc.Channel":
    """Open a channel to an http(s) address, with the certificates of the environment."""
    import grpc  # it is not in every installation

    parts = urlsplit(address)
    host = parts.hostname or ""
    target = f"{f'[{host}]' if ':' in host else host}:{parts.port or PORT}"
    if parts.scheme == "http":
        return grpc.insecure_channel(target)
    names = ("CERTIFICATE", "CLIENT_KEY", "CLIENT_CERTIFICATE")
    files = [Path(name).read_bytes() if (name := read_variable(environ, each)) else None for each in names]
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(*files))


def read_retry_delay(failure: "grpc.Call") -> float | None:
    """Return the seconds after which the receiver wants another try; None where it does not say."""
    details = dict(failure.trailing_metadata() or ()).get("grpc-status-details-bin")
    for detail in Status.FromString(details).details if details else ():
        info = RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    return None
