"""The settings of pytag: environment variables and mounted secret files, read once into one frozen value.

Each setting is documented once, in the docstring under it; docs/settings.md is made of these.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, unquote, urlsplit

import structlog
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from pytag.origin import Origin, server_of
from vcenter_functions.credentials import Credentials, mounted_credentials
from vcenter_functions.errors import SettingsError
from vcenter_functions.net.addresses import add_brackets, strip_brackets
from vcenter_functions.net.sockets import ANYWHERE
from vcenter_functions.net.tls import create_client_context
from vcenter_functions.spelling import find_misspelt

_log = structlog.get_logger()

TAG_URN = re.compile(r"urn:vmomi:InventoryServiceTag:[^:\s]+:[^:\s]+")
SECRETS = frozenset({"VCENTER_PASSWORD", "VCENTER_URL"})
"""What is not repeated in an error message; a URL may hold a password."""
WANTED_URL = "set a host name or https://host/sdk"
ENCODE = "percent-encode what is special in a user name or password"


@dataclass(frozen=True, slots=True)
class TagName:
    """Which tag: a urn, or a category's and a tag's name."""

    category: str
    name: str
    urn: str | None = None

    def __str__(self) -> str:
        return self.urn or f"{self.category}/{self.name}"


def either(*names: str) -> Any:
    """A field read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


class Settings(BaseSettings):
    """Everything that can be set. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True, case_sensitive=True
    )

    vcenter_url: Annotated[str, either("VCENTER_URL", "GOVC_URL")]
    """The vCenter to tag in: a host name, `host:port`, or `https://host/sdk`. Required. `GOVC_URL` is the fall-back;
    either may hold a percent-encoded `user:password@`, which the variables below override."""

    vcenter_aliases: Annotated[str | None, either("VCENTER_ALIASES")] = None
    """Other names of this vCenter, separated by commas, as the `source` of events may have them: its address, its short
    name. An event whose source names another server than `VCENTER_URL` and these is refused (422), since its object is
    another one here; one whose source names no server, such as `/scripts/nightly`, is taken to be of this vCenter."""

    vcenter_username: Annotated[str | None, either("VCENTER_USERNAME", "GOVC_USERNAME")] = None
    """The account that tags. It needs the privileges Assign or Unassign vSphere Tag (a global permission) and Assign or
    Unassign vSphere Tag on Object. `GOVC_USERNAME` is the fall-back."""

    vcenter_password: Annotated[SecretStr | None, either("VCENTER_PASSWORD", "GOVC_PASSWORD")] = None
    """Its password. `GOVC_PASSWORD` is the fall-back."""

    vcenter_secret_path: Annotated[Path | None, either("VCENTER_SECRET_PATH")] = None
    """A folder with the files `username` and `password`, as Kubernetes mounts a basic-auth Secret. It wins over the two
    variables above and is read again at every log-in, so rotated credentials need no restart."""

    vcenter_insecure: Annotated[bool, either("VCENTER_INSECURE", "GOVC_INSECURE")] = False
    """`true` accepts any TLS certificate: for a first try only. `GOVC_INSECURE` is the fall-back."""

    vcenter_ca_file: Annotated[Path | None, either("VCENTER_CA_FILE")] = None
    """A PEM file with the authority that signed vCenter's certificate, or with that certificate itself, trusted beside
    the system's. It is read again when it has changed, so a replaced authority needs no restart."""

    tag: Annotated[str, either("TAG")]
    """The tag to attach or detach, as `category/name`, or as its urn where a category's name has a slash. Required."""

    tag_action: Annotated[Literal["attach", "detach"], either("TAG_ACTION")] = "attach"
    """What to do with the tag on the object that an event is about."""

    tag_create: Annotated[bool, either("TAG_CREATE")] = False
    """`true` creates the tag and its category (for every type of object, several tags an object) where they are
    missing, which takes two privileges more. By default a missing tag is a refusal, so that a typing error shows."""

    host: Annotated[str, either("HOST")] = ANYWHERE  # a container's port is reached from outside
    """The address to listen on; `::` is every one, of IPv6 and IPv4."""

    port: Annotated[int, either("PORT")] = Field(default=8080, ge=0, le=65535)
    """The port to listen on; Knative sets it. `0` takes any free one, which the first line of output names."""

    max_body_bytes: Annotated[int, either("MAX_BODY_BYTES")] = Field(default=1024 * 1024, ge=1)
    """The largest request that is read, in bytes. The default is the most that a Kafka Broker passes on."""

    timeout: Annotated[float, either("TIMEOUT")] = Field(default=30.0, gt=0)
    """Seconds for one event, all calls to vCenter together; then the sender is asked to come back."""

    log_format: Annotated[Literal["console", "json"], either("LOG_FORMAT")] = "console"
    """How the log on standard error looks."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], either("LOG_LEVEL")] = "info"
    """The least severity that is logged."""

    @field_validator("*", mode="before")
    @classmethod
    def _without_line_ends(cls, value: Any) -> Any:
        """A file, a here-document or a Secret made of one leaves a line end behind, or a byte order mark before."""
        return value.removeprefix("\ufeff").strip("\r\n") if isinstance(value, str) else value

    @field_validator("tag_action", "log_format", "log_level", mode="before")
    @classmethod
    def _in_lower_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("host")
    @classmethod
    def _without_brackets(cls, value: str) -> str:
        return strip_brackets(value)

    @field_validator("vcenter_url")
    @classmethod
    def _full_url(cls, value: str) -> str:
        """Make `host`, `host:port` and an IPv6 address a full URL, and refuse what cannot be one."""
        url = value.strip()
        if "://" not in url:
            url = f"https://{add_brackets(url)}"
        parts = _split(url)
        if parts.scheme not in {"https", "http"} or not parts.hostname or " " in url:
            raise ValueError(f"not an address; {WANTED_URL}")
        _check_port(parts)
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

    @field_validator("vcenter_aliases")
    @classmethod
    def _names(cls, value: str | None) -> str | None:
        wrong = [name for name in _listed(value) if server_of(name) is None]
        if wrong:
            raise ValueError(f"{wrong[0]!r} is no host name or address; separate several by commas")
        return value

    @field_validator("tag")
    @classmethod
    def _one_tag(cls, value: str) -> str:
        category, _, name = value.partition("/")
        if not value.isprintable():
            raise ValueError("a name has no line ends or tabs; set category/name")
        if not TAG_URN.fullmatch(value) and not (category.strip() and name.strip()):
            raise ValueError("not a tag; set category/name, or a urn such as urn:vmomi:InventoryServiceTag:<id>:GLOBAL")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.tag_create and self.tag_name.urn:
            raise ValueError("TAG_CREATE: a tag named by its urn cannot be created; set TAG to category/name")
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
        """The vCenter whose events are taken, under all of its names."""
        own = server_of(self.base_url)
        assert own is not None  # noqa: S101  VCENTER_URL has been checked for a host
        return Origin(own, frozenset(filter(None, map(server_of, _listed(self.vcenter_aliases)))))

    @property
    def tag_name(self) -> TagName:
        """The tag, taken apart."""
        if TAG_URN.fullmatch(self.tag):
            return TagName("", "", self.tag)
        category, _, name = self.tag.partition("/")
        return TagName(category, name)

    def credentials(self) -> Credentials:
        """The credentials as they are now; mounted files are read afresh. Raises SettingsError."""
        if self.vcenter_secret_path is not None:
            return mounted_credentials(self.vcenter_secret_path)
        parts = urlsplit(self.vcenter_url)
        username = self.vcenter_username or unquote(parts.username or "")
        password = self.vcenter_password or SecretStr(unquote(parts.password or ""))
        if not username:
            raise SettingsError("VCENTER_USERNAME: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
        if not password.get_secret_value():
            raise SettingsError("VCENTER_PASSWORD: not set; set it, or VCENTER_SECRET_PATH to a mounted Secret")
        return Credentials(username, password)


def _listed(value: str | None) -> list[str]:
    return [name for name in map(str.strip, (value or "").split(",")) if name]


def _split(url: str) -> SplitResult:
    """The URL, taken apart. The library's own message is not passed on: it may quote a part of a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(f"not an address; {ENCODE if '@' in url else WANTED_URL}") from None


