"""The settings of the vCenter to read: its address, the account, whom to trust, and the mounted secret files."""

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from vcenter_functions.login import Credentials, CredentialsError, find_credentials
from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_functions.net.tls import Authorities, check_ca_file
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_vcenter_proxy
from vcenter_source.settings.environment import EnvironmentSettings, either


def find_source(url: str) -> str:
    """Return the CloudEvents source of a vCenter's full URL: its address without user name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/sdk"


class VcenterSettings(EnvironmentSettings):
    """Which vCenter, and as whom."""

    url: Annotated[str, either("VCENTER_URL", "GOVC_URL")]
    """The vCenter to read: a host name, `host:port`, or `https://host/sdk`. Required. `GOVC_URL` is the fall-back."""

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

    @field_validator("url")
    @classmethod
    def _complete_url(cls, value: str) -> str:
        return complete_vcenter_url(value)

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        return check_ca_file(value)

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        try:
            self.credentials()
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @model_validator(mode="after")
    def _check_proxy(self) -> Self:
        try:
            find_vcenter_proxy(self.url)
        except ConfigurationError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @property
    def source(self) -> str:
        """The CloudEvents source: vCenter's address without user name and password."""
        return find_source(self.url)

    def authorities(self) -> Authorities:
        """The authorities that vCenter's certificate is checked by; the file is read whenever a connection is made."""
        return Authorities(self.ca_file, insecure=self.insecure)

    def credentials(self) -> Credentials:
        """Return the credentials as they are now; mounted files are read anew. Raises ConfigurationError."""
        try:
            return find_credentials(self.url, self.username, self.password, self.secret_path)
        except CredentialsError as exc:
            raise ConfigurationError(str(exc)) from exc
