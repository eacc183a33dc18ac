"""``make demo KEEP=1 RATE=5``: a page full of events, warnings and errors too, and a sink that fails at times."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from demo.environment import Environment

PERIOD = 60.0
"""Seconds after which the trouble begins anew."""

AWAY_AT, AWAY_SECONDS = 10.0, 6.0
"""When in each period the Broker goes away, and for how long."""

REFUSED_AT = 30.0
"""When in each period the Broker refuses one event for good: it becomes a dead letter."""

MAX_AT_ONCE = 1000


@dataclass(slots=True)
class Lab:
    """Posts ``rate`` events a second at the simulator, and makes trouble at the Broker, where there is one.

    ``clock`` returns seconds and never goes back.
    """

    environment: Environment
    rate: float
    has_trouble: bool = True
    clock: Callable[[], float] = time.monotonic
    _begun: float | None = None
    _posted: int = 0
    _troubles: int = 0

    def step(self) -> Iterator[str]:
        """Do what is due by now; yield a line about each trouble that begins. Raises DemoError."""
        now = self.clock()
        if self._begun is None:
            self._begun = now
        passed = now - self._begun
        if due := min(int(passed * self.rate) - self._posted, MAX_AT_ONCE):
            self.environment.post_events(due)
            self._posted += due
        if self.has_trouble and passed >= self._next_trouble():
            yield self._make_trouble()

    def _next_trouble(self) -> float:
        periods, is_refusal = divmod(self._troubles, 2)
        return periods * PERIOD + (REFUSED_AT if is_refusal else AWAY_AT)

    def _make_trouble(self) -> str:
        is_refusal = self._troubles % 2
        self._troubles += 1
        if not is_refusal:
            self.environment.make_trouble({"seconds": AWAY_SECONDS})
            return f"the Broker is away for {AWAY_SECONDS:g} seconds: events wait, and none is lost"
        self.environment.make_trouble({"refuse": 1})
        return "the Broker refuses the next event for good: it becomes a dead letter"
