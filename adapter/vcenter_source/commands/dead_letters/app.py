"""The commands of ``vcenter-source dead-letters``; no logic, as in ``cli``."""

import asyncio
import sys
from typing import Annotated

import typer

from vcenter_source.commands.interruption import exit_on_sigint
from vcenter_source.commands.options import JsonOption
from vcenter_source.core import event_loop, logs, tracing
from vcenter_source.settings.environment import read_program
from vcenter_source.settings.source import ReplaySettings

app = typer.Typer(
    help="Show, send again and discard the events in DEAD_LETTER_PATH, which nobody accepted; and receive them.",
    no_args_is_help=True,
)

IdsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ID...", help="The ids of the events, as `list` shows them.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All letters that there are.")]


def check_choice(ids: list[str] | None, *, every: bool) -> None:
    """Check that a command is told either which letters it is about, or that it is about all."""
    if bool(ids) == every:
        raise typer.BadParameter("name the ids of the events, or --all", param_hint="ID...")


def read_settings(**given: str | None) -> ReplaySettings:
    """Read the settings, those that are given before the environment, and set up the log. Raises ConfigurationError."""
    settings = read_program(ReplaySettings, **given)
    logs.configure(settings.log)
    return settings


@app.command("list")
def list_command(
    *,
    counts: Annotated[
        bool, typer.Option("--counts", help="Only how many there are by who refused them, and with which status.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, oldest first: when the adapter gave up, the event's type, subject and id, and the reason."""
    from vcenter_source.commands.dead_letters.folder import open_folder, warn_of_missing
    from vcenter_source.commands.dead_letters.show import print_counts, print_letters

    settings = read_settings()
    folder = open_folder(settings.dead_letters)
    warn_of_missing(settings.dead_letters)
    (print_counts if counts else print_letters)(folder.read_letters(), as_json=as_json)


@app.command("show")
def show_command(ids: IdsArgument = None, every: AllOption = False, as_json: JsonOption = False) -> None:
    """Show dead letters in full: who refused the event, what was answered, and the CloudEvent."""
    check_choice(ids, every=every)
    from vcenter_source.commands.dead_letters.folder import open_folder
    from vcenter_source.commands.dead_letters.show import print_whole

    print_whole(open_folder(read_settings().dead_letters), ids or (), as_json=as_json)


@app.command("replay")
def replay_command(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Only the events with these ids. Default: all.")
    ] = None,
    event_id: Annotated[str | None, typer.Option("--id", help="The same, for one event.")] = None,
    sink: Annotated[
        str | None,
        typer.Option(
            "--to", "--sink", help="Where to send them: an http(s) URL, of one function, say. Default: K_SINK."
        ),
    ] = None,
) -> None:
    """Send dead letters again, oldest first, and remove those that are accepted. Exit code 1: some were not."""
    from vcenter_source.commands.dead_letters.replay import replay_letters

    settings = read_settings(K_SINK=sink)
    chosen = [*(ids or ()), *([event_id] if event_id is not None else [])]
    with tracing.export_spans():
        summary = event_loop.run_loop(replay_letters(settings, chosen))
    typer.echo(f"{summary}.")
    sys.exit(0 if summary.is_complete else 1)


@app.command("discard")
def discard_command(ids: IdsArgument = None, every: AllOption = False) -> None:
    """Remove dead letters without sending them."""
    check_choice(ids, every=every)
    from vcenter_source.commands.dead_letters.folder import open_folder
    from vcenter_source.commands.dead_letters.show import discard_letters

    typer.echo(f"{discard_letters(open_folder(read_settings().dead_letters), ids or ())} discarded.")


@app.command("receive")
def receive_command() -> None:
    """Receive dead letters over HTTP, from a Broker or an adapter, and keep them. Settings: docs/settings.md."""
    exit_on_sigint()
    from vcenter_source.settings.dead_letters import ReceiverSettings

    settings = read_program(ReceiverSettings)
    from vcenter_source.commands.dead_letters.receive import run_receiver

    logs.configure(settings.log)
    with tracing.export_spans():
        asyncio.run(run_receiver(settings))
