"""A handler.py, served: ``python -m vcenter_functions handler.py``.

    handler.py ── registry ──▶ dispatcher ──▶ event_runner ──▶ server

The same on Knative, on OpenFaaS (which needs no watchdog for it) and under ``kn func`` (``kn_func``).
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opentelemetry import trace

from vcenter_functions import logs
from vcenter_functions.dispatcher import Dispatcher
from vcenter_functions.errors import FunctionError
from vcenter_functions.event_runner import MESSAGES, EventRunner, Messages
from vcenter_functions.registry import Registry, load
from vcenter_functions.resources import Resources, load_own_settings
from vcenter_functions.server import Service, create_app, serve
from vcenter_functions.server_settings import ServerSettings
from vcenter_functions.settings import FunctionSettings
from vcenter_functions.targets import Targets
from vcenter_functions.tracing import Tracing, create_provider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic_settings import BaseSettings


def run_file(path: str | Path, program: str = "vcenter_functions", messages: Messages = MESSAGES) -> int:
    """Serve the handlers of a file until SIGINT or SIGTERM. ``program`` is named in what is wrong.

    Return 0 then, 1 without a port, 2 where the file or a setting is wrong, with one line on standard error.
    """
    try:
        registry = load(path)
        settings, service = prepare(registry, messages)
    except FunctionError as exc:
        print(f"{program}: {exc}", file=sys.stderr)  # noqa: T201  one line, whatever LOG_FORMAT is
        return 2
    return serve(registry.name, settings, create_app(service))


def prepare(registry: Registry, messages: Messages = MESSAGES) -> tuple[ServerSettings, Service]:
    """Read the settings, set up log and trace, and build what is served. Raises SettingsError."""
    own = load_own_settings_of(registry)
    settings = find_settings(registry, own.values())
    logs.configure(settings)
    settings.warn_of_misspelt()
    if isinstance(settings, FunctionSettings):
        from vcenter_functions.vcenter.transport import log_route

        for target in Targets(settings).list():
            log_route(target)
    provider = create_provider(registry.name)
    if provider is not None:
        trace.set_tracer_provider(provider)  # for the spans that handlers, and the libraries they use, make by the API
    return settings, build_service(registry, settings, Tracing(registry.name, provider), own, messages)


def build_service(
    registry: Registry,
    settings: ServerSettings,
    tracing: Tracing,
    own: "dict[type[BaseSettings], BaseSettings] | None" = None,
    messages: Messages = MESSAGES,
) -> Service:
    """Wire everything together. vCenter is first talked to when an event or a readiness probe comes."""
    resources = Resources(registry.name, settings, tracing, own)
    runner = EventRunner(settings, tracing, resources, messages)
    dispatcher = Dispatcher(registry, resources, runner.metrics, tracing)
    return runner.create_service(dispatcher.handle)


def load_own_settings_of(registry: Registry) -> "dict[type[BaseSettings], BaseSettings]":
    """Read the settings that the handlers ask for. Raises SettingsError."""
    classes = {each.parameters.settings_class for each in registry.handlers} - {None}
    return {each: load_own_settings(each) for each in classes if each is not None}


def find_settings(registry: Registry, own: "Iterable[BaseSettings]") -> ServerSettings:
    """Return the settings of the server: the handlers' own where those derive from them.

    A vCenter need not be configured where no handler asks for it; events of every source are handled then. Raises
    SettingsError.
    """
    needs_vcenter = any("vcenter" in handler.parameters.names for handler in registry.handlers)
    for settings in own:
        if isinstance(settings, FunctionSettings) or (isinstance(settings, ServerSettings) and not needs_vcenter):
            return settings
    if needs_vcenter or any(os.environ.get(name) for name in ("VCENTER_URL", "GOVC_URL", "VCENTERS_FILE")):
        return FunctionSettings.load()
    return ServerSettings.load()


def main(arguments: list[str]) -> int:
    """Run ``python -m vcenter_functions handler.py``. Return its exit code."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m vcenter_functions handler.py", file=sys.stderr)  # noqa: T201
        return 2
    return run_file(arguments[0])
