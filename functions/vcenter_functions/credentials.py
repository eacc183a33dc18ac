"""The account that a function logs in to vCenter with, and its mounted Secret."""

from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from vcenter_functions.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Credentials:
    """What vCenter asks for at log-in."""

    username: str
    password: SecretStr


def read_credentials(folder: Path) -> Credentials:
    """Read the files of a mounted basic-auth Secret. Raises SettingsError."""
    username, password = _read(folder / "username"), _read(folder / "password")
    if not username or not password:
        raise SettingsError(f"VCENTER_SECRET_PATH: {folder}/username or {folder}/password is empty")
    return Credentials(username, SecretStr(password))


def _read(file: Path) -> str:
    """Read a file without the byte order mark before its text and the line end after it."""
    try:
        return file.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as exc:
        raise SettingsError(f"VCENTER_SECRET_PATH: cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError:  # quotes a byte of the password, so it is no cause to keep
        raise SettingsError(f"VCENTER_SECRET_PATH: {file} is not UTF-8") from None
