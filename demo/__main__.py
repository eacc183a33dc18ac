"""``python -m demo``: start everything, create a resource pool, show how it gets its tag, end everything."""

import os
import signal

if __name__ == "__main__":  # before the imports below, which take a quarter of a second; main has its own
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda number, _frame: os._exit(128 + number))

import argparse
import io
import math
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urljoin

from rich.console import Console

from demo import many_environment as many
from demo import openfaas_scenario as openfaas
from demo.environment import PASSWORD, USERNAME, Environment, set_up
from demo.lab import Lab
from demo.many_printer import ManyPrinter
from demo.many_scenario import ManyScenario
from demo.printer import Printer
from demo.processes import ENDING, ROOT, DemoError, Processes
from demo.scenario import Scenario
from demo.vsphere import VcenterError
from vcenter_functions.otel.span_receiver import Receiver, forwarder

MANIFESTS = ROOT / "config" / "knative"
PROTOCOLS = {"soap": "", "json": " by VI/JSON"}
"""How the adapter may speak to vCenter, and how that is said; the usual way is not."""

_INTERRUPTED = 130
MAX_RATE = 200.0
"""Events a second; more than a page in a browser is made for."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line: 0 when the tag was there, 1 with the reason when it was not, 130 on Ctrl-C."""
    options = parse(arguments)
    console = Console(highlight=False)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character should not end the demo
    logs = Path(tempfile.mkdtemp(prefix="vcenter-source-demo-"))
    status = 0
    try:
        for number in ENDING:
            signal.signal(number, signal.default_int_handler)  # KeyboardInterrupt: end everything in order
        status = run_demo(options, console, logs)
    except KeyboardInterrupt:
        status = 0 if options.keep else _INTERRUPTED
    finally:
        if status != 1:  # a failure has just printed where they are
            shutil.rmtree(logs, ignore_errors=True)
    return status


def run_demo(
    options: argparse.Namespace,
    console: Console,
    logs: Path,
    create: Callable[[Path, float], Processes] = Processes,
) -> int:
    """Run the scenario in processes that ``create`` starts; return the exit status."""
    printer = openfaas.GatewayPrinter(console) if options.openfaas else Printer(console)
    forward = forwarder(lambda line: console.print(line, style="yellow", soft_wrap=True))
    with Receiver(forward) as receiver, create(logs, options.timeout) as processes:
        try:
            if options.many:
                _start_many(options, console, receiver, processes).run()
                return 0
            scenario = _start(options, console, printer, receiver, processes)
            scenario.run()
            if options.keep:
                _stay_up(scenario, logs, options)
        except (DemoError, VcenterError) as exc:
            printer.show_failure(str(exc), processes.tails(), str(logs))
            return 1
    return 0


def _start(
    options: argparse.Namespace, console: Console, printer: Printer, receiver: Receiver, processes: Processes
) -> Scenario:
    between = "gateway" if options.openfaas else "broker"
    with console.status(f"starting simulator, pytag, {between} and adapter"):
        start, source = (openfaas.set_up, options.openfaas) if options.openfaas else (set_up, options.manifests)
        how = {"protocol": options.protocol, "with_viewer": options.keep}
        environment = start(processes, source, options.tag, receiver.url, **how)
    printer.show_processes(
        {
            "simulator": environment.simulator,
            "adapter": f"reads the simulator{PROTOCOLS[options.protocol]}, sends to the {between}",
            between: environment.broker,
            "pytag": environment.pytag,
        }
    )
    kind = openfaas.GatewayScenario if options.openfaas else Scenario
    folder = _display_path(source.parent if options.openfaas else source)
    return kind(environment, processes, receiver, printer, options.tag, folder)


