"""Who already has an event: so that a retry invokes only the functions that have not taken it yet."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from cloudevents.core.base import BaseCloudEvent

from adapter.errors import EventRefusedError

REMEMBERED_SECONDS = 3600.0
REMEMBERED_EVENTS = 100_000

Key = tuple[str, str, str]
"""Source, id and time: after a restore from a backup, vCenter gives the same id to another event."""


@dataclass(slots=True)
class Past:
    """What has come of one event. ``failures`` counts the tries that a function itself made fail.

    A hundred thousand are kept, so one that is not in use holds nothing that the garbage collector has to look into.
    """

    key: Key
    touched: float = 0.0
    taken: tuple[str, ...] = ()
    failures: dict[str, int] = field(default_factory=dict)
    refusals: dict[str, EventRefusedError] = field(default_factory=dict)
    lock: asyncio.Lock | None = None
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
        self._pasts: OrderedDict[Key, Past] = OrderedDict()

    def __len__(self) -> int:
        return len(self._pasts)

    async def take(self, event: BaseCloudEvent) -> Past:
        """An event's past, for one at a time: a sender that lost patience may send it again while it is under way.

        It is to be given back.
        """
        key = key_of(event)
        past = self._pasts.get(key) or self._pasts.setdefault(key, Past(key))
        past.users += 1
        lock = past.lock = past.lock or asyncio.Lock()
        try:
            await lock.acquire()
        except asyncio.CancelledError:
            self._left(past)
            raise
        return past

    def give_back(self, past: Past) -> None:
        """The next may have it."""
        if past.lock is not None:
            past.lock.release()
        self._left(past)

    def _left(self, past: Past) -> None:
        past.users -= 1
        if not past.users:
            past.lock = None
        past.touched = self._clock()
        self._pasts.move_to_end(past.key)
        self._forget()

    def _forget(self) -> None:
        """Drop what is too old, and the oldest of too many; never what is under way, which does not keep the rest."""
        oldest = self._clock() - self._seconds
        for _ in range(4):  # one event comes at a time, so that a few a time keep up
            key, past = next(iter(self._pasts.items()))
            if past.users:
                self._pasts.move_to_end(key)
            elif past.touched <= oldest or len(self._pasts) > self._events:
                del self._pasts[key]
            else:
                return
            if not self._pasts:
                return


def key_of(event: BaseCloudEvent) -> Key:
    """What tells the event from every other."""
    attributes = event.get_attributes()
    return attributes["source"], attributes["id"], str(attributes.get("time"))
