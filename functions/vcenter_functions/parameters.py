"""What a handler asks for by the names of its parameters, and whether it can have that. Pure."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_type_hints

from pydantic_settings import BaseSettings

from vcenter_functions.errors import HandlerError
from vcenter_functions.event import Event

NAMES = ("event", "vcenter", "http", "log", "settings")
"""What a handler can be given."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What one handler is given. ``event_class`` is what its event is built as."""

    names: frozenset[str]
    event_class: type[Event] = Event
    settings_class: type[BaseSettings] | None = None


def read_parameters(function: Callable[..., Any]) -> Parameters:
    """Return a handler's parameters. Raises HandlerError, in one line, for a name that the kit does not provide."""
    name = getattr(function, "__name__", "handler")
    signature = inspect.signature(function)
    for parameter in signature.parameters.values():
        if parameter.name not in NAMES and parameter.default is parameter.empty:
            raise HandlerError(f"{name}() asks for {parameter.name!r}; a handler can be given {', '.join(NAMES)}")
    names = frozenset(each for each in signature.parameters if each in NAMES)
    if "vcenter" in names and not inspect.iscoroutinefunction(function):
        raise HandlerError(f"{name}() is a def, which cannot await what vcenter does; make it an async def")
    hints = _find_hints(function)
    settings_class = _check_settings(name, hints.get("settings")) if "settings" in names else None
    return Parameters(names, _check_event(name, hints.get("event")), settings_class)


def _find_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations; those that only a type checker knows are left out."""
    try:
        return get_type_hints(function)
    except Exception:  # noqa: BLE001  an annotation may be any expression
        known = getattr(function, "__annotations__", {})
        return {name: hint for name, hint in known.items() if not isinstance(hint, str)}


def _check_event(name: str, hint: Any) -> type[Event]:
    if hint is None or hint is Any:
        return Event
    if isinstance(hint, type) and issubclass(hint, Event):
        return hint
    raise HandlerError(f"{name}() asks for an event of type {hint}; use Event, or a class of vcenter_functions.events")


def _check_settings(name: str, hint: Any) -> type[BaseSettings]:
    if isinstance(hint, type) and issubclass(hint, BaseSettings):
        return hint
    raise HandlerError(f"{name}() asks for settings without their class: give it a subclass of BaseSettings")
