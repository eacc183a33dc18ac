"""When something beyond this process last answered, and why it does not: readiness depends on it."""

import time
from collections.abc import Callable


class ConnectionStatus:
    """Whether the other side of a connection answers; whoever talks to it records how each call went.

    ``clock`` is monotonic and in seconds; a test passes its own.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._succeeded_at: float | None = None
        self._failing_since: float | None = None
        self.reason = ""
        """What the last failure said; empty while there is none since the last success."""
        self.is_access_refused = False
        """Whether a response since the last success was one that everybody gets."""

    def record_success(self) -> None:
        """Record that it has answered as it should."""
        self._succeeded_at = self._clock()
        self._failing_since = None
        self.reason = ""
        self.is_access_refused = False

    def record_failure(self, reason: str) -> None:
        """Record that it has not, and why."""
        if self._failing_since is None:
            self._failing_since = self._clock()
        self.reason = reason

    @property
    def is_failing(self) -> bool:
        """Whether there was a failure after the last success."""
        return self._failing_since is not None

    @property
    def age(self) -> float | None:
        """Seconds since the last success; None before the first."""
        succeeded_at = self._succeeded_at
        return None if succeeded_at is None else self._clock() - succeeded_at

    @property
    def failing_for(self) -> float:
        """Seconds since the first failure after the last success; 0 while there is none."""
        failing_since = self._failing_since
        return 0.0 if failing_since is None else self._clock() - failing_since
