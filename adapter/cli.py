"""The command ``vcenter-source``; no logic."""

import asyncio
import sys
from typing import Annotated

import typer

from adapter import settings as configuration
from adapter import telemetry
from adapter.errors import ConfigurationError, VcenterSourceError

commands = typer.Typer(
    help="vCenter events as CloudEvents.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)

CONFIGURATION_EXIT = 2
FAILURE_EXIT = 1


@commands.callback()
def vcenter_source() -> None:
    """A callback keeps ``run`` a subcommand while it is the only one."""


@commands.command()
def run(
    sink: Annotated[
        str | None, typer.Option(help="Where CloudEvents go: an http(s) address, or - to print them. Default: K_SINK.")
    ] = None,
) -> None:
    """Send vCenter's events to a sink until stopped. The settings are environment variables; see the README."""
    from adapter import app, logs  # pyVmomi takes its time to load, and --help should not wait for it

    settings = configuration.load(sink=sink)
    logs.set_up(settings)
    with telemetry.exporting():
        asyncio.run(app.run(settings))


def main() -> None:
    """Run a command. A known failure is one line on standard error: exit 2 for a wrong setting, 1 for the rest."""
    try:
        commands()
    except VcenterSourceError as exc:
        typer.echo(f"vcenter-source: {' '.join(str(exc).split())}", err=True)
        sys.exit(CONFIGURATION_EXIT if isinstance(exc, ConfigurationError) else FAILURE_EXIT)
