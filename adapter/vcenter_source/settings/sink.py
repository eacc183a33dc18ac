"""The settings that sending events needs: all that ``vcenter-source dead-letters`` reads, and a part of ``run``'s.

How settings are read, and refused in words, stands here too.
"""

import os
import re
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, AliasChoices, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from vcenter_functions.net.addresses import strip_brackets
from vcenter_source.core.errors import ConfigurationError

SECRETIVE = frozenset({"K_CA_CERTS", "VCENTER_URL", "GOVC_URL", "K_SINK", "DEAD_LETTER_SINK", "OPENFAAS_URL"})
"""What is not repeated in an error message: an address may hold a password, and certificates are long."""
ENCODE = "percent-encode what is special in a user name or password"

OIDC_TOKEN = Path("/oidc/token")
"""Where Knative's SinkBinding mounts a token for the sink, when the sink's address has an audience."""

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----")

OPENFAAS = "openfaas+"
"""What the address of an OpenFaaS gateway begins with, where an HTTP sink's could stand too."""

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def trim(text: str) -> str:
    """What a variable or a mounted file holds, without what is no part of it."""
    return text.removeprefix("\ufeff").rstrip("\r\n")


def either(*names: str) -> Any:
    """A field read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


ListenHost = Annotated[str, AfterValidator(strip_brackets)]
"""An address to listen on, an IPv6 address with or without brackets."""


class EnvironmentSettings(BaseSettings):
    """Settings from the environment. An empty variable counts as not set, as Knative injects empty ones."""

    model_config = SettingsConfigDict(
        frozen=True,
        env_ignore_empty=True,
        extra="ignore",
        use_attribute_docstrings=True,
        case_sensitive=True,
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _without_line_ends(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Leave out the line end that ``echo`` puts behind a value, and the byte order mark that editors put before."""
        trimmed = {name: trim(value) if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in trimmed.items() if value != "" or given[name] == ""}

    @field_validator("log_format", "log_level", "event_format", "invocation", mode="before", check_fields=False)
    @classmethod
    def _in_small_letters(cls, value: object) -> object:
        return value.lower() if isinstance(value, str) else value


class SinkSettings(EnvironmentSettings):
    """Where events go, how long that may take, and what becomes of those that cannot go there."""

    sink: Annotated[str | None, either("K_SINK")] = None
    """Where the CloudEvents go, an http or https address; Knative sets it. `-` prints them, a JSON line each. With
    `openfaas+` before it, such as `openfaas+http://gateway.openfaas:8080`, it is an OpenFaaS gateway's."""

    ca_certs: Annotated[str | None, either("K_CA_CERTS")] = None
    """PEM certificates to trust for the sink, beside the system's and the bundles that Knative mounts; Knative sets
    it."""

    sink_timeout: Annotated[float, either("SINK_TIMEOUT")] = Field(default=330.0, gt=0)
    """Seconds to wait for the sink's answer. Long, because a Broker on an InMemoryChannel answers only after every
    Trigger's delivery and retries have ended."""

    retry_max_delay: Annotated[float, either("RETRY_MAX_DELAY")] = Field(default=30.0, gt=0)
    """The longest wait, in seconds, between two tries of one event, also where the sink's Retry-After asks for more."""

    max_event_bytes: Annotated[int, either("MAX_EVENT_BYTES")] = Field(default=1_000_000, ge=1)
    """The largest event, data and attributes in bytes, that is sent to the sink; a larger one goes to the dead letter.
    A Kafka Broker refuses what exceeds 1 MiB with a 503, as if it could pass; the default leaves room for what a Broker
    adds. Every CloudEvents intermediary takes 64 KiB, not all of them more."""

    dead_letter_sink: Annotated[str | None, either("DEAD_LETTER_SINK")] = None
    """Where events go that the sink refuses for good, an http or https address; they carry Knative's
    `knativeerrordest`, `knativeerrorcode` and `knativeerrordata`. With neither this nor `DEAD_LETTER_PATH` set, such an
    event is never dropped but tried again for as long as it takes, and in the end holds up the stream."""

    dead_letter_path: Annotated[Path | None, either("DEAD_LETTER_PATH")] = None
    """A folder for such events, on a volume that outlives the pod: lines of JSON, shown and sent again by
    `vcenter-source dead-letters`. With `DEAD_LETTER_SINK` set too, it takes those that the other does not."""

    dead_letter_max_bytes: Annotated[int, either("DEAD_LETTER_MAX_BYTES")] = Field(default=256 * 1024 * 1024, ge=1)
    """The most bytes that this folder may hold. When it is full, events are held as if there were none."""

    log_format: Annotated[Literal["console", "json"], either("LOG_FORMAT")] = "console"
    """How the log on standard error looks."""

    log_level: Annotated[Literal["debug", "info", "warning", "error"], either("LOG_LEVEL")] = "info"
    """The least severity that is logged."""

    @field_validator("sink", "dead_letter_sink")
    @classmethod
    def _http_address(cls, value: str | None) -> str | None:
        if value is None or value == "-":
            return value
        parts = split(value.removeprefix(OPENFAAS))
        if parts.scheme not in {"http", "https"} or not parts.hostname or "\\" in parts.netloc:
            raise ValueError("not an http or https address")
        check_port(parts)
        if value.startswith(OPENFAAS) and "@" in parts.netloc:
            raise ValueError("the gateway's credentials are read from files; set basic_auth and secret_mount_path")
        return value

    @field_validator("dead_letter_sink")
    @classmethod
    def _not_printed(cls, value: str | None) -> str | None:
        if value == "-":
            raise ValueError("only K_SINK can be printed; set an http or https address")
        if value is not None and value.startswith(OPENFAAS):
            raise ValueError("only K_SINK can be an OpenFaaS gateway; set an http or https address")
        return value

    @field_validator("ca_certs")
    @classmethod
    def _certificates(cls, value: str | None) -> str | None:
        """The certificates alone: what else stands in a bundle, in any language, OpenSSL takes from files only."""
        if value is None:
            return None
        certificates = "\n".join(_CERTIFICATE.findall(value))
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=certificates)
        except (ssl.SSLError, ValueError) as exc:  # the latter where there is none
            raise ValueError("not PEM certificates") from exc
        return certificates

    @property
    def sink_token(self) -> Path | None:
        """Where the token for the sink may be mounted. It is meant for the address in K_SINK; no other is shown it."""
        if self.sink != os.environ.get("K_SINK") or "@" in urlsplit(self.sink or "").netloc:
            return None
        return OIDC_TOKEN


