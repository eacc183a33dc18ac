"""The settings that every function has: environment variables and mounted secret files, read once into a frozen value.

A function with more of them has a subclass. Each setting is documented once, in the docstring under it; the reference
page is checked against these.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import SplitResult, urlsplit

import structlog
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from vcenter_functions.errors import SettingsError
from vcenter_functions.login import Credentials, CredentialsError, find_credentials
from vcenter_functions.net.addresses import add_brackets, strip_brackets
from vcenter_functions.net.sockets import ANYWHERE
from vcenter_functions.net.tls import create_client_context
from vcenter_functions.origin import Origin, parse_server
from vcenter_functions.spelling import find_misspelt

log = structlog.get_logger()

SECRET_SETTINGS = frozenset({"VCENTER_PASSWORD", "VCENTER_URL"})
"""Settings whose value is not repeated in an error message; a URL may hold a password."""
VALID_URL = "set a host name or https://host/sdk"
ENCODE = "percent-encode what is special in a user name or password"


def either(*names: str) -> Any:
    """Make a field that is read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


class FunctionSettings(BaseSettings):
    """The settings of every function. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True, case_sensitive=True
    )

    examples: ClassVar[Mapping[str, str]] = {"VCENTER_URL": "vCenter's host name or https://host/sdk"}
    """What to set a required setting to."""

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

    host: Annotated[str, either("HOST")] = ANYWHERE  # a container's port is reached from outside
    """The address to listen on; `::` is every address, IPv6 and IPv4."""

    port: Annotated[int, either("PORT")] = Field(default=8080, ge=0, le=65535)
    """The port to listen on; Knative sets it. `0` takes any free port, which the first line of output names."""

    max_body_bytes: Annotated[int, either("MAX_BODY_BYTES")] = Field(default=1024 * 1024, ge=1)
    """The largest request that is read, in bytes. The default is the most that a Kafka Broker passes on."""

    timeout: Annotated[float, either("TIMEOUT")] = Field(default=30.0, gt=0)
    """Seconds for one event, all calls to vCenter together; then the answer is 503, and the sender tries again."""

    log_format: Annotated[Literal["console", "json"], either("LOG_FORMAT")] = "console"
    """The format of the log on standard error: `console` for people, or `json`, one JSON object per line."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], either("LOG_LEVEL")] = "info"
    """The least severity that is logged: `debug`, `info`, `warning` or `error`."""

    @field_validator("*", mode="before")
    @classmethod
    def _strip_line_ends(cls, value: Any) -> Any:
        """Drop the line end that a file, a here-document or a Secret made of one leaves, and a byte order mark."""
        return value.removeprefix("\ufeff").strip("\r\n") if isinstance(value, str) else value

    @field_validator("log_format", "log_level", mode="before")
    @classmethod
    def _lower(cls, value: Any) -> Any:
        return lower(value)

    @field_validator("host")
    @classmethod
    def _strip_brackets(cls, value: str) -> str:
        return strip_brackets(value)

    @field_validator("vcenter_url")
    @classmethod
    def _complete_url(cls, value: str) -> str:
        """Make `host`, `host:port` and an IPv6 address a full URL, and refuse what cannot be one."""
        url = value.strip()
        if "://" not in url:
            url = f"https://{add_brackets(url)}"
        parts = _split_url(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or " " in url:
            raise ValueError(f"not an address; {VALID_URL}")
        _check_port(parts)
        return url

    @field_validator("vcenter_ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        if value is not None:
            try:
                create_client_context(value)
            except OSError as exc:  # ssl.SSLError is one too
                raise ValueError(f"cannot read PEM certificates from {value}: {exc.strerror or exc}") from exc
        return value

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

    @classmethod
    def load(cls, **values: Any) -> Self:
        """Read the environment; ``values`` are settings by variable name, which win over it.

        Raises SettingsError with every wrong setting named, in one line.
        """
        try:
            return cls(**values)
        except ValidationError as exc:
            raise SettingsError("; ".join(cls._explain(error) for error in exc.errors())) from exc

    @classmethod
    def warn_of_misspelt(cls) -> None:
        """Log a warning for each variable of the environment that is one slip away from a setting."""
        aliases = (field.validation_alias for field in cls.model_fields.values())
        names = {str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices}
        for variable, setting in find_misspelt(os.environ, names):
            log.warning("variable is not a setting; is it misspelt?", variable=variable, did_you_mean=setting)

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

    @classmethod
    def _explain(cls, error: ErrorDetails) -> str:
        """Describe a wrong setting in a few words: its name, its value (never a secret), what is wanted."""
        message = error["msg"].removeprefix("Value error, ")
        if not error["loc"]:
            return message
        name = str(error["loc"][0])
        if error["type"] == "missing":
            return f"{name}: not set; set it to {cls.examples[name]}"
        value = "" if name in SECRET_SETTINGS else f"{error['input']!r}: "
        return f"{cls._find_variable(name, error['input'])}: {value}{message[0].lower()}{message[1:]}"

    @classmethod
    def _find_variable(cls, name: str, value: object) -> str:
        """Return the variable that holds a wrong value: the one of this name, or the fall-back that was set instead."""
        aliases = (field.validation_alias for field in cls.model_fields.values())
        choices = next(a.choices for a in aliases if isinstance(a, AliasChoices) and name in a.choices)
        wrong = str(value).strip()
        return next((str(choice) for choice in choices if os.environ.get(str(choice), "").strip() == wrong), name)


def lower(value: Any) -> Any:
    """Return a choice as the settings have it: without case, and without the spaces around it."""
    return value.strip().lower() if isinstance(value, str) else value


def _split_names(value: str | None) -> list[str]:
    return [name for name in map(str.strip, (value or "").split(",")) if name]


def _split_url(url: str) -> SplitResult:
    """Take a URL apart. The library's own message is not passed on: it may quote a part of a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(f"not an address; {ENCODE if '@' in url else VALID_URL}") from None


def _check_port(parts: SplitResult) -> None:
    """Refuse a wrong port without quoting it: in `user:pa#ss@host` it is `pa`, a part of the password."""
    port = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"the port is not a number; {ENCODE}")
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"not an address; {ENCODE}")
    parts.port  # noqa: B018  its own check of the port's range, a ValueError with a clear message
