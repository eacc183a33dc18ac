"""Which functions have an event already, so that a retry invokes only the others.

    sender ──acquire──▶ EventState, locked ──▶ invoke the functions that are not in it ──release──▶ history
      ▲                                                                                               │
      └─────────────── the event comes again: a retry, or a redelivery by a Broker ◀──────────────────┘

One sender at a time has the state of an event: a sender that lost patience may send the event again while the first
request is still in progress, and must then wait for what comes of it. The history keeps the events of the last hour, up
to a hundred thousand, as plain tuples: the garbage collector would otherwise scan a hundred thousand objects again and
again.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cloudevents.core.base import BaseCloudEvent

from vcenter_source.core.envelope import EventKey, event_key
from vcenter_source.core.errors import EventRefusedError
from vcenter_source.core.poison import Suspicion

HISTORY_SECONDS = 3600.0
HISTORY_EVENTS = 100_000

_FailedTries = dict[str, int]
_Suspicions = dict[str, Suspicion]
_Refusals = dict[str, EventRefusedError]
_Record = tuple[float, tuple[str, ...], _FailedTries | None, _Suspicions | None, _Refusals | None]
"""An EventState that nobody uses, and since when; None in place of an empty dict."""


@dataclass(slots=True)
class EventState:
    """How far one event has got. Functions are named by their path.

    ``takers`` have it. ``failed_tries`` counts the tries that a function itself failed, ``suspicions`` the tries that
    failed on the way while other events got through. ``refusals`` are permanent failures.
    """

    key: EventKey
    takers: tuple[str, ...] = ()
    failed_tries: _FailedTries = field(default_factory=dict)
    suspicions: _Suspicions = field(default_factory=dict)
    refusals: _Refusals = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0

    def is_settled(self, path: str) -> bool:
        """Tell whether a function is not to be invoked: it has the event, or has refused it."""
        return path in self.takers or path in self.refusals


class DeliveryHistory:
    """The states of the last events. ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = HISTORY_SECONDS,
        events: int = HISTORY_EVENTS,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._events = events
        self._in_use: dict[EventKey, EventState] = {}
        self._history: OrderedDict[EventKey, _Record] = OrderedDict()

    def __len__(self) -> int:
        return len(self._in_use) + len(self._history)

    async def acquire(self, event: BaseCloudEvent, replay_id: str = "") -> EventState:
        """Wait until nobody else has the event's state, and return it. The caller has to release it."""
        key = event_key(event, replay_id)
        state = self._in_use.get(key)
        if state is None:
            state = self._in_use[key] = self._restore(key)
        state.users += 1
        try:
            await state.lock.acquire()
        except asyncio.CancelledError:
            self._leave(state)
            raise
        return state

    def release(self, state: EventState) -> None:
        """Let the next sender have it."""
        state.lock.release()
        self._leave(state)

    def _restore(self, key: EventKey) -> EventState:
        record = self._history.pop(key, None)
        if record is None:
            return EventState(key)
        _, takers, failed_tries, suspicions, refusals = record
        return EventState(key, takers, failed_tries or {}, suspicions or {}, refusals or {})

    def _leave(self, state: EventState) -> None:
        """Put a state that nobody uses any more into the history."""
        state.users -= 1
        if not state.users:
            del self._in_use[state.key]
            failures = (state.failed_tries or None, state.suspicions or None, state.refusals or None)
            self._history[state.key] = (self._clock(), state.takers, *failures)
            self._expire()

    def _expire(self) -> None:
        """Drop what is too old, and the oldest of too many. One event comes at a time, so a few a time keep up."""
        oldest_time = self._clock() - self._seconds
        for _ in range(4):
            key = next(iter(self._history), None)
            if key is None or (self._history[key][0] > oldest_time and len(self) <= self._events):
                return
            del self._history[key]
