"""Events that were handled, so that a repeated delivery does nothing: ``@on(…, once=True)``.

The memory is this process's. A function that is killed in the middle of an event gets it again and handles it again:
at least once, whatever happens.
"""

import asyncio
from collections import OrderedDict
from datetime import datetime
from functools import partial
from typing import TypeAlias

Identity: TypeAlias = tuple[str, str, datetime]
"""An event's source, id and time. vCenter's ids begin anew after it was restored."""

MAX_EVENTS = 10_000
"""How many events a handler remembers: a Broker repeats within minutes."""


class OnceMemory:
    """What one handler has handled, and what it is handling."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        self._max_events = max_events
        self._done: OrderedDict[Identity, None] = OrderedDict()
        self._running: dict[Identity, asyncio.Future[None]] = {}

    async def is_done(self, identity: Identity) -> bool:
        """Return whether an event was handled. A repeat that comes meanwhile waits for the first to end."""
        while (first := self._running.get(identity)) is not None:
            await asyncio.wait({first})
        return identity in self._done

    def note_start(self, identity: Identity, work: "asyncio.Future[None]") -> None:
        """Note that an event is being handled; it counts as handled if that succeeds."""
        self._running[identity] = work
        work.add_done_callback(partial(self._note_end, identity))

    def _note_end(self, identity: Identity, work: "asyncio.Future[None]") -> None:
        del self._running[identity]
        if not work.cancelled() and work.exception() is None:
            self._done[identity] = None
            if len(self._done) > self._max_events:
                self._done.popitem(last=False)
