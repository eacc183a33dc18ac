"""The environment variables of a function: what its handlers' settings ask for, and what --env gives."""

import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import AliasChoices, SecretBytes, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsError

from vcenter_functions.registry import Registry
from vcenter_functions.server_settings import ServerSettings
from vcenter_functions.setting_values import describe_wrong_value
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.spelling import find_misspelt
from vcenter_source.core.errors import ConfigurationError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TAKEN = frozenset({"PORT", "VCENTER_SECRET_PATH", "POD_NAME", "POD_NAMESPACE"})
"""What the manifest sets itself."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a handler's settings read. ``names`` are it and its fall-backs."""

    names: tuple[str, ...]
    is_required: bool
    is_secret: bool


def needs_vcenter(registry: Registry) -> bool:
    """Return whether a handler acts in vCenter, so that the function needs its address and credentials."""
    parameters = [handler.parameters for handler in registry.handlers]
    own = [each.settings_class for each in parameters if each.settings_class]
    return any("vcenter" in each.names for each in parameters) or any(issubclass(c, FunctionSettings) for c in own)


def list_own_variables(registry: Registry) -> list[Variable]:
    """List the variables of the handlers' own settings."""
    found = (variable for each in _list_own_classes(registry) for variable in _list_variables(each))
    return list(dict.fromkeys(found))


def read_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Read each ``NAME=value`` of --env. Raises ConfigurationError for what is none, or is not to be set."""
    given: dict[str, str] = {}
    for assignment in assignments:
        name, equals, value = assignment.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise ConfigurationError(f"--env {assignment}: write a variable and its value, such as TAG=events/created")
        if name == "VCENTERS_FILE":
            raise ConfigurationError("--env VCENTERS_FILE: use --vcenters, which mounts the Secret that has the file")
        if name in _TAKEN:
            raise ConfigurationError(f"--env {name}: the manifest sets it")
        given[name] = value
    return given


def check_assignments(given: Mapping[str, str], variables: Sequence[Variable]) -> None:
    """Return if the handlers' settings are there. Raises ConfigurationError for one that is missing, and a secret."""
    for variable in [*variables, *_list_fields(FunctionSettings, {})]:
        if variable.is_secret and (named := [name for name in variable.names if name in given]):
            raise ConfigurationError(f"--env {named[0]}: it is a secret; it comes from a Secret: docs/functions.md")
    for variable in variables:
        if variable.is_required and not variable.is_secret and not set(variable.names) & given.keys():
            raise ConfigurationError(
                f"{variable.names[0]}: a handler's settings require it; use --env {variable.names[0]}=…"
            )


def check_values(given: Mapping[str, str], registry: Registry) -> None:
    """Return if the settings accept the values that are given. Raises ConfigurationError for one that they refuse.

    A file is not looked for: it is one of the pod's.
    """
    classes: list[type[BaseSettings]] = [*_list_own_classes(registry), FunctionSettings]
    for settings_class in classes:
        try:
            with set_environment(given, alone=True):
                settings_class()
        except ValidationError as exc:
            for error in exc.errors():
                _check_value(error, given, settings_class)
        except SettingsError as exc:  # of pydantic-settings: a list that is not JSON, say
            raise ConfigurationError(f"--env: {exc}") from exc


def _check_value(error: ErrorDetails, given: Mapping[str, str], settings_class: type[BaseSettings]) -> None:
    """Raise ConfigurationError if a value that is given is what is wrong."""
    place = str(next(iter(error["loc"]), ""))
    for field_name, field in settings_class.model_fields.items():
        names = _list_names(field_name, field, settings_class)
        wrong = next((name for name in names if name in given), "")
        if wrong and place in {field_name, *names} and not _has_type(field.annotation, {Path}):
            raise ConfigurationError(f"--env {wrong}={given[wrong]}: {describe_wrong_value(error)}")


def describe_misspelt(given: Mapping[str, str], variables: Sequence[Variable]) -> list[str]:
    """Describe each variable that is one slip away from a setting."""
    known = {name for variable in [*variables, *_list_fields(FunctionSettings, {})] for name in variable.names}
    return [f"--env {name} is no setting; did you mean {setting}?" for name, setting in find_misspelt(given, known)]


@contextmanager
def set_environment(given: Mapping[str, str], *, alone: bool = False) -> Iterator[None]:
    """Set variables of this process for a while, and no others if ``alone``."""
    before = dict(os.environ)
    if alone:
        os.environ.clear()
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _list_own_classes(registry: Registry) -> list[type[BaseSettings]]:
    classes = dict.fromkeys(handler.parameters.settings_class for handler in registry.handlers)
    return [each for each in classes if each]


def _list_variables(settings_class: type[BaseSettings]) -> Iterator[Variable]:
    """List those of a class that are its own, not those of every function."""
    base = next((each for each in (FunctionSettings, ServerSettings) if issubclass(settings_class, each)), None)
    return _list_fields(settings_class, base.model_fields if base else {})


def _list_fields(settings_class: type[BaseSettings], shared: Mapping[str, FieldInfo]) -> Iterator[Variable]:
    for name, field in settings_class.model_fields.items():
        if name not in shared:
            is_secret = _has_type(field.annotation, {SecretStr, SecretBytes})
            yield Variable(_list_names(name, field, settings_class), field.is_required(), is_secret)


def _list_names(name: str, field: FieldInfo, settings_class: type[BaseSettings]) -> tuple[str, ...]:
    """List the variables that a field is read from, the preferred one first."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return tuple(choice for choice in alias.choices if isinstance(choice, str))
    if isinstance(alias, str):
        return (alias,)
    variable = f"{settings_class.model_config.get('env_prefix', '')}{name}"
    return (variable if settings_class.model_config.get("case_sensitive") else variable.upper(),)


def _has_type(annotation: Any, types: Collection[Any]) -> bool:
    """Return whether an annotation, or a part of it, is one of these types."""
    return any(annotation is each for each in types) or any(_has_type(part, types) for part in get_args(annotation))
