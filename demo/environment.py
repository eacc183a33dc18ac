"""The four processes of the demo, wired as in a cluster, and what they can be asked."""

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx

from demo.listener import listen
from demo.manifests import Broker, ManifestError, load_broker
from demo.processes import Child, DemoError, Processes
from vcenter_functions.otel.span_receiver import TRACES

USERNAME, PASSWORD = "administrator@vsphere.local", "VMware1!"
ADAPTER = "adapter"
"""What its process is called."""

HEALTH = re.compile(r"serving /healthz, /readyz and /metrics\s.*?port=(\d+)")
"""The line of an adapter's log that has the port of these pages."""

VIEWER = re.compile(r"serving the event viewer\s+url=(\S+)\s")
_TRACING = {
    # The exporters' batch interval (milliseconds): spans should be there when the tag is.
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    # The demo's receiver takes spans alone.
    "OTEL_METRICS_EXPORTER": "none",
}


@dataclass(frozen=True, slots=True)
class Environment:
    """Where each process is reached."""

    simulator: str
    pytag: str
    broker: str
    http: httpx.Client
    viewer: str | None = None
    """The page that shows events, where it is wanted."""

    def state(self) -> dict[str, Any]:
        """Return the simulator's counters."""
        return dict(self._get(self.simulator, "/simulator/state"))

    def events(self) -> list[dict[str, Any]]:
        """Return what the Broker has accepted: ``[{"attributes": …, "data": …}]``, oldest first."""
        return list(self._get(self.broker, "/demo/events"))

    def deliveries(self) -> dict[str, Any]:
        """Return the outcomes by ``event_key``."""
        return dict(self._get(self.broker, "/demo/deliveries"))

    def post_events(self, count: int) -> None:
        """Let the simulator post so many events, of some twenty kinds. Raises DemoError."""
        self._post(self.simulator, "/simulator/events", {"count": count, "kinds": 20})

    def make_trouble(self, trouble: Mapping[str, float]) -> None:
        """Let the Broker fail, as ``demo.trouble`` says. Raises DemoError."""
        self._post(self.broker, "/demo/trouble", trouble)

    def is_pytag_ready(self) -> bool | None:
        """Ask as its readinessProbe does: it is ready once it has a session at vCenter."""
        try:
            return self.http.get(urljoin(self.pytag, "readyz")).is_success or None
        except httpx.HTTPError:
            return None

    def _post(self, url: str, path: str, body: Mapping[str, float]) -> None:
        try:
            self.http.post(urljoin(url, path), json=dict(body)).raise_for_status()
        except httpx.HTTPError as exc:
            raise DemoError(f"POST {urljoin(url, path)}: {exc}") from exc

    def _get(self, url: str, path: str) -> Any:
        try:
            return self.http.get(urljoin(url, path)).json()
        except (httpx.HTTPError, ValueError) as exc:
            raise DemoError(f"GET {urljoin(url, path)}: {exc}") from exc


def set_up(  # noqa: PLR0913  what differs from one demo to another
    processes: Processes, manifests: Path, tag: str, otlp: str, *, protocol: str = "soap", with_viewer: bool = False
) -> Environment:
    """Start the four processes, two at a time where one does not need the other. Raises DemoError.

    ``protocol`` is how the adapter speaks to vCenter.
    """
    broker = read_broker(manifests)
    # The Broker's address is known before it runs, so that the adapter, the slowest to start, need not wait for it.
    with listen("127.0.0.1", 0) as listener:
        sink = f"http://127.0.0.1:{listener.getsockname()[1]}{broker.path}"
        simulator = processes.wait_until_ready(processes.start("simulator", ["vcenter_simulator", "--port", "0"], {}))
        more = {"K_SINK": sink, "HEALTH_PORT": "off", "VCENTER_PROTOCOL": protocol}
        start_adapter(processes, simulator, otlp, more, with_viewer=with_viewer)
        pytag = start_pytag(processes, login_variables(simulator), tag, otlp)
        start_broker(processes, manifests, pytag, otlp, listener)
    return wait_until_ready(processes, Environment(simulator, pytag, sink, processes.http), with_viewer=with_viewer)


def start_adapter(
    processes: Processes, simulator: str, otlp: str, more: Mapping[str, str], *, with_viewer: bool
) -> None:
    """Start the adapter; ``more`` are settings, such as where it sends."""
    viewing = {"VIEWER": "0", "TRACE_API_TEMPLATE": f"{otlp}{TRACES}{{trace_id}}"} if with_viewer else {}
    viewing |= {"DEAD_LETTER_PATH": str(processes.logs / "dead-letters"), "RETRY_MAX_DELAY": "3"} if with_viewer else {}
    variables = login_variables(simulator) | tracing_variables(otlp) | viewing | {"DRAIN_TIMEOUT": "2"} | dict(more)
    processes.start(ADAPTER, ["vcenter_source", "run"], variables, server=False)


def start_pytag(processes: Processes, vcenters: Mapping[str, str], tag: str, otlp: str) -> str:
    """Start pytag with the settings that name its vCenters; return its address. Raises DemoError."""
    tagging = {"HOST": "127.0.0.1", "PORT": "0", "TAG": tag, "TAG_CREATE": "true"}
    variables = dict(vcenters) | tracing_variables(otlp) | tagging
    return processes.wait_until_ready(processes.start("pytag", ["pytag"], variables))


def start_broker(processes: Processes, manifests: Path, pytag: str, otlp: str, listener: socket.socket) -> None:
    """Start the Broker on a socket that listens already. Raises DemoError."""
    arguments = ["demo.broker", "--manifests", str(manifests), "--subscriber", f"pytag={pytag}"]
    fd = listener.fileno()
    broker = processes.start("broker", [*arguments, "--fd", str(fd)], tracing_variables(otlp), fd=fd)
    processes.wait_until_ready(broker)


def login_variables(simulator: str) -> dict[str, str]:
    """Return the settings by which vCenter is reached."""
    return {"VCENTER_URL": simulator, "VCENTER_USERNAME": USERNAME, "VCENTER_PASSWORD": PASSWORD}


def tracing_variables(otlp: str) -> dict[str, str]:
    """Return the variables that send spans to the demo's receiver."""
    return {**_TRACING, "OTEL_EXPORTER_OTLP_ENDPOINT": otlp}


def wait_until_ready(processes: Processes, environment: Environment, *, with_viewer: bool) -> Environment:
    """Return the environment once every process is ready. Raises DemoError."""
    if with_viewer:
        viewer = processes.wait(lambda: search_log(processes.find(ADAPTER), VIEWER), "the adapter serves no viewer")
        environment = replace(environment, viewer=viewer)
    processes.wait(environment.is_pytag_ready, "pytag's /readyz does not answer 200")
    processes.wait(lambda: environment.state()["collectors"] or None, "the adapter has made no event collector")
    return environment


def search_log(child: Child, pattern: re.Pattern[str]) -> str | None:
    """Return what the pattern's group matches in a process's log; None if nothing does."""
    match = pattern.search(child.log.read_text(errors="replace"))
    return match[1] if match else None


def read_broker(manifests: Path) -> Broker:
    """Read the Broker from the manifests. Raises DemoError."""
    try:
        return load_broker(manifests)
    except ManifestError as exc:
        raise DemoError(str(exc)) from exc
