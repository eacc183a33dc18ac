"""A function, run: its settings, its log, its trace and its session with vCenter around the handler of its events."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from vcenter_functions import logs
from vcenter_functions.errors import SettingsError
from vcenter_functions.event_runner import EventRunner
from vcenter_functions.event_runner import Handle as Handler
from vcenter_functions.server import create_app, serve
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.tracing import Tracing, create_provider
from vcenter_functions.vcenter.api import VCenter, VCenters
from vcenter_functions.vcenter.transport import log_route

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["Function", "Handler", "build_app", "run"]

S = TypeVar("S", bound=FunctionSettings)


@dataclass(frozen=True, slots=True)
class Function(Generic[S]):
    """A function: its name, the class of its settings, and what builds the handler of its events.

    ``refusal`` and ``retry`` are the log's messages for an event that is refused, and for one to be delivered again.
    """

    name: str
    settings: type[S]
    build_handler: Callable[[S, VCenter, Tracing], Handler]
    refusal: str = "not handled"
    retry: str = "not handled, will be retried"


def run(function: Function[S]) -> int:
    """Serve a function until SIGINT or SIGTERM. Return 0 then, 1 without its port, 2 for a wrong setting."""
    try:
        settings = function.settings.load()
        logs.configure(settings)
        settings.warn_of_misspelt()
        log_route(settings)
        tracing = Tracing(function.name, create_provider(function.name))
    except SettingsError as exc:
        print(f"{function.name}: {exc}", file=sys.stderr)  # noqa: T201  one line, whatever LOG_FORMAT is
        return 2
    return serve(function.name, settings, build_app(function, settings, tracing))


def build_app(function: Function[S], settings: S, tracing: Tracing) -> "Starlette":
    """Wire everything together. vCenter is first talked to when an event or a readiness probe comes."""
    vcenters = VCenters(settings, tracing, name=function.name)
    runner = EventRunner(settings, tracing, vcenters, "vCenter took longer than TIMEOUT={:g} seconds")
    handler = function.build_handler(settings, vcenters.own, tracing)
    return create_app(runner.create_service(handler, function.refusal, function.retry))
