"""The settings of the vCenter to read: where it is, who reads, and whom to trust; mounted secret files with them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, field_validator, model_validator

from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.tls import Authorities, create_client_context
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.settings.sink import ENCODE, EnvironmentSettings, check_port, either, split, trim


@dataclass(frozen=True, slots=True)
class Credentials:
    """What vCenter asks for at log-in."""

    username: str
    password: SecretStr


class VcenterSettings(EnvironmentSettings):
    """Which vCenter, and as whom."""

    vcenter_url: Annotated[str, either("VCENTER_URL", "GOVC_URL")]
    """The vCenter to read: a host name, `host:port`, or `https://host/sdk`. Required. `GOVC_URL` is the fall-back."""

    vcenter_username: Annotated[str | None, either("VCENTER_USERNAME", "GOVC_USERNAME")] = None
    """The account that reads; Read-Only on the root folder, propagated, is enough. `GOVC_USERNAME` is the fall-back."""

    vcenter_password: Annotated[SecretStr | None, either("VCENTER_PASSWORD", "GOVC_PASSWORD")] = None
    """Its password. `GOVC_PASSWORD` is the fall-back."""

    vcenter_secret_path: Annotated[Path | None, either("VCENTER_SECRET_PATH")] = None
    """A folder with the files `username` and `password`, as Kubernetes mounts a basic-auth Secret. It wins over the two
    variables above and is read again at every log-in, so rotated credentials need no restart. While vCenter refuses
    what they hold, the adapter waits for others, not ready, and says why; at a terminal it ends."""

    vcenter_insecure: Annotated[bool, either("VCENTER_INSECURE", "GOVC_INSECURE")] = False
    """`true` accepts any TLS certificate: for a first try only. `GOVC_INSECURE` is the fall-back."""

    vcenter_ca_file: Annotated[Path | None, either("VCENTER_CA_FILE")] = None
    """A PEM file with the authority that signed vCenter's certificate, or with that certificate itself, trusted beside
    the system's. It is read again when it has changed, so a replaced authority needs no restart."""

    @field_validator("vcenter_url")
    @classmethod
    def _full_url(cls, value: str) -> str:
        """Make `host`, `host:port` and an IPv6 address a full URL, and refuse what cannot be one."""
        url = value.strip()
        if "://" not in url:
            url = f"https://{add_brackets(url)}"
        parts = split(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or " " in url:
            raise ValueError("not an address; set a host name or https://host/sdk")
        check_port(parts)
        if "@" in parts.path + parts.query + parts.fragment:
            raise ValueError(f"not an address; {ENCODE}")
        return url

    @field_validator("vcenter_ca_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                create_client_context(value)
            except OSError as exc:  # ssl.SSLError is one too
                raise ValueError(f"cannot read PEM certificates from {value}: {exc.strerror or exc}") from exc
        return value

    @model_validator(mode="after")
    def _credentials_given(self) -> Self:
        try:
            self.credentials()
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @model_validator(mode="after")
    def _proxy_usable(self) -> Self:
        try:
            find_vcenter_proxy(self.vcenter_url)
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @property
    def source(self) -> str:
        """The CloudEvents source: which vCenter, free of user name and password."""
        parts = urlsplit(self.vcenter_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/sdk"

    def authorities(self) -> Authorities:
        """Whom vCenter is trusted by, as the file has it whenever a connection is made."""
        return Authorities(self.vcenter_ca_file, insecure=self.vcenter_insecure)

    def credentials(self) -> Credentials:
        """The credentials as they are now; mounted files are read afresh. Raises ConfigurationError."""
        if self.vcenter_secret_path is not None:
            return mounted_credentials(self.vcenter_secret_path)
        parts = urlsplit(self.vcenter_url)
        username = self.vcenter_username or unquote(parts.username or "")
        password = self.vcenter_password or SecretStr(unquote(parts.password or ""))
        if not username:
            raise ConfigurationError("VCENTER_USERNAME: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
        if not password.get_secret_value():
            raise ConfigurationError("VCENTER_PASSWORD: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
        return Credentials(username, password)


def mounted_credentials(folder: Path) -> Credentials:
    """Read the files of a mounted basic-auth Secret. Raises ConfigurationError."""
    username, password = _mounted(folder / "username"), _mounted(folder / "password")
    if not username or not password:
        raise ConfigurationError(f"VCENTER_SECRET_PATH: {folder}/username or {folder}/password is empty")
    return Credentials(username, SecretStr(password))


def _mounted(file: Path) -> str:
    """What a file holds; a line end after it is not part of it, nor a byte order mark before it."""
    try:
        return trim(file.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigurationError(f"VCENTER_SECRET_PATH: cannot read {file}: {exc.strerror}") from exc
    except UnicodeDecodeError:  # quotes a byte of the password, so it is no cause to keep
        raise ConfigurationError(f"VCENTER_SECRET_PATH: {file} is not UTF-8 text") from None
