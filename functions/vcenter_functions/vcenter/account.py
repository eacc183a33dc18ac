"""The account that a function acts with: one memory of refusals for its sessions over REST and over SOAP."""

import asyncio
import math
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

from vcenter_functions.errors import LoginRefusedError, SettingsError
from vcenter_functions.login import Credentials, Refusals
from vcenter_functions.vcenters_file import VARIABLES, SettingNames

TURN_SECONDS = 0.05
"""How often the event loop looks whether a thread has logged in."""


class Account:
    """Credentials, read anew for each log-in, and not tried again while vCenter would refuse them.

    vCenter counts refusals by account, whichever API they come from.
    """

    def __init__(
        self,
        credentials: Callable[[], Credentials],
        names: SettingNames = VARIABLES,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._names = names
        self._refusals = Refusals(clock)
        self._turn = threading.Lock()

    @contextmanager
    def try_credentials(self) -> Iterator[Credentials]:
        """Hold the turn to log in, and yield the credentials as they are now; for a thread.

        One session at a time logs in: two tries at once with a wrong password would be one more than are allowed.
        Raises LoginRefusedError while vCenter would refuse them again.
        """
        with self._turn:
            yield self._read()

    @asynccontextmanager
    async def try_credentials_async(self) -> AsyncIterator[Credentials]:
        """Do the same in the event loop, which must not block."""
        while not self._turn.acquire(blocking=False):  # noqa: ASYNC110  the other is a thread
            await asyncio.sleep(TURN_SECONDS)
        try:
            yield self._read()
        finally:
            self._turn.release()

    def _read(self) -> Credentials:
        try:
            credentials = self._credentials()
        except SettingsError as exc:  # a mounted Secret that is being replaced
            raise LoginRefusedError(str(exc)) from exc
        if self._refusals.pause(credentials) > 0:
            raise self._login_refused_error(credentials)
        return credentials

    def refuse(self, credentials: Credentials) -> LoginRefusedError:
        """Note that vCenter has refused these just now, and return the error that says so."""
        self._refusals.note(credentials)
        return self._login_refused_error(credentials)

    def accept(self) -> None:
        """Note that a log-in has succeeded."""
        self._refusals.forget()

    def _login_refused_error(self, credentials: Credentials) -> LoginRefusedError:
        pause = self._refusals.pause(credentials)
        return LoginRefusedError(
            f"vCenter refuses the user name or password of {credentials.username}: check {self._names.account}; "
            f"they are tried again in {math.ceil(pause)} seconds, so that vCenter does not lock the account, and at "
            "once when the files change",
            delay=pause,
        )
