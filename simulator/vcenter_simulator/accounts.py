"""The accounts: which may log in, and which may change things."""

import hmac
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

ADMINISTRATOR = "administrator@vsphere.local"
READER = "readonly@vsphere.local"
STRANGER = "stranger@vsphere.local"
PASSWORD = "VMware1!"
_LOCKED_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Account:
    """One account. Without ``may_write`` it reads events and inventory, and may do nothing else.

    Without ``may_enter`` it has no permission on anything, which vCenter refuses to log in.
    """

    username: str
    may_write: bool
    may_enter: bool = True


@dataclass(slots=True)
class Lockout:
    """An account is locked for five minutes after so many refusals within so many seconds; vCenter: 5 in 180."""

    failures: int
    seconds: float
    _failures: dict[str, list[float]] = field(default_factory=dict)

    def note_failure(self, username: str) -> None:
        """Note that a log-in was refused."""
        self._failures.setdefault(username, []).append(time.monotonic())

    def locks(self, username: str) -> bool:
        """Whether the account is locked now."""
        times, now = self._failures.get(username, []), time.monotonic()
        runs = zip(times, times[self.failures - 1 :], strict=False)
        return any(last - first <= self.seconds and now - last < _LOCKED_SECONDS for first, last in runs)


class Accounts:
    """An administrator; and for tests of refusals a reader and a stranger with the same password."""

    def __init__(self, username: str = ADMINISTRATOR, password: str = PASSWORD) -> None:
        self._password = password
        self._logins_to_refuse = 0
        self.refused_logins = 0
        self.lockout: Lockout | None = None
        self._accounts = {
            READER.lower(): Account(READER, may_write=False),
            STRANGER.lower(): Account(STRANGER, may_write=False, may_enter=False),
            username.lower(): Account(username, may_write=True),
        }

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def refuse_logins(self, count: int) -> None:
        """Refuse the next log-ins, whatever the password."""
        self._logins_to_refuse = count

    def check(self, username: str, password: str) -> Account | None:
        """The account, or None for a wrong pair or a locked account. User names ignore case, as in vCenter."""
        account = self._accounts.get(username.lower())
        right = account is not None and hmac.compare_digest(password.encode(), self._password.encode())
        if right and not self._logins_to_refuse and not (self.lockout and self.lockout.locks(username.lower())):
            return account
        self._logins_to_refuse = max(self._logins_to_refuse - 1, 0)
        self.refused_logins += 1
        if self.lockout:
            self.lockout.note_failure(username.lower())
        return None
