"""``python -m demo --openfaas``: the same scenario without a Broker: an OpenFaaS gateway runs pytag as a function."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from rich.text import Text

from demo.environment import (
    ADAPTER,
    HEALTH,
    PASSWORD,
    USERNAME,
    Environment,
    search_log,
    start_adapter,
    tracing_variables,
    wait_until_ready,
)
from demo.listener import listen
from demo.printer import Printer
from demo.processes import ROOT, DemoError, Processes
from demo.scenario import CREATED, POWERED_ON, Scenario
from demo.vsphere import Reference, Soap

STACK = ROOT / "functions" / "pytag" / "stack.yml"
DONE = r'^vcenter_source_events_delivered_total\{{type="com\.vmware\.event\.{}",vcenter="[^"]*"\}} [1-9]'


class GatewayPrinter(Printer):
    """Prints the two steps that differ."""

    def show_delivery(self, outcome: Mapping[str, Any], folder: str) -> None:
        """Show the function that wanted it, and how it answered."""
        self._step("A function has its topic, so the adapter invokes it through the gateway")
        self._facts(
            {
                "function": outcome["trigger"],
                "topic": outcome["filter"],
                "written in": f"{folder}/{outcome['where']}",
                "answer": f"{outcome['code']}",
            }
        )

    def show_unmatched(self, attributes: Mapping[str, str], message: str) -> None:
        """Show an event that is no function's topic."""
        self._step("Another event, that is no function's topic")
        self._line(Text(message, style="italic"))
        self._facts({**attributes, "function": "none wants it; nobody was invoked"})


@dataclass(frozen=True, slots=True)
class GatewayScenario(Scenario):
    """The two steps that differ."""

    CALLER: ClassVar[str] = "the gateway"
    UNSENT: ClassVar[str] = "the gateway was not asked to invoke a function for"

    def wait_for_event(self, pool: Reference) -> dict[str, Any]:
        """Wait as with the Broker; once the adapter is done with an event, the gateway will not get it any more."""

        def find_event() -> dict[str, Any] | None:
            done = self._is_adapter_done("resourcepool.created")
            event = self.find_event(pool, CREATED)
            if done and event is None:
                raise DemoError(f"{self.UNSENT} {pool}: it is the topic of no function in {self.folder}")
            return event

        return self._until(find_event, f"{self.UNSENT} {pool}")

    def _show_unmatched(self, soap: Soap) -> None:
        """Wait for the adapter's metrics to count the event: the gateway gets no request for it."""
        machine = soap.power_on_a_machine()
        recorded = self._until(lambda: soap.event_about(machine.value, POWERED_ON), f"vCenter posted no {POWERED_ON}")
        self._until(lambda: self._is_adapter_done("vm.poweredon"), f"the adapter is not done with {POWERED_ON}")
        if self.find_event(machine, POWERED_ON):
            raise DemoError(f"a function in {self.folder} wants {POWERED_ON}; the demo expected none")
        self.printer.show_unmatched({"class": recorded.class_name, "object": str(machine)}, recorded.message)

    def _is_adapter_done(self, event_type: str) -> bool | None:
        """Tell whether it has delivered an event of a type, or found no function for it; None while it has not."""
        port = search_log(self.processes.find(ADAPTER), HEALTH)
        metrics = self.environment.http.get(f"http://127.0.0.1:{port}/metrics").text if port else ""
        return bool(re.search(DONE.format(re.escape(event_type)), metrics, re.MULTILINE)) or None


def set_up(  # noqa: PLR0913  what differs from one demo to another
    processes: Processes, stack: Path, tag: str, otlp: str, *, protocol: str = "soap", with_viewer: bool = False
) -> Environment:
    """Start simulator, adapter, gateway and, by the gateway, pytag. Raises DemoError."""
    secrets = write_secrets(processes.logs / "secrets")
    auth = {"basic_auth": "true", "secret_mount_path": str(secrets / "basic-auth")}
    with listen("127.0.0.1", 0) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        simulator = processes.wait_until_ready(processes.start("simulator", ["vcenter_simulator", "--port", "0"], {}))
        sending = {"K_SINK": f"openfaas+{address}", "HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": "0"}
        more = sending | auth | {"VCENTER_PROTOCOL": protocol}
        start_adapter(processes, simulator, otlp, more, with_viewer=with_viewer)
        arguments = ["--stack", str(stack), "--secrets", str(secrets), "--logs", str(processes.logs)]
        for name, value in {"VCENTER_URL": simulator, "TAG": tag, **tracing_variables(otlp)}.items():
            arguments += ["--env", f"{name}={value}"]
        start_gateway(processes, arguments, auth, listener)
    environment = Environment(simulator, f"{address}/function/pytag/", address, processes.http)
    return wait_until_ready(processes, environment, with_viewer=with_viewer)


def start_gateway(processes: Processes, arguments: list[str], auth: Mapping[str, str], listener: socket.socket) -> None:
    """Start the gateway on a socket that listens already. Raises DemoError."""
    fd = listener.fileno()
    gateway = processes.start("gateway", ["demo.gateway", *arguments, "--fd", str(fd)], auth, fd=fd)
    processes.wait_until_ready(gateway)


def write_secrets(folder: Path) -> Path:
    """Write the Secrets of a cluster, each as a folder with a file for each key; returns ``folder``."""
    secrets = {
        "basic-auth": {"basic-auth-user": "admin", "basic-auth-password": "demo"},
        "vcenter-credentials": {"username": USERNAME, "password": PASSWORD},
    }
    for secret, keys in secrets.items():
        for key, value in keys.items():
            file = folder / secret / key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(value)
    return folder
