"""The settings of the vCenters to read: address, account, whom to trust, and the mounted secret files."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr, field_validator, model_validator

from vcenter_functions.login import Credentials, CredentialsError, find_credentials
from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_functions.net.tls import Authorities, check_ca_file
from vcenter_functions.vcenters_file import VARIABLES, VCENTER_NAME, Protocol, SettingNames
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.settings.environment import EnvironmentSettings, either, lower_case


def find_source(url: str) -> str:
    """Return the CloudEvents source of a vCenter's full URL: its address without user name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/sdk"


@dataclass(frozen=True, slots=True)
class VcenterConfig:
    """How one vCenter is reached. ``name`` is unique in this process, and part of what is kept for the vCenter.

    ``credentials`` returns those of this moment; it raises ConfigurationError. Two are equal if they differ at most by
    their credentials.
    """

    name: str
    url: str
    credentials: Callable[[], Credentials] = field(compare=False)
    ca_file: Path | None = None
    insecure: bool = False
    setting_names: SettingNames = VARIABLES
    protocol: Protocol = "soap"

    @property
    def source(self) -> str:
        """The CloudEvents source: vCenter's address without user name and password."""
        return find_source(self.url)

    def authorities(self) -> Authorities:
        """The authorities that vCenter's certificate is checked by; the file is read whenever a connection is made."""
        return Authorities(self.ca_file, insecure=self.insecure)


class VcenterSettings(EnvironmentSettings):
    """Which vCenter, and as whom; or which file names several."""

    file: Annotated[Path | None, either("VCENTERS_FILE")] = None
    """A YAML file with several vCenters, each with its name, address and account: see [Many vCenters](many.md). It is
    read again when it changes. The other settings of this table are for one vCenter, and `VCENTER_URL` must not be set
    beside it."""

    url: Annotated[str | None, either("VCENTER_URL", "GOVC_URL")] = None
    """The vCenter to read: a host name, `host:port`, or `https://host/sdk`. Required without `VCENTERS_FILE`.
    `GOVC_URL` is the fall-back."""

    name: Annotated[str | None, either("VCENTER_NAME")] = None
    """What events and metrics call this vCenter: lower-case letters, digits, `-` and `.`. Unset: its host name."""

    username: Annotated[str | None, either("VCENTER_USERNAME", "GOVC_USERNAME")] = None
    """The account that reads; Read-Only on the root folder, propagated, is enough. `GOVC_USERNAME` is the fall-back."""

    password: Annotated[SecretStr | None, either("VCENTER_PASSWORD", "GOVC_PASSWORD")] = None
    """The account's password. `GOVC_PASSWORD` is the fall-back."""

    secret_path: Annotated[Path | None, either("VCENTER_SECRET_PATH")] = None
    """A folder with the files `username` and `password`, as Kubernetes mounts a basic-auth Secret. It overrides the two
    variables above and is read again at every log-in, so rotated credentials need no restart. While vCenter refuses
    these credentials, the adapter waits for others, not ready, and logs why; at a terminal it ends."""

    insecure: Annotated[bool, either("VCENTER_INSECURE", "GOVC_INSECURE")] = False
    """`true` accepts any TLS certificate: for a first try only. `GOVC_INSECURE` is the fall-back."""

    ca_file: Annotated[Path | None, either("VCENTER_CA_FILE")] = None
    """A PEM file with the authority that signed vCenter's certificate, or with that certificate itself, trusted in
    addition to the system's authorities. It is read again after a change, so a new authority needs no restart."""

    protocol: Annotated[Protocol, BeforeValidator(lower_case), either("VCENTER_PROTOCOL")] = "soap"
    """How events are read. `soap`: by SOAP, which every vCenter speaks. `json`: by VI/JSON, VMware's JSON, which
    vCenter speaks from 8.0 Update 1 on; it takes a third less CPU, and an event's data is what vCenter wrote. `auto`:
    by VI/JSON where vCenter offers it and it works, else by SOAP; the log says which."""

    @field_validator("url")
    @classmethod
    def _complete_url(cls, value: str | None) -> str | None:
        return None if value is None else complete_vcenter_url(value)

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        if value is not None and not VCENTER_NAME.fullmatch(value):
            raise ValueError("write up to 63 lower-case letters, digits, - and .")
        return value

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        return check_ca_file(value)

    @model_validator(mode="after")
    def _check_vcenter(self) -> Self:
        """Refuse what cannot work for the one vCenter of these settings."""
        if self.file is not None:
            if self.url is not None:
                raise ValueError("VCENTER_URL and VCENTERS_FILE are both set; unset one of them")
            return self
        try:
            config = self.require_one()
            config.credentials()
            find_vcenter_proxy(config.url)
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    def require_one(self) -> VcenterConfig:
        """Return the one vCenter that these settings name. Raises ConfigurationError."""
        if self.url is None:
            wanted = "one of those in VCENTERS_FILE" if self.file else "vCenter's host name or https://host/sdk"
            raise ConfigurationError(f"VCENTER_URL: not set; set it to {wanted}")
        return VcenterConfig(
            self.name or derive_name(self.url),
            self.url,
            self.credentials,
            self.ca_file,
            self.insecure,
            protocol=self.protocol,
        )

    def credentials(self) -> Credentials:
        """Return the credentials as they are now; mounted files are read anew. Raises ConfigurationError."""
        try:
            return find_credentials(self.url or "", self.username, self.password, self.secret_path)
        except CredentialsError as exc:
            raise ConfigurationError(str(exc)) from exc


def derive_name(url: str) -> str:
    """Return the name of a vCenter that was given none: its host, as far as a name may hold it."""
    return re.sub(r"[^a-z0-9.-]", "-", urlsplit(url).hostname or "").strip(".-")[:63].rstrip(".-") or "vcenter"
