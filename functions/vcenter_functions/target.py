"""A vCenter to act in: how it is reached, with which account, and what its settings are called in messages."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from vcenter_functions.errors import SettingsError
from vcenter_functions.login import Credentials, CredentialsError
from vcenter_functions.vcenters_file import SETTING, VARIABLES, SettingNames, VcenterEntry


@dataclass(frozen=True, slots=True)
class Target:
    """A vCenter. ``name`` is the one in VCENTERS_FILE, empty for the vCenter of VCENTER_URL.

    ``credentials`` returns them as they are now, and raises SettingsError. A request may take ``timeout`` seconds.
    """

    url: str = field(repr=False)  # it may hold a password
    credentials: Callable[[], Credentials] = field(compare=False)
    ca_file: Path | None = None
    insecure: bool = False
    timeout: float = 30.0
    name: str = ""
    setting_names: SettingNames = field(default=VARIABLES, repr=False)

    @property
    def base_url(self) -> str:
        """Where the REST API is: vCenter's address without user info and path."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    def is_reached_like(self, other: "Target") -> bool:
        """Return whether a session with one is a session with the other. Credentials count at the next log-in only."""
        return (self.base_url, self.ca_file, self.insecure) == (other.base_url, other.ca_file, other.insecure)


def create_target(entry: VcenterEntry, timeout: float) -> Target:
    """Return the vCenter of an entry of VCENTERS_FILE."""

    def credentials() -> Credentials:
        try:
            return entry.credentials()
        except CredentialsError as exc:
            raise SettingsError(f"{SETTING}: {entry.name}: {exc}") from exc

    return Target(entry.url, credentials, entry.ca_file, entry.insecure, timeout, entry.name, entry.setting_names)
