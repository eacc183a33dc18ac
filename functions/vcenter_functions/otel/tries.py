"""An export request, tried again where that may help: the same for HTTP and gRPC (OTLP 1.x, "Failures")."""

import random
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, Protocol

import structlog

from vcenter_functions.otel.export import REPORT_SECONDS, Ended, Ended_contra

log = structlog.get_logger()

MAX_TRIES = 6


def read_variable(environ: Mapping[str, str], name: str) -> str:
    """Return the value of a variable of OTLP: that for traces wins."""
    return environ.get(f"OTEL_EXPORTER_OTLP_TRACES_{name}") or environ.get(f"OTEL_EXPORTER_OTLP_{name}") or ""


def find_pause(attempt: int) -> float:
    """Return the seconds to wait after a try where the receiver does not say."""
    return (1 << attempt) * random.uniform(0.8, 1.2)  # noqa: S311  not for secrecy


class Request(Protocol[Ended_contra]):
    """The request that carries spans."""

    def encode(self, spans: Sequence[Ended_contra], /) -> bytes:
        """Encode it."""
        ...


class RetryingSender(ABC, Generic[Ended]):
    """Sends requests one after another, for at most OTEL_EXPORTER_OTLP_TIMEOUT each."""

    def __init__(self, request: Request[Ended], environ: Mapping[str, str]) -> None:
        self._request = request
        self._timeout = float(read_variable(environ, "TIMEOUT") or 10)
        self._complained_at = -REPORT_SECONDS

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _try(self, body: bytes, seconds: float, attempt: int) -> tuple[str, float | None]:
        """Send a request; return why it failed, and seconds until the next try, None where that would not help."""

    def _compress(self, body: bytes) -> bytes:
        return body

    def send(self, spans: Sequence[Ended], seconds: float, stop: threading.Event) -> str:
        """Send spans; return why they are lost, or an empty string."""
        body = self._compress(self._request.encode(spans))
        deadline = time.monotonic() + min(seconds, self._timeout)
        for attempt in range(MAX_TRIES):
            why, pause = self._try(body, max(deadline - time.monotonic(), 0.001), attempt)
            if pause is None:
                return why
            if time.monotonic() + pause > deadline or attempt == MAX_TRIES - 1:
                break
            self._complain(why)
            if pause and stop.wait(pause):
                break
        return why

    def _complain(self, why: str) -> None:
        """Log at most once a minute that the receiver does not accept spans."""
        if time.monotonic() - self._complained_at >= REPORT_SECONDS:
            self._complained_at = time.monotonic()
            log.warning("spans are not accepted, trying again", reason=why)
