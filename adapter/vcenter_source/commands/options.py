"""The options that several commands have."""

from typing import Annotated

import typer

from vcenter_source.events.formats import EventFormat

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON object per line, for programs.")]
FormatOption = Annotated[EventFormat, typer.Option(envvar="EVENT_FORMAT", help="The adapter's EVENT_FORMAT.")]
TypesOption = Annotated[
    list[str] | None,
    typer.Option("--type", help="Only these types, whole or short, classes or patterns with *. Default: all."),
]
VcenterArgument = Annotated[str | None, typer.Argument(metavar="URL-OF-VCENTER", help="Default: VCENTER_URL.")]
VcenterOption = Annotated[
    bool, typer.Option("--vcenter", help="Include the event types that the vCenter at VCENTER_URL lists.")
]
