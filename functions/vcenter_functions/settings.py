"""The settings of a function that acts in a vCenter: environment variables and mounted secret files.

A function with more of them has a subclass. ``server_settings`` has those of a function without a vCenter.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, ValidationInfo, field_validator, model_validator

from vcenter_functions.errors import SettingsError
from vcenter_functions.login import Credentials, CredentialsError, find_credentials
from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_functions.net.tls import check_ca_file
from vcenter_functions.origin import Origin, parse_server
from vcenter_functions.server_settings import ServerSettings, either
from vcenter_functions.target import Target
from vcenter_functions.vcenters_file import SETTING, VcentersFile, VcentersFileError, parse_vcenters


class FunctionSettings(ServerSettings):
    """The settings of every function with a vCenter. An empty variable counts as not set."""

    examples: ClassVar[Mapping[str, str]] = {"VCENTER_URL": "vCenter's host name or https://host/sdk"}
    secret_variables: ClassVar[frozenset[str]] = frozenset({"VCENTER_PASSWORD", "VCENTER_URL", SETTING})
    """A URL may hold a password. What is wrong with the file names it."""

    vcenters_file: Annotated[Path | None, either("VCENTERS_FILE")] = None
    """A YAML file with a list of vCenters, in place of the settings of one below. An event's `source` says in which of
    them the function acts: see [functions](functions.md#in-many-vcenters). The file is read again after a change."""

    vcenter_url: Annotated[str, either("VCENTER_URL", "GOVC_URL"), Field(validate_default=True)] = ""
    """The vCenter to act in: a host name, `host:port`, or `https://host/sdk`. Required, unless `VCENTERS_FILE` is set.
    `GOVC_URL` is the fall-back; either may hold a percent-encoded `user:password@`, which the variables below
    override."""

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

    @field_validator("vcenters_file")
    @classmethod
    def _check_vcenters_file(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                VcentersFile(value, parse_vcenters)
            except VcentersFileError as exc:
                raise ValueError(str(exc).removeprefix(f"{SETTING}: ")) from exc
        return value

    @field_validator("vcenter_url")
    @classmethod
    def _complete_url(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("vcenters_file", "wrong") is None:
            raise ValueError(f"not set; set it to {cls.examples['VCENTER_URL']}, or {SETTING} to a list of vCenters")
        return complete_vcenter_url(value) if value else ""

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
        if self.vcenters_file is not None:
            self._refuse_both()
            return self
        try:
            self.credentials()
        except SettingsError as exc:
            raise ValueError(str(exc)) from exc
        return self

    def _refuse_both(self) -> None:
        if self.vcenter_url:
            is_fall_back = "GOVC_URL" in os.environ and not os.environ.get("VCENTER_URL")
            variable = "GOVC_URL" if is_fall_back else "VCENTER_URL"
            raise ValueError(f"{variable} and {SETTING} are both set; unset one of them")
        if self.vcenter_aliases:
            raise ValueError(f"VCENTER_ALIASES: other names of the vCenter of VCENTER_URL; with {SETTING}, unset it")

    @property
    def target(self) -> Target:
        """The vCenter of VCENTER_URL."""
        return Target(self.vcenter_url, self.credentials, self.vcenter_ca_file, self.vcenter_insecure, self.timeout)

    @property
    def origin(self) -> Origin:
        """The vCenter of VCENTER_URL, whose events are accepted under all of its names."""
        own = parse_server(self.target.base_url)
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
