"""Who already has an event: so that a retry invokes only the functions that have not taken it yet."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cloudevents.core.base import BaseCloudEvent

from vcenter_source.core.errors import EventRefusedError
from vcenter_source.core.poison import Suspicion

REMEMBERED_SECONDS = 3600.0
REMEMBERED_EVENTS = 100_000

Key = tuple[str, str, str, str]
"""Source, id and time, as after a restore from a backup vCenter gives the same id to another event; and what names
somebody's wish that the event be sent again, empty for the event as it comes by itself."""

MAX_WISH = 64
"""Characters of such a name that count."""

Failures = dict[str, int]
Suspicions = dict[str, Suspicion]
Refusals = dict[str, EventRefusedError]

Kept = tuple[float, tuple[str, ...], Failures | None, Suspicions | None, Refusals | None]
"""A past that is not in use: when it last was, and what came of the event. A hundred thousand are kept, so they hold
nothing that the garbage collector has to look into again and again, but where something has failed."""


@dataclass(slots=True)
class Past:
    """What has come of one event. ``failures`` counts the tries that a function itself made fail.

    ``suspicions`` count, by function, those that failed on the way while other events got through.
    """

    key: Key
    taken: tuple[str, ...] = ()
    failures: Failures = field(default_factory=dict)
    suspicions: Suspicions = field(default_factory=dict)
    refusals: Refusals = field(default_factory=dict)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Memory:
    """The events of the last hour, as many as there is room for. ``clock`` is monotonic, in seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        seconds: float = REMEMBERED_SECONDS,
        events: int = REMEMBERED_EVENTS,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._events = events
        self._in_use: dict[Key, Past] = {}
        self._kept: OrderedDict[Key, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._in_use) + len(self._kept)

    async def take(self, event: BaseCloudEvent, wish: str = "") -> Past:
        """An event's past, for one at a time: a sender that lost patience may send it again while it is under way.

        Each ``wish`` that it be sent again has a past of its own. It is to be given back.
        """
        key = key_of(event, wish)
        past = self._in_use.get(key)
        if past is None:
            past = self._in_use[key] = self._recalled(key)
        past.users += 1
        try:
            await past.lock.acquire()
        except asyncio.CancelledError:
            self._left(past)
            raise
        return past

    def give_back(self, past: Past) -> None:
        """The next may have it."""
        past.lock.release()
        self._left(past)

    def _recalled(self, key: Key) -> Past:
        kept = self._kept.pop(key, None)
        if kept is None:
            return Past(key)
        _, taken, failures, suspicions, refusals = kept
        return Past(key, taken, failures or {}, suspicions or {}, refusals or {})

    def _left(self, past: Past) -> None:
        past.users -= 1
        if not past.users:
            del self._in_use[past.key]
            failed = (past.failures or None, past.suspicions or None, past.refusals or None)
            self._kept[past.key] = (self._clock(), past.taken, *failed)
            self._forget()

    def _forget(self) -> None:
        """Drop what is too old, and the oldest of too many. One event comes at a time, so a few a time keep up."""
        too_old = self._clock() - self._seconds
        for _ in range(4):
            key = next(iter(self._kept), None)
            if key is None or (self._kept[key][0] > too_old and len(self) <= self._events):
                return
            del self._kept[key]


def key_of(event: BaseCloudEvent, wish: str = "") -> Key:
    """What tells the event from every other."""
    attributes = event.get_attributes()
    return attributes["source"], attributes["id"], str(attributes.get("time")), wish[:MAX_WISH]
