"""The commands of ``vcenter-source function``; no logic, as in ``cli``."""

from typing import Annotated

import typer

app = typer.Typer(
    help='Write, run and deploy functions of your own. Needs the extra "functions".', no_args_is_help=True
)


@app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The function's name, and that of its folder.")],
    types: Annotated[
        list[str], typer.Option("--on", metavar="TYPE", help="A type, a class or a pattern with *. Once or more often.")
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="[TYPE]...", hidden=True)] = None,
) -> None:
    """Make a folder NAME: a handler of these types of event, a test that passes, and how to run and deploy it."""
    from vcenter_source.commands.function.new import create_function

    create_function(name, [*types, *(more or ())])
