"""Events to a sink: a window in flight, order kept per object, every failure retried.

The window bounds memory: it counts the events taken up and not yet acknowledged, also those that wait behind an
earlier one of the same object. When it is full, ``submit`` waits, and so does the reading of more.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import structlog
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from adapter.backoff import Backoff
from adapter.errors import EventRefusedError, SinkUnavailableError

log = structlog.get_logger()


class Sink(Protocol):
    """Takes CloudEvents."""

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """Return when the sink has acknowledged the event. ``resend`` counts the tries before this one.

        Raises SinkUnavailableError or EventRefusedError.
        """


@dataclass(frozen=True, slots=True)
class Parcel:
    """One CloudEvent on its way. ``lane`` is what its order is kept within; ``span`` is the root of its trace.

    ``acknowledged`` is called once, when the event needs no more care.
    """

    event: CloudEvent
    lane: str
    span: Span
    acknowledged: Callable[[], None]


class Watch:
    """Is told how each parcel fares; this one does nothing with it. Metrics and readiness are made of these."""

    def taken(self, parcel: Parcel) -> None:
        """It is in the window."""

    def failed(self, parcel: Parcel, reason: str) -> None:
        """A try to send it has failed; another will follow."""

    def delivered(self, parcel: Parcel) -> None:
        """The sink has acknowledged it."""

    def dead_lettered(self, parcel: Parcel) -> None:
        """The sink has refused it for good."""


class Delivery:
    """Carries parcels to a sink. Use it as an async context manager; at the end nothing is left running."""

    def __init__(
        self,
        sink: Sink,
        *,
        max_in_flight: int,
        backoff: Backoff,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        watch: Watch | None = None,
    ) -> None:
        self._sink = sink
        self._backoff = backoff
        self._sleep = sleep
        self._watch = watch or Watch()
        self._window = asyncio.Semaphore(max_in_flight)
        self._lanes: dict[str, deque[Parcel]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def submit(self, parcel: Parcel) -> None:
        """Take a parcel up; waits while the window is full."""
        await self._window.acquire()
        self._watch.taken(parcel)
        lane = self._lanes.get(parcel.lane)
        if lane is not None:
            lane.append(parcel)
            return
        self._lanes[parcel.lane] = deque([parcel])
        worker = asyncio.create_task(self._work_off(parcel.lane))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def drain(self, seconds: float) -> int:
        """Wait for the parcels on their way, at most ``seconds``; returns how many are left, unacknowledged."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=seconds)
        left = sum(map(len, self._lanes.values()))
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return left

    async def _work_off(self, name: str) -> None:
        """Deliver one lane's parcels in turn. A lane exists only while it has any."""
        lane = self._lanes[name]
        while lane:
            await self._deliver(lane[0])
            lane.popleft()
            self._window.release()
        del self._lanes[name]

    async def _deliver(self, parcel: Parcel) -> None:
        """One parcel, until the sink has it or refuses it for good."""
        failures = 0
        while True:
            try:
                await self._sink.send(parcel.event, parcel.span, failures)
            except SinkUnavailableError as exc:
                delay = self._backoff.delay(failures, at_least=exc.retry_after or 0.0)
                failures += 1
                self._watch.failed(parcel, str(exc))
                log.warning(
                    "sink did not take the event, trying again",
                    reason=str(exc),
                    seconds=round(delay, 2),
                    **names(parcel),
                )
                await self._sleep(delay)
            except EventRefusedError as exc:
                log.error("sink refuses the event for good, it is dropped", reason=str(exc), **names(parcel))
                self._watch.dead_lettered(parcel)
                break
            else:
                self._watch.delivered(parcel)
                break
        parcel.span.end()
        parcel.acknowledged()


def names(parcel: Parcel) -> dict[str, str]:
    """What a log line calls a parcel; without a trace_id where nothing is traced."""
    trace_id = parcel.span.get_span_context().trace_id
    attributes = parcel.event.get_attributes()
    named = {"event_id": attributes["id"], "event_type": attributes["type"]}
    return named | {"trace_id": f"{trace_id:032x}"} if trace_id else named
