"""The command ``vcenter-source``; no logic.

A command imports what it runs only when its settings are right: pyVmomi is slow to load, and neither --help nor the
report of a wrong setting waits for it.
"""

import asyncio
import os
import sys
from importlib.metadata import version
from typing import Annotated

import typer

from vcenter_source.commands.dead_letters.app import app as dead_letters_app
from vcenter_source.commands.function.app import app as function_app
from vcenter_source.commands.help import RUN_SETTINGS, choose_context, is_for_people
from vcenter_source.commands.interruption import exit_on_sigint
from vcenter_source.commands.options import FormatOption, JsonOption, TypesOption, VcenterArgument, VcenterOption
from vcenter_source.core import event_loop, logs, tracing
from vcenter_source.core.errors import ConfigurationError, OutputClosedError, VcenterSourceError
from vcenter_source.settings.environment import read_area, read_program
from vcenter_source.settings.log import LogSettings
from vcenter_source.settings.source import load, load_for_view
from vcenter_source.settings.vcenter import VcenterSettings

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings=choose_context(),
    rich_markup_mode="rich" if is_for_people() else None,
)
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(function_app, name="function")

CONFIGURATION_EXIT = 2
FAILURE_EXIT = 1


def print_version(*, wanted: bool) -> None:
    """Print the version and exit, where it is wanted."""
    if wanted:
        typer.echo(f"vcenter-source {version('vcenter-source')}")
        raise typer.Exit