def _start_many(
    options: argparse.Namespace, console: Console, receiver: Receiver, processes: Processes
) -> ManyScenario:
    with console.status("starting three simulators, an API server, two adapters, pytag and broker"):
        environment = many.set_up(processes, options.manifests, options.tag, receiver.url)
    printer = ManyPrinter(console)
    printer.show_processes(
        {name: vcenter.simulator for name, vcenter in environment.vcenters.items()}
        | {"kube-api": f"{environment.kube_api}  keeps Leases and checkpoints"}
        | dict.fromkeys(environment.adapters, "reads its share of the vCenters, sends to the broker")
        | {"broker": environment.first.broker, "pytag": f"{environment.first.pytag}  acts in each vCenter"}
    )
    return ManyScenario(environment, processes, receiver, printer, options.tag, _display_path(options.manifests))


def _stay_up(scenario: Scenario, logs: Path, options: argparse.Namespace) -> None:
    environment = scenario.environment
    addresses = {
        "event viewer": str(environment.viewer),
        "vCenter": environment.simulator,
        "log in as": f"{USERNAME}  {PASSWORD}",
        "events go to": environment.broker,
        "pytag": environment.pytag,
        "deliveries": urljoin(environment.broker, "/demo/deliveries"),
        "spans (OTLP)": scenario.receiver.url,
        "logs": str(logs),
    }
    python = _display_path(Path(sys.executable))
    command = f"{python} -m demo.create my-pool --vcenter {environment.simulator}"
    program = _display_path(Path(sys.executable).with_name("vcenter-source"))
    scenario.printer.show_addresses(addresses, command, list_commands(scenario.environment, program))
    lab = Lab(scenario.environment, options.rate, has_trouble=not options.openfaas) if options.rate else None
    scenario.follow(lab)


def list_commands(environment: Environment, program: str) -> dict[str, list[str]]:
    """Return what to paste into another terminal, by what it is for."""
    account = {"URL": environment.simulator, "USERNAME": USERNAME, "PASSWORD": PASSWORD}
    exports = [
        "export " + " ".join(f"{client}_{name}={shlex.quote(value)}" for name, value in account.items())
        for client in ("VCENTER", "GOVC")
    ]
    trouble = urljoin(environment.broker, "/demo/trouble")
    return {
        "In another terminal, paste the vCenter and its account for vcenter-source and govc:": exports,
        "Then look at it, or make something happen:": [
            f"{program} events --since 10m",
            f"{program} sample host.connectionlost | {program} send - --to {environment.broker}",
            "govc vm.power -off web-1",
            "govc pool.create '*/Resources/another-pool'",
            f"""curl -d '{{"seconds": 20}}' {trouble}      # the Broker is away""",
            f"""curl -d '{{"refuse": 3}}' {trouble}       # three dead letters""",
        ],
    }


def _display_path(path: Path) -> str:
    """Return a path as the user would write it: relative if it lies below the current folder."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Return the options; end the process with exit status 2 where they make no sense."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.many and (options.openfaas or options.keep or options.protocol != "soap"):
        parser.error("--many: goes with none of --openfaas, --keep and --protocol; leave those out")
    if options.rate and not options.keep:
        parser.error("--rate: goes with --keep (make demo KEEP=1 RATE=5)")
    return options


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 <= rate <= MAX_RATE:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MAX_RATE:g}")
    return rate


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="From a vCenter event to a tag, in one command")
    parser.add_argument("--keep", action="store_true", help="stay up and tag each further resource pool, until Ctrl-C")
    parser.add_argument(
        "--rate",
        type=_rate,
        default=0.0,
        metavar="EVENTS_PER_S",
        help="with --keep: twenty kinds of event, trouble too",
    )
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, default="soap", help="how the adapter speaks to vCenter (default: soap)"
    )
    parser.add_argument("--manifests", type=Path, default=MANIFESTS, help="the Broker and Triggers to play")
    parser.add_argument(
        "--openfaas",
        type=Path,
        nargs="?",
        const=openfaas.STACK,
        metavar="STACK",
        help="without a Broker: an OpenFaaS gateway with the functions of this stack.yml (default: pytag's)",
    )
    parser.add_argument(
        "--many", action="store_true", help="three vCenters and two adapters that share them; one adapter is killed"
    )
    parser.add_argument("--tag", default="demo/created-by-event", help="CATEGORY/NAME (default %(default)s)")
    parser.add_argument(
        "--timeout", type=float, default=30, help="seconds that each step may take (default %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
