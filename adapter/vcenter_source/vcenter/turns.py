"""Turns in which several vCenters of one process read their backlogs.

The pages and windows of fifty vCenters at once do not fit into a processor's cache: an event then takes half as much
CPU again. So while the process is busy, a few vCenters at a time read page after page, each for a slice of time. While
it has CPU to spare, as with a slow sink, more of them do. A vCenter without a backlog needs no turn.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from vcenter_source.vcenter.paging import MAX_PAGE_EVENTS

SLICE_SECONDS = 0.25
"""How long a turn lasts, and how often the number of turns at a time is adjusted."""

LEAST_TURNS = 2
"""How many vCenters read at a time while the process is busy: one, and one that fills its pauses."""

IDLE_SHARE, BUSY_SHARE = 0.7, 0.9
"""Below the first share of a core, one vCenter more reads at a time; above the second, one less."""

LONGEST_WAIT = 10.0
"""Seconds after which a vCenter reads in any case."""


class Turns:
    """Who may read a backlog now. ``clock`` and ``cpu`` are in seconds: of the wall, and of this process's CPU."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, cpu: Callable[[], float] = time.process_time
    ) -> None:
        self.limit = LEAST_TURNS
        """How many may read at a time."""
        self._clock = clock
        self._cpu = cpu
        self._measured = clock(), cpu()
        self._begun: dict[object, float] = {}
        self._waiting: deque[tuple[object, asyncio.Future[None]]] = deque()

    async def take(self, reader: object) -> None:
        """Wait for a reader's turn; go on at once while it lasts."""
        begun = self._begun.get(reader)
        if begun is not None and self._clock() - begun < SLICE_SECONDS:
            return
        self.give_back(reader)
        if self._waiting or len(self._begun) >= self.limit:
            await self._wait(reader)
        self._begun[reader] = self._clock()

    def give_back(self, reader: object) -> None:
        """End a reader's turn, if it has one."""
        if self._begun.pop(reader, None) is not None:
            self._admit()

    async def _wait(self, reader: object) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((reader, turn))
        deadline = self._clock() + LONGEST_WAIT
        try:
            while not turn.done() and self._clock() < deadline:
                await asyncio.wait([turn], timeout=SLICE_SECONDS)
                self._adjust()
        finally:
            turn.cancel()

    def _adjust(self) -> None:
        """Adjust the limit, and end turns that last too long: whoever has them may be waiting for the sink."""
        now, cpu = self._clock(), self._cpu()
        seconds = now - self._measured[0]
        if seconds < SLICE_SECONDS:
            return
        busy = (cpu - self._measured[1]) / seconds
        self._measured = now, cpu
        if busy < IDLE_SHARE:
            self.limit += 1
        elif busy > BUSY_SHARE:
            self.limit = max(LEAST_TURNS, self.limit - 1)
        for reader in [each for each, begun in self._begun.items() if now - begun > 2 * SLICE_SECONDS]:
            del self._begun[reader]
        self._admit()

    def _admit(self) -> None:
        while self._waiting and len(self._begun) < self.limit:
            reader, turn = self._waiting.popleft()
            if not turn.done():
                self._begun[reader] = self._clock()
                turn.set_result(None)


@dataclass(frozen=True, slots=True)
class ReadShare:
    """What a vCenter may read beside the others: the most events of a page, and when; at any time without turns."""

    page: int = MAX_PAGE_EVENTS
    turns: Turns | None = field(default=None, compare=False)
