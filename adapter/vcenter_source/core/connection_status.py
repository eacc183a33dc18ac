"""When something beyond this process last answered, and why it does not: what readiness is judged by."""

import time
from collections.abc import Callable


class Contact:
    """Told by whoever does the talking. ``clock`` is monotonic and in seconds; a test passes its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._made: float | None = None
        self._failing: float | None = None
        self.reason = ""
        """What the last failure said; empty while there is none since the last success."""
        self.turned_away = False
        """Whether an answer since then was one that everybody gets."""

    def succeeded(self) -> None:
        """It has answered as it should."""
        self._made = self._clock()
        self._failing = None
        self.reason = ""
        self.turned_away = False

    def failed(self, reason: str) -> None:
        """It has not."""
        if self._failing is None:
            self._failing = self._clock()
        self.reason = reason

    @property
    def age(self) -> float | None:
        """Seconds since the last success; None before the first."""
        made = self._made
        return None if made is None else self._clock() - made

    @property
    def failing(self) -> float:
        """Seconds since the first failure after the last success; 0 while there is none."""
        failing = self._failing
        return 0.0 if failing is None else self._clock() - failing
