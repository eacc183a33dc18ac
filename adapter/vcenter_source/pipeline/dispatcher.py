"""Events to a sink: a window in flight, order kept per object, what may pass retried, the rest to the dead letter.

The window bounds memory: it counts the events taken up and not yet acknowledged, also those that wait behind an
earlier one of the same object. When it is full, ``submit`` waits, and so does the reading of more.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import structlog
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    SinkAccessError,
    SinkUnavailableError,
)
from vcenter_source.core.poison import Suspicion, Traffic
from vcenter_source.state.dead_letters import DeadLetter, DeadLetters

log = structlog.get_logger()

ACCESS_MAX_TRIES = 5
"""Tries of an event that is answered as if it were about the way, while others get through, until it is the event."""

PACE = frozenset({408, 425, 429})
"""Answers that speak of the moment: under load they come to any event, again and again."""


class Sink(Protocol):
    """Takes CloudEvents. ``address`` is what an operator calls it, free of user info."""

    @property
    def address(self) -> str:  # noqa: D102  the class says it
        ...

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """Return when the sink has acknowledged the event. ``resend`` counts the tries before this one.

        Raises SinkUnavailableError or EventRefusedError.
        """


@runtime_checkable
class RememberingSink(Sink, Protocol):
    """A sink that sends an event to nobody twice, or may have one behind it that does not."""

    async def send_anew(self, event: CloudEvent, span: Span) -> tuple[str, ...] | None:
        """Send it as if it were new; returns who took it, None where that is not known. Raises as ``send`` does."""


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

    def begun(self) -> None:
        """A delivery begins; what was under way in one before it is not, any more."""

    def taken(self, parcel: Parcel) -> None:
        """It is in the window."""

    def failed(self, parcel: Parcel, reason: str) -> None:
        """A try to send it has failed; another will follow."""

    def turned_away(self, reason: str) -> None:
        """An answer speaks of the way to the sink: until an event is delivered, none may get through."""

    def delivered(self, parcel: Parcel) -> None:
        """The sink has acknowledged it."""

    def dead_lettered(self, parcel: Parcel, reason: str) -> None:
        """The sink will never take it, and the dead letter has stored it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How long one event is tried. ``duration`` is in seconds, from its first try on; after that it is given up.

    ``poison_max_tries`` is how often an event is tried that fails while others get through; None is for ever. ``clock``
    gives seconds and never goes back.
    """

    backoff: Backoff
    duration: float = math.inf
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    poison_max_tries: int | None = None


@dataclass(slots=True)
class Tries:
    """How one parcel has fared: its failed tries, and when it is given up for its age."""

    given_up_at: float
    failures: int = 0
    suspicion: Suspicion = field(default_factory=Suspicion)
    is_access: bool | None = None
    """Whether its last failure spoke of the way; None before the first."""


Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
Fence = Callable[[], None]
"""Raises where this process may deliver no more."""


class Delivery:
    """Carries parcels to a sink, and what the sink will never take to the dead letter.

    ``spawn`` starts its tasks; a TaskGroup's way of it makes a failure that nobody foresaw end the process, where it
    would otherwise leave an object's events waiting for ever.
    """

    def __init__(  # noqa: PLR0913  it is wired in one place, by keyword
        self,
        sink: Sink,
        dead_letters: DeadLetters,
        *,
        max_in_flight: int,
        retry: Retry,
        watch: Watch | None = None,
        spawn: Spawn = asyncio.create_task,
        fence: Fence = lambda: None,
    ) -> None:
        self._spawn = spawn
        self._sink = sink
        self._dead_letters = dead_letters
        self._retry = retry
        self._watch = watch or Watch()
        self._watch.begun()
        self._fence = fence
        self._window = asyncio.Semaphore(max_in_flight)
        self._lanes: dict[str, deque[Parcel]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._traffic = Traffic()
        self._turned_away_at = -1
        """What had been accepted when the log was last told that the sink turns events away."""

    async def submit(self, parcel: Parcel) -> None:
        """Take a parcel up; waits while the window is full."""
        await self._window.acquire()
        self._watch.taken(parcel)
        lane = self._lanes.get(parcel.lane)
        if lane is not None:
            lane.append(parcel)
            return
        self._lanes[parcel.lane] = deque([parcel])
        worker = self._spawn(self._work_off(parcel.lane))
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
        """One parcel, until the sink or the dead letter has it."""
        tries = Tries(self._retry.clock() + self._retry.duration)
        while not await self._attempt(parcel, tries):
            tries.failures += 1
        parcel.span.end()
        parcel.acknowledged()

    async def _attempt(self, parcel: Parcel, tries: Tries) -> bool:
        """One try, and the wait after it where it fails. Returns whether the parcel needs no more care."""
        self._fence()
        if tries.failures:
            tries.suspicion.begin(self._traffic)
        request = self._traffic.begin()
        try:
            await self._sink.send(parcel.event, parcel.span, tries.failures)
        except EventRefusedError as exc:
            return await self._give_up(parcel, tries, exc)
        except SinkUnavailableError as exc:
            return await self._failed(parcel, tries, exc)
        self._traffic.accept(request)
        self._watch.delivered(parcel)
        return True

    async def _failed(self, parcel: Parcel, tries: Tries, why: SinkUnavailableError) -> bool:
        """Wait after a failure that may pass, or give the event up. Returns whether it needs no more care."""
        left = tries.given_up_at - self._retry.clock()
        if left <= 0:
            return await self._give_up(parcel, tries, why)
        if self._is_poison(tries, why):
            return await self._give_up(parcel, tries, why, why_now="others get through meanwhile")
        delay = min(left, self._retry.backoff.delay(tries.failures, at_least=why.retry_after or 0.0))
        if isinstance(why, SinkAccessError):
            await self._wait_turned_away(parcel, delay, why)
        else:
            await self._wait("sink did not take the event, trying again", parcel, delay, why)
        return False

    def _is_poison(self, tries: Tries, why: SinkUnavailableError) -> bool:
        """Whether it is the event that is to blame, since others get through, and it was tried often enough."""
        is_access = isinstance(why, SinkAccessError)
        if tries.is_access is not is_access:
            tries.is_access = is_access
            tries.suspicion.clear()
        most = ACCESS_MAX_TRIES if is_access else self._retry.poison_max_tries
        if most is None or why.status in PACE:
            return False
        return tries.suspicion.fail(self._traffic) >= most

    async def _give_up(
        self, parcel: Parcel, tries: Tries, why: SinkUnavailableError | EventRefusedError, **more: str
    ) -> bool:
        """To the dead letter. An event that this cannot take either is held, and tried again with the sink too.

        It is never dropped: a checkpoint would move past an event that is stored nowhere.
        """
        self._fence()
        letter = DeadLetter(parcel.event, self._sink.address, str(why), why.status, why.body, why.takers)
        try:
            await self._dead_letters.store(letter, parcel.span)
        except DeadLetterUnavailableError as exc:
            delay = self._retry.backoff.delay(tries.failures)
            await self._wait("event is held, trying again", parcel, delay, why, dead_letter=str(exc))
            return False
        more |= names(parcel)
        log.error(
            "sink will not take the event, it is in the dead letter", reason=str(why), tries=tries.failures + 1, **more
        )
        tracing.gave_up(parcel.span, why)
        self._watch.dead_lettered(parcel, str(why))
        return True

    async def _wait_turned_away(self, parcel: Parcel, seconds: float, why: SinkAccessError) -> None:
        """Wait, with one line until something gets through: all that are on their way fare alike."""
        self._watch.turned_away(str(why))
        told, self._turned_away_at = self._turned_away_at == self._traffic.accepted, self._traffic.accepted
        level = logging.DEBUG if told else logging.WARNING
        await self._wait("sink turns the event away; held while nothing gets through", parcel, seconds, why, level)

    async def _wait(
        self, what: str, parcel: Parcel, seconds: float, why: Exception, level: int = logging.WARNING, **more: str
    ) -> None:
        self._watch.failed(parcel, str(why))
        log.log(level, what, reason=str(why), **more, seconds=round(seconds, 2), **names(parcel))
        await self._retry.sleep(seconds)


def names(parcel: Parcel) -> dict[str, str]:
    """What a log line calls a parcel; without a trace_id where nothing is traced."""
    trace_id = parcel.span.get_span_context().trace_id
    attributes = parcel.event.get_attributes()
    named = {"event_id": attributes["id"], "event_type": attributes["type"]}
    return named | {"trace_id": f"{trace_id:032x}"} if trace_id else named