@app.callback()
def parse_options(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Send vCenter events as CloudEvents."""


@app.command("run", epilog=RUN_SETTINGS)
def run_command(
    vcenter: VcenterArgument = None,
    sink: Annotated[
        str | None,
        typer.Option(
            help="Where to send CloudEvents: an http(s) URL, openfaas+http(s)://GATEWAY, or - to print them. "
            "Default: K_SINK."
        ),
    ] = None,
) -> None:
    """Send vCenter's events to a sink until stopped. The settings are environment variables."""
    exit_on_sigint()
    settings = load(VCENTER_URL=vcenter, K_SINK=sink)
    from vcenter_source.commands.run import run

    logs.configure(settings.log)
    with tracing.export_spans():
        event_loop.run_loop(run(settings))


@app.command("view")
def view_command(
    vcenter: VcenterArgument = None,
    hours: Annotated[float, typer.Option(min=0, max=8760, help="How many hours back to start.")] = 1.0,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The page's port; 0 for any free one.")] = 8082,
) -> None:
    """Show a vCenter's events in a browser. Nothing is sent, and a running adapter is not disturbed."""
    exit_on_sigint()
    settings = load_for_view(vcenter, hours, port)
    from vcenter_source.commands.run import run

    logs.configure(settings.log)
    event_loop.run_loop(run(settings))


@app.command("doctor")
def doctor_command(
    sink: Annotated[str | None, typer.Option(help="The sink to check, or - for none. Default: K_SINK.")] = None,
    ping: Annotated[bool, typer.Option("--ping", help="Send the sink a test event and show its answer.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check everything that `run` needs, with the same settings, and say how to fix it. Exit code 1: a check failed."""
    exit_on_sigint()
    settings = load(K_SINK=sink)
    from vcenter_source.commands.doctor.runner import run_doctor

    logs.configure(settings.log, level="warning")  # the checks print the rest
    tracing.check_environment(os.environ)
    sys.exit(0 if asyncio.run(run_doctor(settings, ping=ping, as_json=as_json)) else FAILURE_EXIT)


@app.command("types")
def types_command(
    pattern: Annotated[
        str | None, typer.Argument(help="Part of a type, class or family, or a pattern with *. Default: all.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the data of one type or class, PATTERN.")
    ] = False,
    as_json: JsonOption = False,
    ask_vcenter: VcenterOption = False,
    event_format: FormatOption = "vcenter",
) -> None:
    """List the types of event with their class, family and severity, and the objects that they can be about."""
    from vcenter_source.commands.triggers import types
    from vcenter_source.commands.triggers.catalog import load_catalog

    catalog, categories = load_catalog(event_format, ask_vcenter=ask_vcenter)
    if schema:
        types.print_schema(catalog, pattern)
    else:
        types.print_types(catalog, categories, pattern, as_json=as_json)


@app.command("events")
def events_command(  # noqa: PLR0913  one option each
    vcenter: VcenterArgument = None,
    *,
    count: Annotated[
        int | None, typer.Option("-n", min=0, help="How many, the last ones. Default: 20, with --since all.")
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on with the events that come.")] = False,
    types: TypesOption = None,
    since: Annotated[str | None, typer.Option(help="How long ago, such as 1h or 2d12h, or a time.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print CloudEvents, as `run --sink -` does.")] = False,
    event_format: FormatOption = "vcenter",
) -> None:
    """Show a vCenter's last events, a line each, the newest last. Nothing is sent or written."""
    exit_on_sigint()
    config = read_area(VcenterSettings, VCENTER_URL=vcenter).require_one()
    from vcenter_source.commands.events import EventsRequest, show_events

    logs.configure(read_area(LogSettings), level="warning")
    request = EventsRequest(count, since, types or (), follow, as_json, event_format)
    event_loop.run_loop(show_events(config, request))


@app.command("sample")
def sample_command(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="A type or a class, as `types` lists them.")],
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Set a value of its data: vm.name=web-1."),
    ] = None,
    source: Annotated[
        str, typer.Option(envvar=["VCENTER_URL", "GOVC_URL"], help="The vCenter that the event names as its source.")
    ] = "vcenter.example.com",
    event_format: FormatOption = "vcenter",
) -> None:
    """Print a valid event of any type as CloudEvents JSON, for `vcenter-source send` or a test."""
    from vcenter_source.commands.sample import show_sample

    show_sample(event_format, name, assignments or (), source)


@app.command("send")
def send_command(
    path: Annotated[str, typer.Argument(metavar="FILE", help="CloudEvents, a line of JSON each, or - for stdin.")],
    to: Annotated[str | None, typer.Option(help="Where to send them: an http(s) URL. Default: K_SINK.")] = None,
    types: TypesOption = None,
) -> None:
    """Send events that `sample` or `run --sink -` printed, one by one. Exit code 1: one was not accepted."""
    exit_on_sigint()
    from vcenter_source.commands.send import print_summary, send_events

    logs.configure(read_area(LogSettings), level="warning")
    with tracing.export_spans():
        summary = event_loop.run_loop(send_events(path, to, types or ()))
    print_summary(summary)
    sys.exit(0 if summary.is_complete else FAILURE_EXIT)


@app.command("trigger")
def trigger_command(  # noqa: PLR0913  one option each
    *,
    event_types: Annotated[
        list[str],
        typer.Argument(
            metavar="TYPE...", help="Types, whole or short (vm.poweredon), with * as a wildcard, or classes."
        ),
    ],
    subscriber: Annotated[str, typer.Option(help="Where the events go: svc/NAME, ksvc/NAME or an http(s) URL.")],
    broker: Annotated[str, typer.Option(help="The Broker that receives vCenter's events.")] = "default",
    namespace: Annotated[str | None, typer.Option(help="The Trigger's namespace. Default: kubectl's.")] = None,
    name: Annotated[str | None, typer.Option(help="The Trigger's name. Default: derived from the types.")] = None,
    expression: Annotated[str | None, typer.Option("--filter", help="CESQL that must be true as well.")] = None,
    ask_vcenter: VcenterOption = False,
    event_format: FormatOption = "vcenter",
) -> None:
    """Print a Knative Trigger for some types of event, ready for kubectl apply -f -."""
    from vcenter_source.commands.triggers.catalog import load_catalog
    from vcenter_source.commands.triggers.trigger import print_trigger
    from vcenter_source.triggers.builder import TriggerRequest

    request = TriggerRequest(event_types, subscriber, broker, namespace, name, expression)
    catalog, _ = load_catalog(event_format, ask_vcenter=ask_vcenter)
    print_trigger(request, catalog)


@app.command("lint")
def lint_command(
    paths: Annotated[list[str], typer.Argument(metavar="FILE...", help="Files, folders, or - for standard input.")],
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 for warnings too.")] = False,
    extension: Annotated[list[str] | None, typer.Option(help="An attribute that K_CE_OVERRIDES adds.")] = None,
    ask_vcenter: VcenterOption = False,
    event_format: FormatOption = "vcenter",
) -> None:
    """Find filters of Knative Triggers that can never match. Exit code 1: at least one; 2: a file is unreadable."""
    from vcenter_source.commands.triggers.catalog import load_catalog
    from vcenter_source.commands.triggers.lint import lint_files

    catalog, _ = load_catalog(event_format, ask_vcenter=ask_vcenter, extensions=extension or ())
    sys.exit(lint_files(paths, catalog, strict=strict))


@app.command("tagged")
def list_tagged_command(
    tag: Annotated[str, typer.Argument(metavar="CATEGORY/NAME", help="The tag, or its urn.")],
    as_json: JsonOption = False,
) -> None:
    """List the objects that carry a tag now: type, id and name. Exit code 1: a failure, or an unknown tag."""
    exit_on_sigint()
    vcenter = read_area(VcenterSettings).require_one()
    from vcenter_source.commands.tagged import find_tagged, print_tagged

    logs.configure(read_area(LogSettings), level="warning")
    print_tagged(find_tagged(vcenter, tag), as_json=as_json)


@app.command("openfaas-shim")
def openfaas_shim_command() -> None:
    """Receive CloudEvents over HTTP and invoke the OpenFaaS functions that want them. Settings: docs/settings.md."""
    exit_on_sigint()
    from vcenter_source.settings.openfaas import ShimSettings

    settings = read_program(ShimSettings)
    from vcenter_source.sinks.openfaas.shim.app import run_shim

    logs.configure(settings.log)
    with tracing.export_spans():
        asyncio.run(run_shim(settings))


@app.command("simulate", context_settings={"ignore_unknown_options": True, "help_option_names": []})
def simulate_command(arguments: Annotated[list[str] | None, typer.Argument(metavar="[OPTION]...")] = None) -> None:
    """Run a vCenter to develop against, with the options that --help lists. Needs the extra "simulator"."""
    from vcenter_source.commands.simulate import become_simulator

    become_simulator(arguments or [])


def main() -> None:
    """Run a command. A known failure is one line on standard error: exit 2 for a wrong setting, 1 for the rest."""
    try:
        app()
    except OutputClosedError:
        # Such as `| head -1`: nothing failed. What print still holds would raise at exit, so it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except VcenterSourceError as exc:
        logs.report_fatal(" ".join(str(exc).split()))
        sys.exit(CONFIGURATION_EXIT if isinstance(exc, ConfigurationError) else FAILURE_EXIT)
