"""The account that a function acts with: one memory of refusals for its sessions over REST and over SOAP."""

import math
import time
from collections.abc import Callable

from vcenter_functions.errors import LoginRefusedError, SettingsError
from vcenter_functions.login import Credentials, Refusals


class Account:
    """Credentials, read anew for each log-in, and not tried again while vCenter would refuse them.

    vCenter counts refusals by account, whichever API they come from.
    """

    def __init__(self, credentials: Callable[[], Credentials], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._credentials = credentials
        self._refusals = Refusals(clock)

    def read(self) -> Credentials:
        """Return the credentials as they are now. Raises LoginRefusedError while vCenter would refuse them again."""
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
            f"vCenter refuses the user name or password of {credentials.username}: check VCENTER_USERNAME and "
            "VCENTER_PASSWORD, or the files in VCENTER_SECRET_PATH; they are tried again in "
            f"{math.ceil(pause)} seconds, so that vCenter does not lock the account, and at once when the files change",
            delay=pause,
        )
