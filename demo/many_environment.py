"""The processes of ``python -m demo --many``, wired as by ``config/knative-many``, and what they can be asked."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from demo.environment import (
    HEALTH,
    PASSWORD,
    USERNAME,
    Environment,
    read_broker,
    search_log,
    start_broker,
    start_pytag,
    tracing_variables,
)
from demo.kube_api import LEASES, TOKEN
from demo.listener import listen
from demo.processes import Child, DemoError, Processes

VCENTERS = ("east", "north", "west")
ADAPTERS = ("adapter-1", "adapter-2")
LEASE = "vcenter-source"
"""What the names of all Leases begin with."""

LEASE_DURATION = 3
"""Seconds; short, so that nobody has to wait for the take-over."""

SENDER = "sentby"
"""The extension, added with K_CE_OVERRIDES, by which the demo knows which adapter has sent an event."""

_LEADING = re.compile(r'^vcenter_source_leading\{vcenter="([^"]+)"\} 1', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class ManyEnvironment:
    """Where each process is reached: the vCenters by their names, the adapters' health by theirs."""

    vcenters: Mapping[str, Environment]
    adapters: Mapping[str, str]
    kube_api: str
    http: httpx.Client

    @property
    def first(self) -> Environment:
        """The first vCenter; Broker and pytag are the same for all."""
        return next(iter(self.vcenters.values()))

    def read_by(self, adapter: str) -> list[str]:
        """Return the vCenters that an adapter reads, as its metrics say; none while they cannot be read."""
        try:
            return _LEADING.findall(self.http.get(f"{self.adapters[adapter]}/metrics").text)
        except httpx.HTTPError:
            return []

    def holders(self) -> dict[str, str]:
        """Return by vCenter the identity that its Lease names, as ``kubectl get leases`` shows it. Raises DemoError."""
        url = f"{self.kube_api}{LEASES}"
        try:
            answer = self.http.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as exc:
            raise DemoError(f"GET {url}: {exc}") from exc
        specs = {lease["metadata"]["name"]: lease.get("spec") or {} for lease in answer["items"]}
        return {name: specs.get(name_lease(name), {}).get("holderIdentity") or "" for name in self.vcenters}


def name_lease(vcenter: str) -> str:
    """Return the name of a vCenter's Lease."""
    return f"{LEASE}-{vcenter}"


def set_up(processes: Processes, manifests: Path, tag: str, otlp: str) -> ManyEnvironment:
    """Start all processes, several at a time where none needs another. Raises DemoError."""
    broker, kubeconfig = read_broker(manifests), processes.logs / "kubeconfig"
    with listen("127.0.0.1", 0) as listener:
        sink = f"http://127.0.0.1:{listener.getsockname()[1]}{broker.path}"
        simulators, kube_api = _start_servers(processes, kubeconfig)
        file = {"VCENTERS_FILE": str(write_vcenters(processes.logs / "vcenters.yaml", simulators))}
        adapters = [_start_adapter(processes, name, file, kubeconfig, sink, otlp) for name in ADAPTERS]
        pytag = start_pytag(processes, file, tag, otlp)
        start_broker(processes, manifests, pytag, otlp, listener)
    vcenters = {name: Environment(url, pytag, sink, processes.http) for name, url in simulators.items()}
    return _wait_until_ready(processes, vcenters, adapters, kube_api)


def _start_servers(processes: Processes, kubeconfig: Path) -> tuple[dict[str, str], str]:
    """Start the vCenters and the API server; return the vCenters' addresses by name, and the server's."""
    children = {name: processes.start(name, ["vcenter_simulator", "--port", "0"], {}) for name in VCENTERS}
    api = processes.start("kube-api", ["demo.kube_api", "--kubeconfig", str(kubeconfig)], {})
    simulators = {name: processes.wait_until_ready(child, "simulator") for name, child in children.items()}
    return simulators, processes.wait_until_ready(api)


def write_vcenters(path: Path, simulators: Mapping[str, str]) -> Path:
    """Write a VCENTERS_FILE, and return its path."""
    account = {"username": USERNAME, "password": PASSWORD}
    path.write_text(yaml.safe_dump([{"name": name, "url": url} | account for name, url in simulators.items()]))
    return path


def _start_adapter(  # noqa: PLR0913, PLR0917  what differs from one demo to another
    processes: Processes, name: str, vcenters: Mapping[str, str], kubeconfig: Path, sink: str, otlp: str
) -> Child:
    variables = {
        "KUBECONFIG": str(kubeconfig),
        "LEASE": LEASE,
        "LEASE_DURATION": str(LEASE_DURATION),
        "CHECKPOINT": "configmap://vcenter-source-checkpoint",
        "K_SINK": sink,
        "K_CE_OVERRIDES": json.dumps({"extensions": {SENDER: name}}),
        "OTEL_SERVICE_NAME": name,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": "0",
        "DRAIN_TIMEOUT": "2",
    }
    settings = dict(vcenters) | tracing_variables(otlp) | variables
    return processes.start(name, ["vcenter_source", "run"], settings, server=False)


def _wait_until_ready(
    processes: Processes, vcenters: Mapping[str, Environment], adapters: Sequence[Child], kube_api: str
) -> ManyEnvironment:
    """Return the environment once pytag is ready and the adapters serve their metrics. Raises DemoError."""
    urls = {child.name: _find_health(processes, child) for child in adapters}
    environment = ManyEnvironment(vcenters, urls, kube_api, processes.http)
    processes.wait(environment.first.is_pytag_ready, "pytag's /readyz does not answer 200")
    return environment


def _find_health(processes: Processes, adapter: Child) -> str:
    """Return the address of an adapter's /metrics. Raises DemoError."""
    port = processes.wait(lambda: search_log(adapter, HEALTH), f"{adapter.name} serves no /metrics")
    return f"http://127.0.0.1:{port}"
