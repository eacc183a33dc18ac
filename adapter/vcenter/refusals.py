"""When to log in again after vCenter has refused to: seldom enough that it locks no account. Pure but for its clock."""

import time
from collections.abc import Callable

from adapter.vcentersettings import Credentials

PAUSES = (60.0, 120.0, 240.0, 480.0, 900.0)
"""Seconds to wait after the first refusal, the second, and so on; the last for all that follow.

vCenter locks an account for five minutes after five refusals within 180 seconds (vSphere Authentication, lockout
policy). pytag, which shares the account, waits as long: both together are refused four times in any 180 seconds.
"""


class Refusals:
    """The refusals in a row. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._count = 0
        self._credentials: Credentials | None = None
        self._until = 0.0

    def note(self, credentials: Credentials) -> None:
        """These were refused just now."""
        if self._credentials is None or self._credentials.username != credentials.username:
            self._count = 0  # another account is not locked by what happened to this one
        self._until = self._clock() + PAUSES[min(self._count, len(PAUSES) - 1)]
        self._credentials = credentials
        self._count += 1

    def forget(self) -> None:
        """A log-in has succeeded."""
        self._credentials, self._count = None, 0

    def pause(self, credentials: Credentials) -> float:
        """Seconds until these may be tried; 0 at once, as for any that were changed since they were refused."""
        if credentials != self._credentials:
            return 0.0
        return max(0.0, self._until - self._clock())