def read(kind: type[SettingsT], overrides: Mapping[str, Any]) -> SettingsT:
    """Read the environment; ``overrides`` are settings by field name from the command line, None where not given.

    Raises ConfigurationError with every wrong setting named, in one line.
    """
    given = {environment_name(kind, field): value for field, value in overrides.items() if value is not None}
    try:
        return kind(**given)
    except ValidationError as exc:
        raise ConfigurationError("; ".join(explain(kind, error) for error in exc.errors())) from exc


def environment_name(kind: type[BaseSettings], field: str) -> str:
    """The variable a field is read from, the first where there are several."""
    alias = kind.model_fields[field].validation_alias
    return str(alias.choices[0]) if isinstance(alias, AliasChoices) else field.upper()


def split(url: str) -> SplitResult:
    """An address, taken apart. The library's own message is not passed on: it may quote a part of a password."""
    try:
        return urlsplit(url)
    except ValueError:
        raise ValueError(f"not an http or https address{f'; {ENCODE}' if '@' in url else ''}") from None


def explain(kind: type[BaseSettings], error: ErrorDetails) -> str:
    """One wrong setting in a few words: its name, what was given (never a secret), what is wanted."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{name}: not set; set it to vCenter's host name or https://host/sdk"
    message = error["msg"].removeprefix("Value error, ")
    given = "" if "PASSWORD" in name or name in SECRETIVE else f"{error['input']!r}: "
    return f"{_variable(kind, name, error['input'])}: {given}{message[0].lower()}{message[1:]}"


def _variable(kind: type[BaseSettings], name: str, value: object) -> str:
    """Which variable a wrong value stands in: the one of this name, or the fall-back that was set instead."""
    aliases = (field.validation_alias for field in kind.model_fields.values())
    names = next(a.choices for a in aliases if isinstance(a, AliasChoices) and name in a.choices)
    return next((str(each) for each in names if os.environ.get(str(each)) == value), name)


def check_port(parts: SplitResult) -> None:
    """Refuse a port that is none, without quoting it: it may be the beginning of a password with a ``#`` or ``/``."""
    try:
        parts.port  # noqa: B018  its own check
    except ValueError:
        raise ValueError(f"its port is no number up to 65535; {ENCODE}") from None