def _check_port(parts: SplitResult) -> None:
    """Refuse what is no port, in words that quote nothing: after `user:pa#ss@host` the port is `pa`."""
    port = parts.netloc.rpartition("@")[2].rpartition("]")[2].partition(":")[2]
    if port and not (port.isascii() and port.isdigit()):
        raise ValueError(f"the port is no number; {ENCODE}")
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(f"not an address; {ENCODE}")
    parts.port  # noqa: B018  its own check of the port's range, a ValueError with a clear message


def load(**given: Any) -> Settings:
    """Read the environment; ``given`` are settings by variable name, which win over it.

    Raises SettingsError with every wrong setting named, in one line.
    """
    try:
        return Settings(**given)
    except ValidationError as exc:
        raise SettingsError("; ".join(explain(error) for error in exc.errors())) from exc


def warn_of_misspelt() -> None:
    """Log a warning for each variable of the environment that is one slip away from a setting."""
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    names = {str(name) for alias in aliases if isinstance(alias, AliasChoices) for name in alias.choices}
    for variable, setting in find_misspelt(os.environ, names):
        _log.warning("variable is not a setting; is it misspelt?", variable=variable, did_you_mean=setting)


def explain(error: ErrorDetails) -> str:
    """One wrong setting in a few words: its name, what was given (never a secret), what is wanted."""
    message = error["msg"].removeprefix("Value error, ")
    if not error["loc"]:
        return message
    name = str(error["loc"][0])
    if error["type"] == "missing":
        wanted = {"VCENTER_URL": "vCenter's host name or https://host/sdk", "TAG": "category/name"}
        return f"{name}: not set; set it to {wanted[name]}"
    given = "" if name in SECRETS else f"{error['input']!r}: "
    return f"{_variable(name, error['input'])}: {given}{message[0].lower()}{message[1:]}"


def _variable(name: str, value: object) -> str:
    """Which variable a wrong value stands in: the one of this name, or the fall-back that was set instead."""
    aliases = (field.validation_alias for field in Settings.model_fields.values())
    names = next(a.choices for a in aliases if isinstance(a, AliasChoices) and name in a.choices)
    return next((str(each) for each in names if os.environ.get(str(each), "").strip() == str(value).strip()), name)
