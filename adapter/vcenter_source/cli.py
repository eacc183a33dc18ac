"""The command ``vcenter-source``; no logic."""

import asyncio
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from vcenter_source.core import tracing
from vcenter_source.core.errors import ConfigurationError, OutputClosedError, VcenterSourceError
from vcenter_source.events.formats import EventFormat
from vcenter_source.settings import source as configuration
from vcenter_source.settings.environment import read_area, read_program
from vcenter_source.settings.log import LogSettings
from vcenter_source.settings.vcenter import VcenterSettings

if TYPE_CHECKING:
    from vcenter_source.triggers.event_catalog import World

commands = typer.Typer(
    help="vCenter events as CloudEvents.", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
letters = typer.Typer(help="The events that the sink refused for good, in DEAD_LETTER_PATH.", no_args_is_help=True)
commands.add_typer(letters, name="dead-letters")

FORMAT = typer.Option(envvar="EVENT_FORMAT", help="The EVENT_FORMAT that the adapter runs with.")
VCENTER = typer.Option("--vcenter", help="Ask the vCenter that VCENTER_URL names for its own event type ids.")

CONFIGURATION_EXIT = 2
FAILURE_EXIT = 1


def print_version(*, wanted: bool) -> None:
    """Print the version and exit, where it is wanted."""
    if wanted:
        typer.echo(f"vcenter-source {version('vcenter-source')}")
        raise typer.Exit


@commands.callback()
def options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """Send vCenter events as CloudEvents."""


@commands.command()
def run(
    sink: Annotated[
        str | None,
        typer.Option(
            help="Where CloudEvents go: an http(s) address, openfaas+http(s)://gateway, or - to print. Default: K_SINK."
        ),
    ] = None,
) -> None:
    """Send vCenter's events to a sink until stopped. The settings are environment variables: docs/settings.md."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until the pipeline stands: end at once, without a traceback
    settings = configuration.load(K_SINK=sink)
    from vcenter_source.commands import run as app
    from vcenter_source.core import (
        logs,
    )  # pyVmomi takes its time to load, and neither --help nor a wrong setting waits for it

    logs.configure(settings.log)
    with tracing.exporting():
        asyncio.run(app.run(settings))


@commands.command()
def view(
    vcenter: Annotated[str | None, typer.Argument(metavar="URL-OF-VCENTER", help="Default: VCENTER_URL.")] = None,
    hours: Annotated[float, typer.Option(min=0, max=8760, help="How far back to begin.")] = 1.0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to serve the page; 0 takes any free port.")] = 8082,
) -> None:
    """Look at a vCenter's events in a browser. Nothing is sent, and a running adapter is not disturbed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = configuration.load_for_view(vcenter, hours, port)
    from vcenter_source.commands import run as app
    from vcenter_source.core import logs  # as above

    logs.configure(settings.log)
    asyncio.run(app.run(settings))


@commands.command()
def doctor(
    sink: Annotated[str | None, typer.Option(help="The sink to check, or - for none. Default: K_SINK.")] = None,
    ping: Annotated[bool, typer.Option("--ping", help="Send the sink an event, and show its answer.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
) -> None:
    """Check all that `run` needs, with the same settings, and say what to do. Exit code 1: something failed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = configuration.load(K_SINK=sink)
    from vcenter_source.commands.doctor import examination
    from vcenter_source.core import logs  # as above

    logs.configure(settings.log, level="warning")  # the findings say the rest
    tracing.check(os.environ)
    sys.exit(0 if asyncio.run(examination.examine(settings, ping=ping, as_json=as_json)) else FAILURE_EXIT)


@commands.command()
def types(
    pattern: Annotated[
        str | None, typer.Argument(help="Part of a type, class or family, or like it with *. Default: all.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the data of the one type or class PATTERN.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
    ask_vcenter: Annotated[bool, VCENTER] = False,
    event_format: Annotated[EventFormat, FORMAT] = "vcenter",
) -> None:
    """List the types of event: each with its class, family and severity, and what it can be about."""
    from vcenter_source.triggers import listing

    world, categories = world_of(event_format, ask_vcenter=ask_vcenter)
    if schema:
        listing.show_schema(world, pattern or "")
    else:
        known = listing.event_types(world, categories)
        listing.show(listing.matching(known, pattern) if pattern else known, as_json=as_json)


@commands.command()
def trigger(  # noqa: PLR0913  one option each
    *,
    event_types: Annotated[
        list[str], typer.Argument(metavar="TYPE...", help="Types, with * as a wildcard, or classes.")
    ],
    subscriber: Annotated[str, typer.Option(help="Who gets the events: svc/NAME, ksvc/NAME or an http address.")],
    broker: Annotated[str, typer.Option(help="The Broker that has them.")] = "default",
    namespace: Annotated[str | None, typer.Option(help="Its namespace. Default: kubectl's.")] = None,
    name: Annotated[str | None, typer.Option(help="The Trigger's name. Default: from the types.")] = None,
    expression: Annotated[str | None, typer.Option("--filter", help="CESQL that must be true as well.")] = None,
    ask_vcenter: Annotated[bool, VCENTER] = False,
    event_format: Annotated[EventFormat, FORMAT] = "vcenter",
) -> None:
    """Print a Knative Trigger for some types of event, ready for kubectl apply -f -."""
    from vcenter_source.triggers import values, writing

    order = writing.Order(event_types, subscriber, broker, namespace, name, expression)
    world, _ = world_of(event_format, ask_vcenter=ask_vcenter)
    manifest, doubts = writing.trigger(order, values.Judge(world))
    for each in doubts:
        typer.echo(f"vcenter-source: {each.message}", err=True)
    typer.echo(manifest, nl=False)


@commands.command()
def lint(
    paths: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, folders, or - for standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 1 for warnings too.")] = False,
    extension: Annotated[list[str] | None, typer.Option(help="An attribute that K_CE_OVERRIDES adds.")] = None,
    ask_vcenter: Annotated[bool, VCENTER] = False,
    event_format: Annotated[EventFormat, FORMAT] = "vcenter",
) -> None:
    """Find the filters of Knative Triggers that can never match. Exit code 1: there are; 2: a file is unreadable."""
    from vcenter_source.triggers.lint import Linter

    world, _ = world_of(event_format, ask_vcenter=ask_vcenter, extensions=extension or ())
    sys.exit(Linter(world).run(paths, strict=strict))


@commands.command()
def tagged(
    tag: Annotated[str, typer.Argument(metavar="CATEGORY/NAME", help="The tag, or its urn.")],
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
) -> None:
    """List the objects that carry a tag now: type, id and name. Exit code 1: there is no such tag, say."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    settings = read_area(VcenterSettings)
    from vcenter_source.commands import tagged as tagging
    from vcenter_source.core import logs  # as above

    logs.configure(read_area(LogSettings), level="warning")
    tagging.show(tagging.objects(settings, tag), as_json=as_json)


def world_of(
    event_format: EventFormat, *, ask_vcenter: bool, extensions: Sequence[str] = ()
) -> tuple["World", Mapping[str, str]]:
    """The events that can come, and vCenter's category of each; none of these if it is not to be asked."""
    from vcenter_source.triggers.event_catalog import World, event_type_ids

    categories: Mapping[str, str] = {}
    if ask_vcenter:
        from vcenter_source.core import logs
        from vcenter_source.triggers import vcenter_types as live

        logs.configure(read_area(LogSettings), level="warning")
        categories = live.categories()
    return World(event_format, event_type_ids(categories), tuple(extensions)), categories


@commands.command("openfaas-shim")
def openfaas_shim() -> None:
    """Take CloudEvents over HTTP, and invoke the OpenFaaS functions that want them. Settings: docs/settings.md."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from vcenter_source.settings.openfaas import ShimSettings

    settings = read_program(ShimSettings)
    from vcenter_source.core import logs  # as above
    from vcenter_source.sinks.openfaas.shim import app

    logs.configure(settings.log)
    with tracing.exporting():
        asyncio.run(app.run(settings))


@commands.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
def simulate(arguments: Annotated[list[str] | None, typer.Argument(metavar="[OPTION]...")] = None) -> None:
    """Run a vCenter to develop against, with the options that --help lists. Needs the extra "simulator"."""
    if missing := [name for name in ("cryptography", "starlette", "uvicorn") if find_spec(name) is None]:
        extra = "pip install 'vcenter-source[simulator]'"
        raise ConfigurationError(f"simulate: {', '.join(missing)} is not installed; install the extra: {extra}")
    os.execv(sys.executable, [sys.executable, "-m", "vcenter_simulator", *(arguments or [])])  # noqa: S606  no shell


@letters.command("list")
def list_letters(
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for programs.")] = False,
) -> None:
    """Show the dead letters, oldest first: when it was given up, the event's type, subject and id, and why."""
    from vcenter_source.core import logs
    from vcenter_source.pipeline import replay
    from vcenter_source.state.dead_letters import listing

    settings = read_program(configuration.ReplaySettings)
    logs.configure(settings.log)
    folder = replay.folder_of(settings.dead_letters)
    replay.tell_where_missing(settings.dead_letters)
    listing.show(folder.letters(), as_json=as_json)


@letters.command("replay")
def replay_letters(
    event_id: Annotated[str | None, typer.Option("--id", help="Only the event with this id. Default: all.")] = None,
    sink: Annotated[str | None, typer.Option(help="Where to: an http(s) address. Default: K_SINK.")] = None,
) -> None:
    """Send dead letters again, oldest first, and remove those that are accepted. Exit code 1: some were not."""
    from vcenter_source.core import logs
    from vcenter_source.pipeline import replay

    settings = read_program(configuration.ReplaySettings, K_SINK=sink)
    logs.configure(settings.log)
    with tracing.exporting():
        summary = asyncio.run(replay.replay(settings, event_id))
    typer.echo(f"{summary}.")
    sys.exit(0 if summary.clean else FAILURE_EXIT)


def main() -> None:
    """Run a command. A known failure is one line on standard error: exit 2 for a wrong setting, 1 for the rest."""
    try:
        commands()
    except OutputClosedError:
        # Such as `| head -1`: nothing failed. What print still holds would raise at exit, so it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except VcenterSourceError as exc:
        from vcenter_source.core import logs

        logs.report_fatal(" ".join(str(exc).split()))
        sys.exit(CONFIGURATION_EXIT if isinstance(exc, ConfigurationError) else FAILURE_EXIT)
