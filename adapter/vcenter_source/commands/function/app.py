"""The commands of ``vcenter-source function``; no logic, as in ``cli``."""

from typing import Annotated

import typer

from vcenter_source.commands.interruption import exit_on_sigint
from vcenter_source.commands.options import FormatOption

app = typer.Typer(
    help='Write, run and deploy functions of your own. Needs the extra "functions".', no_args_is_help=True
)


@app.command("new")
def new_command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The function's name, and that of its folder.")],
    types: Annotated[
        list[str],
        typer.Option(
            "--on", metavar="TYPE...", help="Types, whole or short (vm.poweredon), with * as a wildcard, or classes."
        ),
    ],
    more: Annotated[list[str] | None, typer.Argument(metavar="TYPE", hidden=True)] = None,
) -> None:
    """Make a folder NAME: a handler of these types of event, a test that passes, and how to run and deploy it."""
    exit_on_sigint()
    from vcenter_source.commands.function.new import create_function

    create_function(name, [*types, *(more or ())])


@app.command("run")
def run_handler_command(
    path: Annotated[str, typer.Argument(metavar="HANDLER.PY", help="The file, or its folder.")],
    *,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where it is served; 0 takes any free port.")] = 8080,
    simulate: Annotated[bool, typer.Option("--simulate", help="With the events of a simulated vCenter.")] = False,
    rate: Annotated[float, typer.Option(min=0, metavar="EVENTS_PER_S", help="How many, with --simulate.")] = 1.0,
    vcenter: Annotated[bool, typer.Option("--vcenter", help="With those of VCENTER_URL or VCENTERS_FILE.")] = False,
) -> None:
    """Serve a handler, start it anew when it changes, and show what became of each event, with its trace."""
    exit_on_sigint()
    from vcenter_source.commands.function.run import RunRequest, run_function

    run_function(RunRequest(path, port, simulate, rate, vcenter))


@app.command("manifest")
def manifest_command(  # noqa: PLR0913  one option each
    path: Annotated[str, typer.Argument(metavar="HANDLER.PY", help="The file, or its folder.")],
    *,
    image: Annotated[
        str | None, typer.Option(help="An image that has the handler. Default: it goes into a ConfigMap.")
    ] = None,
    base_image: Annotated[
        str | None, typer.Option(help="Where vcenter-source-function is, if in a registry. It gets the ConfigMap.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The function's name. Default: the folder's.")] = None,
    namespace: Annotated[str, typer.Option(help="Where config/knative was applied.")] = "vcenter-source",
    broker: Annotated[str, typer.Option(help="The Broker that receives vCenter's events.")] = "default",
    ksvc: Annotated[bool, typer.Option("--ksvc", help="A Knative Service instead of a Deployment.")] = False,
    environment: Annotated[
        list[str] | None, typer.Option("--env", metavar="NAME=VALUE", help="A setting. Once or more often.")
    ] = None,
    ports: Annotated[
        list[int] | None,
        typer.Option("--egress", metavar="PORT", min=1, max=65535, help="A port that it calls, beside 443."),
    ] = None,
    event_format: FormatOption = "vcenter",
    vcenters: Annotated[
        str, typer.Option(metavar="SECRET", help="Act in the vCenters of its key vcenters.yaml: config/knative-many.")
    ] = "",
) -> None:
    """Print all that a handler needs in a cluster, Triggers included, ready for kubectl apply -f -."""
    exit_on_sigint()
    from vcenter_source.commands.function.manifest import ManifestRequest, print_manifest

    place, settings = (namespace, broker), (environment or (), ports or ())
    print_manifest(ManifestRequest(path, image, base_image, name, *place, ksvc, *settings, event_format, vcenters))
