"""Delivers events to a sink: a window in flight, order per object, retries, and the dead letter for the rest.

A lane holds the events of one object, and only the first of them is tried. The window counts all events in all lanes,
so it bounds memory: when it is full, ``submit`` waits, and so does the reading of more::

    submit ─▶ window ─┬─▶ lane vm-1: e7 e4 e1 ─▶ sink
                      └─▶ lane vm-2: e5 e2    ─▶ sink
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Fence, Sink
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    SinkAccessError,
    SinkUnavailableError,
)
from vcenter_source.core.observers import Observer
from vcenter_source.core.poison import Suspicion, Traffic
from vcenter_source.core.sink_log import SinkLog, log_fields
from vcenter_source.state.dead_letters import DeadLetters, Reason

log = structlog.get_logger()

MAX_ACCESS_TRIES = 5
"""After so many tries an event itself is to blame for responses about the way, if the sink accepts other events."""

PACE_STATUSES = frozenset({408, 425, 429})
"""Statuses that say "not now": under load any event gets them, again and again."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long an event is tried. It is given up ``duration`` seconds after its first try.

    ``poison_max_tries`` is how often an event is tried that fails while others get through; None is for ever. ``clock``
    returns seconds and never goes back.
    """

    backoff: Backoff
    duration: float = math.inf
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    poison_max_tries: int | None = None


@dataclass(slots=True)
class Tries:
    """How the tries of one event have gone. ``given_up_at`` is when it is too old for another one."""

    given_up_at: float
    suspicion: Suspicion = field(default_factory=Suspicion)
    is_access: bool | None = None
    """Whether the last failure was about the way to the sink; None before the first failure."""


Spawn = Callable[[Coroutine[None, None, None]], asyncio.Task[None]]


class Dispatcher:
    """Delivers events to a sink, and those that the sink refuses for good to the dead letter.

    ``spawn`` starts its tasks. With a TaskGroup's, an unforeseen failure ends the process; without, the events of one
    object would wait for ever. ``sink_log`` is the log of the sink, where other dispatchers share it.
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
        sink_log: SinkLog | None = None,
    ) -> None:
        self._spawn = spawn
        self._sink = sink
        self._dead_letters = dead_letters
        self._retry = retry
        self._observer = observer or Observer()
        self._fence = fence
        self._max_in_flight, self._in_flight = max_in_flight, 0
        self._room = asyncio.Event()
        self._lanes: dict[str, deque[Envelope]] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        """The task of each lane."""
        self._traffic = Traffic()
        self._sink_log = sink_log or SinkLog(sink.address, retry.clock)

    async def submit(self, envelope: Envelope) -> None:
        """Accept an event. Wait while the window is full."""
        while self._in_flight >= self._max_in_flight:
            self._room.clear()
            await self._room.wait()
        self._in_flight += 1
        envelope.accepted_at, envelope.fence = self._retry.clock(), self._fence
        self._observer.on_accepted(envelope)
        lane = self._lanes.get(envelope.ordering_key)
        if lane is not None:
            lane.append(envelope)
            return
        self._lanes[envelope.ordering_key] = deque([envelope])
        self._workers[envelope.ordering_key] = self._spawn(self._deliver_lane(envelope.ordering_key))

    async def drain(self, seconds: float) -> int:
        """Wait for the events in flight, at most ``seconds``. Return how many are still unacknowledged."""
        if self._workers:
            await asyncio.wait(self._workers.values(), timeout=seconds)
        undelivered, workers = sum(map(len, self._lanes.values())), list(self._workers.values())
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        return undelivered

    async def _deliver_lane(self, name: str) -> None:
        """Deliver one lane's events in turn. A lane exists only while it has events."""
        lane = self._lanes[name]
        while lane:
            envelope = lane[0]
            tries = Tries(self._retry.clock() + self._retry.duration)
            try:
                while not await self._attempt(envelope, tries):
                    envelope.attempt += 1
            finally:
                if self._sink_log.has_trouble:
                    self._sink_log.forget(envelope)
            envelope.span.end()
            envelope.on_done()
            lane.popleft()
            self._in_flight -= 1
            self._room.set()
        del self._lanes[name], self._workers[name]

    async def _attempt(self, envelope: Envelope, tries: Tries) -> bool:
        """Try once, and wait after a failure. Return whether the event needs no more care."""
        self._fence()
        if envelope.attempt:
            tries.suspicion.begin(self._traffic)
        request = self._traffic.begin()
        try:
            await self._sink.send(envelope)
        except EventRefusedError as exc:
            return await self._give_up(envelope, exc)
        except SinkUnavailableError as exc:
            return await self._handle_failure(envelope, tries, exc)
        self._traffic.accept(request)
        if self._sink_log.has_trouble:
            self._sink_log.note_success(envelope)
        self._observer.on_delivered(envelope)
        return True

    async def _handle_failure(self, envelope: Envelope, tries: Tries, why: SinkUnavailableError) -> bool:
        """Wait after a failure that may pass, or give the event up. Return whether it needs no more care."""
        left = tries.given_up_at - self._retry.clock()
        if left <= 0:
            return await self._give_up(envelope, why)
        if self._is_poison(tries, why):
            return await self._give_up(envelope, why, why_now="the sink accepts other events")
        delay = min(left, self._retry.backoff.delay(envelope.attempt, at_least=why.retry_after or 0.0))
        what = "sink did not accept the event, trying again"
        if isinstance(why, SinkAccessError):
            self._observer.on_access_refused(str(why))
            what = "sink refuses access; the event waits until the sink accepts events again"
        await self._wait(what, envelope, delay, why)
        return False

    def _is_poison(self, tries: Tries, why: SinkUnavailableError) -> bool:
        """Whether the event itself is to blame: others get through, and it was tried often enough."""
        is_access = isinstance(why, SinkAccessError)
        if tries.is_access is not is_access:
            tries.is_access = is_access
            tries.suspicion.clear()
        max_tries = MAX_ACCESS_TRIES if is_access else self._retry.poison_max_tries
        if max_tries is None or why.status in PACE_STATUSES:
            return False
        return tries.suspicion.fail(self._traffic) >= max_tries

    async def _give_up(self, envelope: Envelope, why: SinkUnavailableError | EventRefusedError, **more: str) -> bool:
        """Store the event in the dead letter. If that fails, hold the event, and try the sink again too.

        An event is never dropped: the checkpoint would move past an event that is stored nowhere.
        """
        self._fence()
        reason = Reason(self._sink.address, str(why), why.status, why.body, why.takers)
        try:
            await self._dead_letters.store(envelope, reason)
        except DeadLetterUnavailableError as exc:
            delay = self._retry.backoff.delay(envelope.attempt)
            await self._wait(
                "sink refused the event and no dead letter can store it, trying again",
                envelope,
                delay,
                why,
                dead_letter=str(exc),
            )
            return False
        more |= log_fields(envelope)
        message = "sink refused the event, it is a dead letter now"
        log.error(message, reason=str(why), tries=envelope.attempt + 1, **more)
        tracing.mark_dead_letter(envelope.span, why)
        self._observer.on_dead_lettered(envelope, str(why))
        return True

    async def _wait(self, what: str, envelope: Envelope, seconds: float, why: Exception, **more: str) -> None:
        self._observer.on_retrying(envelope, str(why))
        self._sink_log.note_failure(what, envelope, why, seconds, **more)
        await self._retry.sleep(seconds)
