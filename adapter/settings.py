"""The settings: environment variables and mounted secret files, read once into one frozen value.

Each setting is documented once, in the docstring under it; the README's table is checked against these.
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from adapter.errors import ConfigurationError

CONTEXT_ATTRIBUTES = frozenset({"id", "source", "type", "specversion"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """What vCenter asks for at log-in."""

    username: str
    password: SecretStr


def either(*names: str) -> Any:
    """A field read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


class Settings(BaseSettings):
    """Everything that can be set. An empty variable counts as not set, as Knative injects empty ones."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True, case_sensitive=True
    )

    vcenter_url: Annotated[str, either("VCENTER_URL", "GOVC_URL")]
    """The vCenter to read: a host name, `host:port`, or `https://host/sdk`. Required. `GOVC_URL` is the fall-back."""

    vcenter_username: Annotated[str | None, either("VCENTER_USERNAME", "GOVC_USERNAME")] = None
    """The account that reads; Read-Only on the root folder, propagated, is enough. `GOVC_USERNAME` is the fall-back."""

    vcenter_password: Annotated[SecretStr | None, either("VCENTER_PASSWORD", "GOVC_PASSWORD")] = None
    """Its password. `GOVC_PASSWORD` is the fall-back."""

    vcenter_secret_path: Annotated[Path | None, either("VCENTER_SECRET_PATH")] = None
    """A folder with the files `username` and `password`, as Kubernetes mounts a basic-auth Secret. It wins over the two
    variables above and is read again at every log-in, so rotated credentials need no restart."""

    vcenter_insecure: Annotated[bool, either("VCENTER_INSECURE", "GOVC_INSECURE")] = False
    """`true` accepts any TLS certificate: for a first try only. `GOVC_INSECURE` is the fall-back."""

    vcenter_ca_file: Annotated[Path | None, either("VCENTER_CA_FILE")] = None
    """A PEM file with the authority that signed vCenter's certificate, trusted beside the system's."""

    sink: Annotated[str | None, either("K_SINK")] = None
    """Where the CloudEvents go, an http or https address; Knative sets it. `-` prints them, a JSON line each."""

    ce_overrides: Annotated[Mapping[str, str], NoDecode, either("K_CE_OVERRIDES")] = {}
    """Extension attributes for every CloudEvent, `{"extensions":{"key":"value"}}`; Knative sets it."""

    ca_certs: Annotated[str | None, either("K_CA_CERTS")] = None
    """PEM certificates to trust for the sink, beside the system's; Knative sets it."""

    sink_timeout: Annotated[float, either("SINK_TIMEOUT")] = Field(default=330.0, gt=0)
    """Seconds to wait for the sink's answer. Long, because a Broker on an InMemoryChannel answers only after every
    Trigger's delivery and retries have ended."""

    start_from: Annotated[Literal["now", "beginning"] | datetime, either("START_FROM")] = "now"
    """Where to begin without a checkpoint: `now`, `beginning` (all that vCenter still holds), or a time such as
    `2026-01-31T08:00:00Z`."""

    event_types: Annotated[tuple[str, ...], NoDecode, either("EVENT_TYPES")] = ()
    """Which events to send, comma-separated: CloudEvents types, class names or event type ids, `*` as a wildcard.
    Unset: all. When none has a wildcard, vCenter itself does the filtering."""

    event_format: Annotated[Literal["vcenter", "veba"], either("EVENT_FORMAT")] = "vcenter"
    """`vcenter`: VMware's published JSON. `veba`: the types and the PascalCase data that functions and Triggers
    written for VMware's event broker expect."""

    max_in_flight: Annotated[int, either("MAX_IN_FLIGHT")] = Field(default=64, ge=1, le=10_000)
    """How many events may be on their way to the sink at once. Events about one object never overtake each other;
    `1` keeps the order of all."""

    retry_max_delay: Annotated[float, either("RETRY_MAX_DELAY")] = Field(default=30.0, gt=0)
    """The longest wait, in seconds, between two tries of one event, also where the sink's Retry-After asks for more."""

    checkpoint: Annotated[str, either("CHECKPOINT")] = "memory:"
    """Where the position is kept over a restart: `file:///path`, or `memory:` for not at all."""

    checkpoint_interval: Annotated[float, either("CHECKPOINT_INTERVAL")] = Field(default=1.0, gt=0)
    """Seconds between two saves of the checkpoint, at least. It is also saved at a clean stop."""

    drain_timeout: Annotated[float, either("DRAIN_TIMEOUT")] = Field(default=20.0, ge=0)
    """Seconds that a stop waits for events on their way; keep it under the pod's terminationGracePeriodSeconds."""

    log_format: Annotated[Literal["console", "json"], either("LOG_FORMAT")] = "console"
    """How the log on standard error looks."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], either("LOG_LEVEL")] = "info"
    """The least severity that is logged."""

    @field_validator("vcenter_url")
    @classmethod
    def _full_url(cls, value: str) -> str:
        """Make `host` and `host:port` a full URL, and refuse what cannot be one."""
        url = value.strip()
        if "://" not in url:
            url = f"https://{url}"
        parts = urlsplit(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or " " in url:
            raise ValueError("not an address; set a host name or https://host/sdk")
        parts.port  # noqa: B018  its own check of the port's range, a ValueError with a clear message
        return url

    @field_validator("sink")
    @classmethod
    def _sink_address(cls, value: str | None) -> str | None:
        if value is None or value == "-":
            return value
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("not an http or https address")
        return value

    @field_validator("ce_overrides", mode="before")
    @classmethod
    def _extensions(cls, value: object) -> object:
        """Knative's JSON to attribute names as CloudEvents writes them; context attributes are not ours to override."""
        if not isinstance(value, str):
            return value
        try:
            extensions = json.loads(value).get("extensions") or {}
            return {k.lower(): str(v) for k, v in extensions.items() if k.lower() not in CONTEXT_ATTRIBUTES}
        except (ValueError, AttributeError) as exc:
            raise ValueError('not JSON of the form {"extensions":{"key":"value"}}') from exc

    @field_validator("ce_overrides")
    @classmethod
    def _extension_names(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        for name in value:
            if not (name.isascii() and name.isalnum() and len(name) <= 20):  # noqa: PLR2004  CloudEvents 1.0, 3.1
                raise ValueError(f"{name!r} is no attribute name; use at most 20 letters a-z and digits")
        return value

    @field_validator("ca_certs")
    @classmethod
    def _certificates(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ssl.create_default_context(cadata=value)
            except ssl.SSLError as exc:
                raise ValueError("not PEM certificates") from exc
        return value

    @field_validator("event_types", mode="before")
    @classmethod
    def _patterns(cls, value: object) -> object:
        return tuple(p for p in map(str.strip, value.split(",")) if p) if isinstance(value, str) else value

    @field_validator("start_from", mode="before")
    @classmethod
    def _time_with_zone(cls, value: object) -> object:
        if not isinstance(value, str) or value in {"now", "beginning"}:
            return value
        try:
            time = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError("set now, beginning, or a time such as 2026-01-31T08:00:00Z") from None
        if time.tzinfo is None:
            raise ValueError("a time needs its zone, such as a Z at its end")
        return time

    @field_validator("vcenter_ca_file")
    @classmethod
    def _readable(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                ssl.create_default_context(cafile=value)
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

    @property
    def source(self) -> str:
        """The CloudEvents source: which vCenter, free of user name and password."""
        parts = urlsplit(self.vcenter_url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/sdk"

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
    """Read the files of a mounted basic-auth Secret; a line end after the value is not part of it."""
    try:
        username = (folder / "username").read_text().rstrip("\r\n")
        password = (folder / "password").read_text().rstrip("\r\n")
    except OSError as exc:
        raise ConfigurationError(f"VCENTER_SECRET_PATH: cannot read {exc.filename}: {exc.strerror}") from exc
    if not username or not password:
        raise ConfigurationError(f"VCENTER_SECRET_PATH: {folder}/username or {folder}/password is empty")
    return Credentials(username, SecretStr(password))


def load(**overrides: Any) -> Settings:
    """Read the environment; ``overrides`` are settings by field name from the command line.

    Raises ConfigurationError with every wrong setting named, in one line.
    """
    given = {environment_name(field): value for field, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as exc:
        raise ConfigurationError("; ".join(explain(error) for error in exc.errors())) from exc


def environment_name(field: str) -> str:
    """The variable a field is read from, the first where there are several."""
    alias = Settings.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field.upper()


def explain(error: ErrorDetails) -> str:
    """One wrong setting in a few words: its name, what was given (never a secret), what is wanted."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{name}: not set; set it to vCenter's host name or https://host/sdk"
    message = error["msg"].removeprefix("Value error, ")
    given = "" if "PASSWORD" in name or name in {"K_CA_CERTS", "VCENTER_URL"} else f"{error['input']!r}: "
    return f"{name}: {given}{message[0].lower()}{message[1:]}"
