"""The four processes of the demo, wired as a cluster wires them, and the questions that can be asked of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from demo.processes import DemoError, Processes

USERNAME, PASSWORD = "administrator@vsphere.local", "VMware1!"
# The exporters' batch interval (milliseconds): spans should be there when the tag is.
_TRACING = {"OTEL_BSP_SCHEDULE_DELAY": "100", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}


@dataclass(frozen=True, slots=True)
class Stage:
    """Where each process is reached."""

    simulator: str
    pytag: str
    broker: str

    def state(self) -> dict[str, Any]:
        """The simulator's counters."""
        return dict(self._get(self.simulator, "/simulator/state"))

    def events(self) -> list[dict[str, Any]]:
        """What the Broker has accepted: ``[{"attributes": …, "data": …}]``, oldest first."""
        return list(self._get(self.broker, "/demo/events"))

    def deliveries(self) -> dict[str, Any]:
        """What became of it, by event id."""
        return dict(self._get(self.broker, "/demo/deliveries"))

    def _get(self, url: str, path: str) -> Any:
        try:
            return httpx.get(urljoin(url, path), trust_env=False, timeout=5).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as exc:
            raise DemoError(f"GET {urljoin(url, path)}: {exc}") from exc


def set_up(processes: Processes, manifests: Path, tag: str, otlp: str) -> Stage:
    """Start the processes one after another, each when what it needs is ready. Raises DemoError."""
    tracing = {**_TRACING, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}
    simulator = processes.start_server("simulator", ["simulator", "--port", "0"])
    vcenter = {"VCENTER_URL": simulator, "VCENTER_USERNAME": USERNAME, "VCENTER_PASSWORD": PASSWORD}
    pytag = processes.start_server(
        "pytag", ["functions.pytag"], **vcenter, **tracing, HOST="127.0.0.1", PORT="0", TAG=tag, TAG_CREATE="true"
    )
    arguments = ["demo.broker", "--manifests", str(manifests), "--subscriber", f"pytag={pytag}"]
    broker = processes.start_server("broker", arguments, **tracing)
    processes.start("adapter", ["adapter", "run"], **vcenter, **tracing, K_SINK=broker, DRAIN_TIMEOUT="2")
    stage = Stage(simulator, pytag, broker)
    processes.wait(lambda: stage.state()["collectors"] or None, "the adapter has made no event collector")
    return stage
