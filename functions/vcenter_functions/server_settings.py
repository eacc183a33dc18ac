"""The settings that every function has, with or without a vCenter: what is served, within which limits, and the log.

Environment variables are read once into a frozen value. Each setting is documented once, in the docstring under it; the
reference page is checked against these.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import structlog
from pydantic import AliasChoices, Field, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from vcenter_functions.errors import SettingsError
from vcenter_functions.net.addresses import strip_brackets
from vcenter_functions.net.sockets import ANYWHERE
from vcenter_functions.setting_values import describe_wrong_value
from vcenter_functions.spelling import find_misspelt

log = structlog.get_logger()


def either(*names: str) -> Any:
    """Make a field that is read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


class ServerSettings(BaseSettings):
    """What every function serves. An empty variable counts as not set."""

    model_config = SettingsConfigDict(
        frozen=True, env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True, case_sensitive=True
    )

    examples: ClassVar[Mapping[str, str]] = {}
    """What to set a required setting to."""

    secret_variables: ClassVar[frozenset[str]] = frozenset()
    """Variables whose value is not repeated in an error message."""

    host: Annotated[str, either("HOST")] = ANYWHERE  # a container's port is reached from outside
    """The address to listen on; `::` is every address, IPv6 and IPv4."""

    port: Annotated[int, either("PORT")] = Field(default=8080, ge=0, le=65535)
    """The port to listen on; Knative sets it. `0` takes any free port, which the first line of output names."""

    max_body_bytes: Annotated[int, either("MAX_BODY_BYTES")] = Field(default=1024 * 1024, ge=1)
    """The largest request that is read, in bytes. The default is the most that a Kafka Broker passes on."""

    max_concurrency: Annotated[int, either("MAX_CONCURRENCY")] = Field(default=64, ge=1)
    """How many events are handled at the same time, of each vCenter. Others wait for their turn, within `TIMEOUT`."""

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

    @classmethod
    def _explain(cls, error: ErrorDetails) -> str:
        """Describe a wrong setting in a few words: its name, its value (never a secret), what is wanted."""
        if not error["loc"]:
            return error["msg"].removeprefix("Value error, ")
        name = str(error["loc"][0])
        if name in cls.model_fields:  # its default is wrong
            name = name.upper()
        if error["type"] == "missing":
            example = cls.examples.get(name)
            return f"{name}: not set; set it to {example}" if example else f"{name}: not set"
        value = "" if name in cls.secret_variables else f"{error['input']!r}: "
        return f"{cls._find_variable(name, error['input'])}: {value}{describe_wrong_value(error)}"

    @classmethod
    def _find_variable(cls, name: str, value: object) -> str:
        """Return the variable that holds a wrong value: the one of this name, or the fall-back that was set instead."""
        aliases = (field.validation_alias for field in cls.model_fields.values())
        choices = next((a.choices for a in aliases if isinstance(a, AliasChoices) and name in a.choices), [])
        wrong = str(value).strip()
        return next((str(choice) for choice in choices if os.environ.get(str(choice), "").strip() == wrong), name)


def lower(value: Any) -> Any:
    """Return a choice as the settings have it: without case, and without the spaces around it."""
    return value.strip().lower() if isinstance(value, str) else value
