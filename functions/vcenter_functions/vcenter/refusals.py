"""When to try again a log-in that vCenter has refused, so that the account is never locked. Pure but for the clock.

By default vCenter locks an account after five refused log-ins within three minutes (vSphere Authentication, lockout
policy), and the adapter uses the same account: each of the two makes two at most while nobody changes the credentials.
"""

import time
from collections.abc import Callable

from vcenter_functions.credentials import Credentials

FIRST_PAUSE, LONGEST_PAUSE = 60.0, 900.0
"""Seconds between two tries of the same credentials: the first doubles up to the longest."""

WINDOW = 185.0
"""Seconds within which refusals count together: vCenter's 180, whole and the last with them, and a little more."""
MAX_SAME, MAX_ANY = 2, 3
"""How many refusals a window may hold before the same credentials have to wait, and before changed ones have to."""


class Refusals:
    """The refused log-ins since the last one that worked."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._credentials: Credentials | None = None
        self._at: list[float] = []
        """When, in seconds; the last few of ``_count``."""
        self._count = 0

    def note(self, credentials: Credentials) -> None:
        """Remember that these credentials were refused just now."""
        if self._is_of_another(credentials):
            self.forget()
        self._credentials = credentials
        self._at = [*self._at[1 - MAX_ANY :], self._clock()]
        self._count += 1

    def forget(self) -> None:
        """Forget all refusals: a log-in has worked."""
        self._credentials, self._at, self._count = None, [], 0

    def pause(self, credentials: Credentials) -> float:
        """Return the seconds until these may be tried. Changed ones need not wait, unless they change often."""
        if self._is_of_another(credentials):
            return 0.0
        if credentials != self._credentials:
            return self._until_fewer(MAX_ANY)
        backoff = min(FIRST_PAUSE * (1 << min(self._count - 1, 10)), LONGEST_PAUSE)
        return max(self._at[-1] + backoff - self._clock(), self._until_fewer(MAX_SAME), 0.0)

    def _is_of_another(self, credentials: Credentials) -> bool:
        """Say whether this account has not been refused yet: vCenter counts by account."""
        return self._credentials is None or credentials.username != self._credentials.username

    def _until_fewer(self, allowed: int) -> float:
        """Return the seconds until a window holds fewer refusals than allowed."""
        if len(self._at) < allowed:
            return 0.0
        return max(self._at[-allowed] + WINDOW - self._clock(), 0.0)
