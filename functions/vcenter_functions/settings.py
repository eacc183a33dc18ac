"""The settings of a function that acts in a vCenter: environment variables and mounted secret files.

A function with more of them has a subclass. ``server_settings`` has those of a function without a vCenter.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import SecretStr, field_validator, model_validator

from vcenter_functions.errors import SettingsError
from vcenter_functions.login import Credentials, CredentialsError, find_credentials
from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_functions.net.tls import check_ca_file
from vcenter_functions.origin import Origin, parse_server
from vcenter_functions.server_settings import ServerSettings, either


class FunctionSettings(ServerSettings):
    """The settings of every function with a vCenter. An empty variable counts as not set."""

    examples: ClassVar[Mapping[str, str]] = {"VCENTER_URL": "vCenter's host name or https://host/sdk"}
    secret_variables: ClassVar[frozenset[str]] = frozenset({"VCENTER_PASSWORD", "VCENTER_URL"})
    """A URL may hold a password."""

    vcenter_url: Annotated[str, either("VCENTER_URL", "GOVC_URL")]
    """The vCenter to act in: a host name, `host:port`, or `https://host/sdk`. Required. `GOVC_URL` is the fall-back;
    either may hold a percent-encoded `user:password@`, which the variables below override."""

    vcenter_aliases: Annotated[str | None, either("VCENTER_ALIASES")] = None
    """Other names of this vCenter, separated by commas, as the `source` of events may have them: its address, its short
    name. An event whose source names another server than `VCENTER_URL` and these is refused (422), since its object's
    id means another object here. If the source names no server, such as `/scripts/nightly`, the event counts as this
    vCenter's."""

    vcenter_username: Annotated[str | None, either("VCENTER_USERNAME", "GOVC_USERNAME")] = None
    """The account to act with. `GOVC_USERNAME` is the fall-back."""

    vcenter_password: Annotated[SecretStr | None, either("VCENTER_PASSWORD", "GOVC_PASSWORD")] = None
    """Its password. `GOVC_PASSWORD` is the fall-back."""

    vcenter_secret_path: Annotated[Path | None, either("VCENTER_SECRET_PATH")] = None
    """A folder with the files `username` and `password`, as Kubernetes mounts a basic-auth Secret. It overrides the two
    variables above and is read again at every log-in, so rotated credentials need no restart."""

    vcenter_insecure: Annotated[bool, either("VCENTER_INSECURE", "GOVC_INSECURE")] = False
    """`true` accepts any TLS certificate: for a first try only. `GOVC_INSECURE` is the fall-back."""

    vcenter_ca_file: Annotated[Path | None, either("VCENTER_CA_FILE")] = None
    """A PEM file with the authority that signed vCenter's certificate, or with that certificate itself, trusted in
    addition to the system's authorities. It is read again after a change, so a new authority needs no restart."""

    @field_validator("vcenter_url")
    @classmethod
    def _complete_url(cls, value: str) -> str:
        return complete_vcenter_url(value)

    @field_validator("vcenter_ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        return check_ca_file(value)

    @field_validator("vcenter_aliases")
    @classmethod
    def _check_aliases(cls, value: str | None) -> str | None:
        wrong = [name for name in _split_names(value) if parse_server(name) is None]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is not a host name or address; separate several by commas")
        return value

    @model_validator(mode="after")
    def _check_credentials(self) -> Self:
        try:
            self.credentials()
        except SettingsError as exc:
            raise ValueError(str(exc)) from exc
        return self

    @property
    def base_url(self) -> str:
        """Where the REST API is: vCenter's address without user info and path."""
        parts = urlsplit(self.vcenter_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"

    @property
    def origin(self) -> Origin:
        """The vCenter whose events are accepted, under all of its names."""
        own = parse_server(self.base_url)
        assert own is not None  # noqa: S101  VCENTER_URL has been checked for a host
        return Origin(own, frozenset(filter(None, map(parse_server, _split_names(self.vcenter_aliases)))))

    def credentials(self) -> Credentials:
        """Return the credentials as they are now; mounted files are read afresh. Raises SettingsError."""
        account = self.vcenter_username, self.vcenter_password
        try:
            return find_credentials(self.vcenter_url, *account, self.vcenter_secret_path)
        except CredentialsError as exc:
            raise SettingsError(str(exc)) from exc


def _split_names(value: str | None) -> list[str]:
    return [name for name in map(str.strip, (value or "").split(",")) if name]
