"""Spans on their way to an OTLP receiver: a bounded queue, and a thread that sends what is in it in batches.

A receiver that is away or slow costs nothing where spans end: if the queue is full, they are dropped and counted.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import structlog
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value

from vcenter_functions.otel.sdk import FLUSH_SECONDS
from vcenter_functions.otel.variables import BATCHING

log = structlog.get_logger()

REPORT_SECONDS = 60.0
"""How often the log says that spans are dropped, at most."""

Ended_contra = TypeVar("Ended_contra", contravariant=True)
"""A span that has ended: its bytes, or what can be encoded later."""

Ended = TypeVar("Ended")


class Sender(Protocol[Ended_contra]):
    """What sends a request to the receiver."""

    def send(self, spans: Sequence[Ended_contra], seconds: float, stop: threading.Event) -> str:
        """Send spans, for at most so many seconds; return why they are lost, or an empty string.

        ``stop`` is set when the process ends, and is worth no further try then.
        """

    def close(self) -> None:
        """Close its connections."""


@dataclass(frozen=True, slots=True)
class Batching:
    """How spans are batched, by OTEL_BSP_*; times are in milliseconds."""

    max_queue_size: int = 2048
    max_export_batch_size: int = 512
    schedule_delay_millis: int = 5000
    export_timeout_millis: int = 30000


def read_batching(environ: Mapping[str, str]) -> Batching:
    """Read OTEL_BSP_*. Raises ValueError as the SDK does, with the SDK's names of what is wrong."""
    named = {name: int(value) for name, variable in BATCHING.items() if (value := environ.get(variable))}
    batching = Batching(**named)
    for name in ("max_queue_size", "max_export_batch_size", "schedule_delay_millis", "export_timeout_millis"):
        if getattr(batching, name) <= 0:
            raise ValueError(f"{name} must be above 0")
    if batching.max_export_batch_size > batching.max_queue_size:
        raise ValueError(f"max_export_batch_size must be at most {BATCHING['max_queue_size']}")
    return batching


class Losses:
    """Counts the spans that are lost, and says so once a minute. Called in any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._logged = 0
        self._logged_at = -REPORT_SECONDS
        self._counters: list[Callable[[int], None]] = []

    def add_counter(self, count: Callable[[int], None]) -> None:
        """Have each loss counted by this as well, those so far too."""
        with self._lock:
            self._counters.append(count)
            count(self.total)

    def add(self, spans: int, reason: str) -> None:
        """Count lost spans."""
        with self._lock:
            self.total += spans
            for count in self._counters:
                count(spans)
            now = self._clock()
            if now - self._logged_at >= REPORT_SECONDS:
                self._log(now, reason)

    def _log(self, now: float, reason: str) -> None:
        log.warning("spans are dropped", reason=reason, spans=self.total - self._logged)
        self._logged, self._logged_at = self.total, now


class Exporter(Generic[Ended]):
    """Sends spans in a thread of its own, from ``start`` to ``close``."""

    def __init__(self, sender: Sender[Ended], batching: Batching) -> None:
        self.losses = Losses()
        self._sender = sender
        self._batching = batching
        self._queue: deque[Ended] = deque()
        self._crowded = batching.max_queue_size // 2
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._flushes: deque[threading.Event] = deque()
        self._thread = threading.Thread(target=self._run, name="spans", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def has_room(self) -> bool:
        """Whether a span fits into the queue; one that does not is counted as lost."""
        if len(self._queue) < self._batching.max_queue_size:
            return True
        self.losses.add(1, "the receiver does not accept spans as fast as they come")
        return False

    def put(self, span: Ended) -> None:
        """Queue a span, for which there is room."""
        self._queue.append(span)
        if len(self._queue) >= self._batching.max_export_batch_size and not self._wake.is_set():
            self._wake.set()

    @property
    def is_crowded(self) -> bool:
        """Whether the queue is half full: the other half is for the events that are under way."""
        return len(self._queue) > self._crowded

    def flush(self, seconds: float) -> bool:
        """Send what is queued, and wait for at most so long; return whether that was enough."""
        flushed = threading.Event()
        self._flushes.append(flushed)  # before the look at _stop: the thread answers once more after that is set
        self._wake.set()
        return not self._stop.is_set() and flushed.wait(seconds)

    def close(self) -> None:
        """Send what is queued, for at most FLUSH_SECONDS."""
        self._stop.set()
        self._wake.set()
        self._thread.join(FLUSH_SECONDS)
        if lost := len(self._queue):
            self.losses.add(lost, "the receiver did not accept them before the end")

    def _run(self) -> None:
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))  # a request with spans has no span
        while not self._stop.is_set():
            is_full = self._wake.wait(self._batching.schedule_delay_millis / 1000)
            self._wake.clear()
            self._send_due(self._batching.max_export_batch_size if is_full else 1)
        self._send_due(1)
        self._sender.close()

    def _send_due(self, at_least: int) -> None:
        """Send batches while there are at least so many spans, or all for those who wait in ``flush``."""
        wanted = len(self._flushes)
        self._send(1 if wanted else at_least)
        for _ in range(wanted):
            self._flushes.popleft().set()

    def _send(self, at_least: int) -> None:
        """Send batches while there are at least so many spans."""
        while len(self._queue) >= at_least:
            size = min(len(self._queue), self._batching.max_export_batch_size)
            batch = [self._queue.popleft() for _ in range(size)]
            if why := self._send_batch(batch):
                self.losses.add(size, why)

    def _send_batch(self, batch: Sequence[Ended]) -> str:
        """Send a batch; return why it is lost. A plug-in's session may raise anything, and must not end the thread."""
        try:
            return self._sender.send(batch, self._batching.export_timeout_millis / 1000, self._stop)
        except Exception as exc:  # noqa: BLE001  it is logged
            return type(exc).__name__
