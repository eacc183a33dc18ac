"""How settings are read from the environment, and how a wrong one is named.

A program's settings are nested by area::

    Settings                        a ProgramSettings: one attribute per area
    ├── vcenter: VcenterSettings    an EnvironmentSettings: one field per variable
    ├── sink: SinkSettings
    └── …

An area is a frozen value and is handed over whole. Each setting is documented once, in the docstring under its field;
docs/settings.md is written from these docstrings.
"""

import os
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar
from urllib.parse import SplitResult

from pydantic import AfterValidator, AliasChoices, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict

from vcenter_functions.net.addresses import ENCODE, split_url, strip_brackets
from vcenter_functions.setting_values import describe_wrong_value
from vcenter_source.core.errors import ConfigurationError

CONFIDENTIAL = frozenset({"K_CA_CERTS", "VCENTER_URL", "GOVC_URL", "K_SINK", "DEAD_LETTER_SINK", "OPENFAAS_URL"})
"""Variables whose values no error message repeats: an address may hold a password, and certificates are long."""


def trim(text: str) -> str:
    """Remove a byte order mark before, and line ends after, the content of a variable or a mounted file."""
    return text.removeprefix("\ufeff").rstrip("\r\n")


def either(*names: str) -> Any:
    """Make a field that is read from the first of these environment variables that is set."""
    return Field(validation_alias=AliasChoices(*names))


def lower_case(value: object) -> object:
    """Let a choice be written in any case; for a BeforeValidator."""
    return value.lower() if isinstance(value, str) else value


ListenHost = Annotated[str, AfterValidator(strip_brackets)]
"""An address to listen on, an IPv6 address with or without brackets."""


class EnvironmentSettings(BaseSettings):
    """One area's settings from the environment. An empty variable counts as not set, as Knative injects empty ones."""

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
    def _trim_values(cls, given: dict[str, Any]) -> dict[str, Any]:
        """Remove the line end that ``echo`` appends and the byte order mark that editors prepend."""
        trimmed = {name: trim(value) if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in trimmed.items() if value != "" or given[name] == ""}


class ProgramSettings(BaseModel):
    """The settings of one program: an EnvironmentSettings for each area."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


AreaT = TypeVar("AreaT", bound=EnvironmentSettings)
ProgramT = TypeVar("ProgramT", bound=ProgramSettings)


def read_area(kind: type[AreaT], **overrides: str | None) -> AreaT:
    """Read one area; ``overrides`` are variables from the command line, None if not given.

    Raises ConfigurationError with every wrong setting named, in one line.
    """
    area, problems = _try_area(kind, overrides)
    if area is None:
        raise ConfigurationError("; ".join(problems))
    return area


def read_program(kind: type[ProgramT], **overrides: str | None) -> ProgramT:
    """Read every area of a program. Arguments and errors are those of ``read_area``."""
    areas: dict[str, EnvironmentSettings] = {}
    problems: list[str] = []
    for name, area_kind in list_areas(kind):
        area, wrong = _try_area(area_kind, overrides)
        problems += wrong
        if area is not None:
            areas[name] = area
    if problems:
        raise ConfigurationError("; ".join(problems))
    return kind(**areas)


def _try_area(kind: type[AreaT], overrides: dict[str, str | None]) -> tuple[AreaT | None, list[str]]:
    """Read an area; return it, or None and what is wrong with it."""
    try:
        return kind(**{name: value for name, value in overrides.items() if value is not None}), []
    except ValidationError as exc:
        return None, [explain(kind, error) for error in exc.errors()]


def list_areas(program: type[BaseModel]) -> Iterator[tuple[str, type[EnvironmentSettings]]]:
    """List the areas of a program by attribute."""
    for name, field in program.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, EnvironmentSettings):
            yield name, field.annotation


def list_fields(kind: type[BaseModel]) -> Iterator[FieldInfo]:
    """List the fields of an area, or of all the areas of a program: default, description, and variables as alias."""
    areas: list[type[BaseModel]] = [area for _, area in list_areas(kind)]
    for area in areas or [kind]:
        yield from area.model_fields.values()


def list_variables(kind: type[BaseModel]) -> frozenset[str]:
    """List the environment variables that an area or a program reads, with their fall-backs."""
    return frozenset(name for field in list_fields(kind) for name in get_names(field))


def get_names(field: FieldInfo) -> list[str]:
    """Return the variables that a field is read from, the preferred one first."""
    alias = field.validation_alias
    return [str(name) for name in alias.choices] if isinstance(alias, AliasChoices) else []


def split_address(url: str) -> SplitResult:
    """Split an http or https address. Raises ValueError for what is not one."""
    return split_url(url, f"not an http or https address{f'; {ENCODE}' if '@' in url else ''}")


def explain(kind: type[BaseModel], error: ErrorDetails) -> str:
    """Describe a wrong setting in a few words: its name, what was given (never a secret), what is wanted."""
    if not error["loc"]:
        return error["msg"].removeprefix("Value error, ")
    name = str(error["loc"][0])
    if error["type"] == "missing":
        return f"{name}: not set; set it to vCenter's host name or https://host/sdk"
    given = "" if "PASSWORD" in name or name in CONFIDENTIAL else f"{error['input']!r}: "
    return f"{_find_variable(kind, name, error['input'])}: {given}{describe_wrong_value(error)}"


def _find_variable(kind: type[BaseModel], name: str, value: object) -> str:
    """Find the variable that holds a wrong value: the one of this name, or the fall-back that was set instead."""
    names = next(names for names in map(get_names, list_fields(kind)) if name in names)
    return next((variable for variable in names if os.environ.get(variable) == value), name)
