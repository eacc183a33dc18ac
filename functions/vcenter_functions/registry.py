"""Handlers: which functions of a handler.py get which events.

@on("com.vmware.event.vm.poweredon", "VmMigratedEvent", "com.vmware.event.ex.*", subject="VirtualMachine:*")
async def stamp(event: Event, vcenter: VCenter) -> None: ...
"""

import fnmatch
import importlib.util
import inspect
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from vcenter_functions.errors import FunctionError, HandlerError
from vcenter_functions.event import SEVERITIES, Event
from vcenter_functions.event_types import check_type, expand_type, matches_type
from vcenter_functions.parameters import Parameters, read_parameters

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events a handler gets. What is empty lets every event through."""

    types: tuple[str, ...] = ()
    subject: str = ""
    severities: frozenset[str] = frozenset()

    def matches(self, event: Event, sent_type: str = "") -> bool:
        """Return whether an event passes. ``sent_type`` is the type that it was sent with, in another format maybe."""
        names = {event.type, event.name, sent_type, *event.ancestors}
        return (
            (not self.types or any(matches_type(each, names) for each in self.types))
            and (not self.subject or fnmatch.fnmatchcase(str(event.subject or ""), self.subject))
            and (not self.severities or event.severity in self.severities)
        )


@dataclass(frozen=True, slots=True)
class Handler:
    """A function that handles events, which of them it gets, and what it asks for by the names of its parameters."""

    name: str
    function: Callable[..., Any]
    filter: Filter
    parameters: Parameters
    once: bool = False

    @property
    def is_async(self) -> bool:
        """Whether it is an ``async def``; a ``def`` runs in a thread."""
        return inspect.iscoroutinefunction(self.function)


@dataclass(slots=True)
class Registry:
    """The handlers of a handler.py, in their order there."""

    name: str = "function"
    handlers: list[Handler] = field(default_factory=list)

    def match(self, event: Event, sent_type: str = "") -> Iterator[Handler]:
        """Yield the handlers that get an event. A function with several ``@on`` gets it once."""
        seen: set[Callable[..., Any]] = set()
        for handler in self.handlers:
            if handler.function not in seen and handler.filter.matches(event, sent_type):
                seen.add(handler.function)
                yield handler


_registry: ContextVar[Registry | None] = ContextVar("registry", default=None)
"""The registry of the file that ``load`` imports."""


def on(
    *types: str | type[Event],
    subject: str | None = None,
    severity: str | Sequence[str] | None = None,
    once: bool = False,
) -> Callable[[F], F]:
    """Give a function the events of some types; without any, all events.

    A type is a CloudEvents type (``com.vmware.event.vm.poweredon``, or in short ``vm.poweredon``), a pattern
    (``com.vmware.event.ex.*``), or a class (``VmPoweredOnEvent``, by name or from ``vcenter_functions.events``), which
    stands for those derived from it as well. ``subject`` is a pattern for the object (``VirtualMachine:*``),
    ``severity`` one or several of INFO, WARN and ERROR. With ``once``, a repeated delivery of an event that was handled
    is acknowledged and not handled again, as long as this process remembers it.

    The function is given what its parameters name: ``event``, ``vcenter``, ``http``, ``log``, ``settings``. Raises
    HandlerError for a type that cannot exist and for any other parameter.
    """
    names = tuple(expand_type(each) if isinstance(each, str) else each.__name__ for each in types)
    for name in names:
        check_type(name)
    event_filter = Filter(names, subject or "", _read_severities(severity))

    def register(function: F) -> F:
        parameters = read_parameters(function)
        registry = _registry.get()
        if registry is not None:
            registry.handlers.append(Handler(function.__name__, function, event_filter, parameters, once))
        return function

    return register


def load(path: str | Path) -> Registry:
    """Import a handler.py anew, and return its handlers. Raises HandlerError, in one line, if that fails.

    Modules beside it can be imported as if Python had been started with it.
    """
    # Links are not followed: in a pod the file is one, into a folder that is replaced by another.
    file = Path(os.path.abspath(path))  # noqa: PTH100
    file = file / "handler.py" if file.is_dir() else file
    if not file.is_file():
        raise HandlerError(f"{path}: there is no such file")
    registry = Registry(file.parent.name if file.stem == "handler" else file.stem)
    if str(file.parent) not in sys.path:
        sys.path.insert(0, str(file.parent))
    token = _registry.set(registry)
    try:
        _import_file(file)
    except Exception as exc:
        raise HandlerError(f"{_find_place(file, exc)}: {_describe(exc)}") from exc
    finally:
        _registry.reset(token)
    if not registry.handlers:
        raise HandlerError(f"{file.name}: no function in it has the decorator @on")
    return registry


def _import_file(file: Path) -> None:
    name = f"_handlers_{abs(hash(file))}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise HandlerError("it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up
    spec.loader.exec_module(module)


def _find_place(file: Path, exc: Exception) -> str:
    """Return the file and the line in it where an import failed."""
    lines = [frame.lineno for frame in traceback.extract_tb(exc.__traceback__) if frame.filename == str(file)]
    line = exc.lineno if isinstance(exc, SyntaxError) and exc.filename == str(file) else (lines or [None])[-1]
    return f"{file.name}:{line}" if line else file.name


def _describe(exc: Exception) -> str:
    text = " ".join((exc.msg if isinstance(exc, SyntaxError) else str(exc)).split())
    return text if isinstance(exc, FunctionError) else f"{type(exc).__name__}: {text}"


def _read_severities(severity: str | Sequence[str] | None) -> frozenset[str]:
    given = [severity] if isinstance(severity, str) else severity or ()
    wrong = [each for each in given if each.lower() not in SEVERITIES]
    if wrong:
        raise HandlerError(f"there is no severity {wrong[0]!r}; use INFO, WARN or ERROR")
    return frozenset(SEVERITIES[each.lower()] for each in given)
