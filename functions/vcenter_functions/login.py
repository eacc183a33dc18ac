"""Logging in to vCenter: with which credentials, and when to try again after vCenter has refused them.

The adapter and the functions follow the same rules, since they may share an account. vCenter locks an account for five
minutes at five refusals within 180 seconds (vSphere Authentication, lockout policy). It counts whole seconds, including
the 180th (vmdir's lockoutpolicy.c): hence a slightly longer window. The adapter and one function are refused four times
together in such a window, as long as nobody changes the credentials.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

PAUSES = (60.0, 120.0, 240.0, 480.0, 900.0)
"""The least seconds to wait after the first refusal, the second, and so on; the last for all that follow."""

WINDOW = 185.0
"""Seconds within which refusals count together."""

MAX_SAME, MAX_ANY = 2, 3
"""How many refusals a window may hold before the same credentials have to wait, and before changed ones have to."""


class CredentialsError(ValueError):
    """There are no credentials, or they cannot be read. The message names the setting, and holds no secret."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and its password for vCenter."""

    username: str
    password: SecretStr


def find_credentials(url: str, username: str | None, password: SecretStr | None, folder: Path | None) -> Credentials:
    """Return the credentials in a mounted Secret's folder, or else the given ones, or else those in vCenter's URL.

    The folder's files are read anew at each call. Raises CredentialsError.
    """
    if folder is not None:
        return _read_credentials(folder)
    parts = urlsplit(url)
    username = username or unquote(parts.username or "")
    password = password or SecretStr(unquote(parts.password or ""))
    if not username:
        raise CredentialsError("VCENTER_USERNAME: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
    if not password.get_secret_value():
        raise CredentialsError("VCENTER_PASSWORD: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
    return Credentials(username, password)


def _read_credentials(folder: Path) -> Credentials:
    username, password = (read_secret_file("VCENTER_SECRET_PATH", folder / name) for name in ("username", "password"))
    if not username or not password:
        raise CredentialsError(f"VCENTER_SECRET_PATH: {folder}/username or {folder}/password is empty")
    return Credentials(username, SecretStr(password))


def read_secret_file(setting: str, file: Path) -> str:
    """Read a file without a byte order mark before its content or a line end after it. Raises CredentialsError."""
    try:
        return file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as exc:
        raise CredentialsError(f"{setting}: cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError:  # it quotes a byte of the password, so it is not chained
        raise CredentialsError(f"{setting}: {file} is not UTF-8 text") from None


class Refusals:
    """The refusals since the last log-in that succeeded. ``clock`` is monotonic, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._credentials: Credentials | None = None
        self._count = 0
        self._at: list[float] = []
        """When the last few of ``_count`` were."""

    def note(self, credentials: Credentials) -> None:
        """Count a refusal of these credentials, just now."""
        if self._is_of_another(credentials):
            self.forget()
        self._credentials = credentials
        self._at = [*self._at[1 - MAX_ANY :], self._clock()]
        self._count += 1

    def forget(self) -> None:
        """Forget all refusals: a log-in has succeeded."""
        self._credentials, self._count, self._at = None, 0, []

    def pause(self, credentials: Credentials) -> float:
        """Return the seconds until these may be tried: 0 for changed ones, unless they change over and over."""
        if self._is_of_another(credentials):
            return 0.0
        if credentials != self._credentials:
            return self._until_fewer(MAX_ANY)
        backoff = self._at[-1] + PAUSES[min(self._count, len(PAUSES)) - 1] - self._clock()
        return max(backoff, self._until_fewer(MAX_SAME), 0.0)

    def _is_of_another(self, credentials: Credentials) -> bool:
        """Say whether this account has not been refused yet: vCenter counts by account."""
        return self._credentials is None or credentials.username != self._credentials.username

    def _until_fewer(self, allowed: int) -> float:
        """Return the seconds until a window holds fewer refusals than ``allowed``."""
        if len(self._at) < allowed:
            return 0.0
        return max(self._at[-allowed] + WINDOW - self._clock(), 0.0)
