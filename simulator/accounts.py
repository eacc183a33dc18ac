"""Who may log in, and who of them may change anything."""

import hmac
from dataclasses import dataclass

ADMINISTRATOR = "administrator@vsphere.local"
READER = "readonly@vsphere.local"
STRANGER = "stranger@vsphere.local"
PASSWORD = "VMware1!"


@dataclass(frozen=True, slots=True)
class Account:
    """One account. Without ``may_write`` it reads events and inventory, and is refused everything else.

    Without ``may_enter`` it has no permission on anything, which vCenter refuses to log in.
    """

    username: str
    may_write: bool
    may_enter: bool = True


class Accounts:
    """An administrator, and beside it a reader and a stranger with the same password for tests of refusals."""

    def __init__(self, username: str = ADMINISTRATOR, password: str = PASSWORD) -> None:
        self._password = password
        self._accounts = {
            READER.lower(): Account(READER, may_write=False),
            STRANGER.lower(): Account(STRANGER, may_write=False, may_enter=False),
            username.lower(): Account(username, may_write=True),
        }

    def check(self, username: str, password: str) -> Account | None:
        """The account, or None for a wrong pair. User names ignore case, as in vCenter."""
        account = self._accounts.get(username.lower())
        if account is None or not hmac.compare_digest(password.encode(), self._password.encode()):
            return None
        return account
