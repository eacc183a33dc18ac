"""How long reading may wait when spans come faster than they are exported."""

import asyncio
import time
from collections.abc import Awaitable, Callable

MAX_HOLD = 1.0
"""Seconds that reading waits for the receiver when spans come faster than it accepts them."""

HOLD_SHARE = 0.05
"""The share of the time that reading may wait after that: a slow receiver does not slow delivery down for long."""

HOLD_STEP = 0.005
"""Seconds between two looks at the queue while reading waits."""


class Hold:
    """How long reading may still wait for the receiver: MAX_HOLD, and after that a small share of the time."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._left = MAX_HOLD
        self._ended_at = clock()

    async def wait_while(self, is_crowded: Callable[[], bool]) -> None:
        """Wait while this is so, as long as the budget lasts."""
        started = self._clock()
        self._left = min(MAX_HOLD, self._left + (started - self._ended_at) * HOLD_SHARE)
        while is_crowded() and self._clock() - started < self._left:
            await self._sleep(HOLD_STEP)
        self._ended_at = self._clock()
        self._left -= self._ended_at - started
