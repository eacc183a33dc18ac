"""How long to wait before the next try: exponential with full jitter, so that clients do not retry in step."""

import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delays in seconds: the n-th is random between 0 and ``base * 2**n``, at most ``longest``.

    ``random`` gives numbers from 0 to 1; a test passes its own.
    """

    longest: float
    base: float = 0.5
    random: Callable[[], float] = random.random

    def delay(self, failures: int, *, at_least: float = 0.0) -> float:
        """Return the wait after a number of failures (0 after the first); ``at_least`` is what the server asked for."""
        ceiling = min(self.longest, self.base * 2.0 ** min(failures, 30))
        return max(self.random() * ceiling, min(at_least, self.longest))
