"""Decide when to log in again after a refusal: seldom enough that vCenter locks no account. No I/O but the clock.

vCenter locks an account for five minutes at five refusals within 180 seconds (vSphere Authentication, lockout policy).
It counts whole seconds, including the 180th (vmdir's lockoutpolicy.c): hence a slightly longer window. Functions that
share the account follow the same rules: the adapter and one of them are refused four times together in such a window,
as long as nobody changes the credentials.
"""

import time
from collections.abc import Callable

from vcenter_source.settings.vcenter import Credentials

PAUSES = (60.0, 120.0, 240.0, 480.0, 900.0)
"""The least seconds to wait after the first refusal, the second, and so on; the last for all that follow."""

WINDOW = 185.0
"""Seconds within which refusals count together."""

SAME, ANY = 2, 3
"""How many refusals a window may hold before the same credentials have to wait, and before changed ones do."""


class Refusals:
    """The refusals since the last log-in that succeeded. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._credentials: Credentials | None = None
        self._count = 0
        self._at: list[float] = []
        """The times of the last refusals."""

    def note(self, credentials: Credentials) -> None:
        """Note that these were refused just now."""
        if self._credentials is not None and self._credentials.username != credentials.username:
            self.forget()  # another account is not locked by what happened to this one
        self._credentials = credentials
        self._at = [*self._at[1 - ANY :], self._clock()]
        self._count += 1

    def forget(self) -> None:
        """Forget all refusals: a log-in has succeeded."""
        self._credentials, self._count, self._at = None, 0, []

    def pause(self, credentials: Credentials) -> float:
        """Return the seconds until these may be tried: 0 for changed ones, unless they change over and over."""
        last = self._credentials
        if last is None or credentials.username != last.username:
            return 0.0
        if credentials != last:
            return self._until_fewer(ANY)
        grown = self._at[-1] + PAUSES[min(self._count, len(PAUSES)) - 1] - self._clock()
        return max(grown, self._until_fewer(SAME), 0.0)

    def _until_fewer(self, allowed: int) -> float:
        """Return the seconds until a window holds fewer refusals than ``allowed``."""
        if len(self._at) < allowed:
            return 0.0
        return max(self._at[-allowed] + WINDOW - self._clock(), 0.0)
