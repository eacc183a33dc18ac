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

import structlog

from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    SinkAccessError,
    SinkUnavailableError,
)
from vcenter_source.core.observers import Observer
from vcenter_source.core.poison import Suspicion, Traffic
from vcenter_source.state.dead_letters import DeadLetters, Reason

log = structlog.get_logger()

ACCESS_MAX_TRIES = 5
"""Tries of an event that is answered as if it were about the way, while others get through, until it is the event."""

PACE = frozenset({408, 425, 429})
"""Answers that speak of the moment: under load they come to any event, again and again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
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
    """How the tries of one event have gone, and when it is given up for its age."""

    given_up_at: float
    suspicion: Suspicion = field(default_factory=Suspicion)
    is_access: bool | None = None
    """Whether its last failure spoke of the way; None before the first."""


Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]
Fence = Callable[[], None]
"""Raises where this process may deliver no more."""


class Dispatcher:
    """Carries events to a sink, and what the sink will never take to the dead letter.

    ``spawn`` starts its tasks; a TaskGroup's way of it makes a failure that nobody foresaw end the process, where it
    would otherwise leave an object's events waiting for ever.
    """

    def __init__(  # noqa: PLR0913  it is wired in one place, by keyword
        self,
        sink: Sink,
        dead_letters: DeadLetters,
        *,
        max_in_flight: int,
        retry: RetryPolicy,
        observer: Observer | None = None,
        spawn: Spawn = asyncio.create_task,
        fence: Fence = lambda: None,
    ) -> None:
        self._spawn = spawn
        self._sink = sink
        self._dead_letters = dead_letters
        self._retry = retry
        self._observer = observer or Observer()
        self._fence = fence
        self._window = asyncio.Semaphore(max_in_flight)
        self._lanes: dict[str, deque[Envelope]] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._traffic = Traffic()
        self._turned_away_at = -1
        """What had been accepted when the log was last told that the sink turns events away."""

    async def submit(self, envelope: Envelope) -> None:
        """Take a envelope up; waits while the window is full."""
        await self._window.acquire()
        envelope.accepted_at = self._retry.clock()
        self._observer.on_accepted(envelope)
        lane = self._lanes.get(envelope.ordering_key)
        if lane is not None:
            lane.append(envelope)
            return
        self._lanes[envelope.ordering_key] = deque([envelope])
        worker = self._spawn(self._work_off(envelope.ordering_key))
        self._workers.add(worker)
        worker.add_done_callback(self._workers.discard)

    async def drain(self, seconds: float) -> int:
        """Wait for the events on their way, at most ``seconds``; returns how many are left, unacknowledged."""
        if self._workers:
            await asyncio.wait(self._workers, timeout=seconds)
        left = sum(map(len, self._lanes.values()))
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        return left

    async def _work_off(self, name: str) -> None:
        """Deliver one lane's events in turn. A lane exists only while it has any."""
        lane = self._lanes[name]
        while lane:
            await self._deliver(lane[0])
            lane.popleft()
            self._window.release()
        del self._lanes[name]

    async def _deliver(self, envelope: Envelope) -> None:
        """One envelope, until the sink or the dead letter has it."""
        tries = Tries(self._retry.clock() + self._retry.duration)
        while not await self._attempt(envelope, tries):
            envelope.attempt += 1
        envelope.span.end()
        envelope.on_done()

    async def _attempt(self, envelope: Envelope, tries: Tries) -> bool:
        """One try, and the wait after it where it fails. Returns whether the envelope needs no more care."""
        self._fence()
        if envelope.attempt:
            tries.suspicion.begin(self._traffic)
        request = self._traffic.begin()
        try:
            await self._sink.send(envelope)
        except EventRefusedError as exc:
            return await self._give_up(envelope, exc)
        except SinkUnavailableError as exc:
            return await self._failed(envelope, tries, exc)
        self._traffic.accept(request)
        self._observer.on_delivered(envelope)
        return True

    async def _failed(self, envelope: Envelope, tries: Tries, why: SinkUnavailableError) -> bool:
        """Wait after a failure that may pass, or give the event up. Returns whether it needs no more care."""
        left = tries.given_up_at - self._retry.clock()
        if left <= 0:
            return await self._give_up(envelope, why)
        if self._is_poison(tries, why):
            return await self._give_up(envelope, why, why_now="others get through meanwhile")
        delay = min(left, self._retry.backoff.delay(envelope.attempt, at_least=why.retry_after or 0.0))
        if isinstance(why, SinkAccessError):
            await self._wait_turned_away(envelope, delay, why)
        else:
            await self._wait("sink did not take the event, trying again", envelope, delay, why)
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

    async def _give_up(self, envelope: Envelope, why: SinkUnavailableError | EventRefusedError, **more: str) -> bool:
        """To the dead letter. An event that this cannot take either is held, and tried again with the sink too.

        It is never dropped: a checkpoint would move past an event that is stored nowhere.
        """
        self._fence()
        reason = Reason(self._sink.address, str(why), why.status, why.body, why.takers)
        try:
            await self._dead_letters.store(envelope, reason)
        except DeadLetterUnavailableError as exc:
            delay = self._retry.backoff.delay(envelope.attempt)
            await self._wait("event is held, trying again", envelope, delay, why, dead_letter=str(exc))
            return False
        more |= names(envelope)
        said = "sink will not take the event, it is in the dead letter"
        log.error(said, reason=str(why), tries=envelope.attempt + 1, **more)
        tracing.mark_dead_letter(envelope.span, why)
        self._observer.on_dead_lettered(envelope, str(why))
        return True

    async def _wait_turned_away(self, envelope: Envelope, seconds: float, why: SinkAccessError) -> None:
        """Wait, with one line until something gets through: all that are on their way fare alike."""
        self._observer.on_access_refused(str(why))
        told, self._turned_away_at = self._turned_away_at == self._traffic.accepted, self._traffic.accepted
        level = logging.DEBUG if told else logging.WARNING
        await self._wait("sink turns the event away; held while nothing gets through", envelope, seconds, why, level)

    async def _wait(
        self, what: str, envelope: Envelope, seconds: float, why: Exception, level: int = logging.WARNING, **more: str
    ) -> None:
        self._observer.on_retrying(envelope, str(why))
        log.log(level, what, reason=str(why), **more, seconds=round(seconds, 2), **names(envelope))
        await self._retry.sleep(seconds)


def names(envelope: Envelope) -> dict[str, str]:
    """What a log line calls a envelope; without a trace_id where nothing is traced."""
    trace_id = envelope.span.get_span_context().trace_id
    attributes = envelope.event.get_attributes()
    named = {"event_id": attributes["id"], "event_type": attributes["type"]}
    return named | {"trace_id": f"{trace_id:032x}"} if trace_id else named
