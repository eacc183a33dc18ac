"""The world in which the guarantees over many are shown: vCenters, a cluster, and adapters that share them."""

import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.guarantees.process import Adapter, Simulator, Sink, reserved_port
from tests.guarantees.support import World
from tests.guarantees.verification import Verdict
from tests.support import loopback
from tests.support.kube_api import KubeApi, kube_api, kubeconfig
from tests.support.many import make_entry, write_vcenters
from tests.support.waiting import eventually

LEASE, CHECKPOINT = "vcenter-source", "vcenter-source-checkpoint"
DURATION = 2
"""LEASE_DURATION of these adapters, in seconds."""
WINDOW = 16
"""Their MAX_IN_FLIGHT, which is that of each vCenter."""


@dataclass
class Many:
    """Several vCenters by name, one sink, and adapters that share checkpoints and Leases in one cluster.

    Adapters tell their name to the sink, so that the tests can say which one has sent an event.
    """

    folder: Path
    api: KubeApi
    sink: Sink
    processes: ExitStack
    vcenters: dict[str, World] = field(default_factory=dict)
    adapters: dict[str, Adapter] = field(default_factory=dict)

    @property
    def file(self) -> Path:
        return self.folder / "vcenters.yaml"

    def add_vcenters(self, *names: str) -> None:
        """New vCenters, which nobody reads before ``write``."""
        ports = {name: self.processes.enter_context(reserved_port()) for name in names}
        simulators = {name: self.processes.enter_context(Simulator(port)) for name, port in ports.items()}
        for name, simulator in simulators.items():
            (self.folder / name).mkdir()
            world = World(self.folder / name, ports[name], simulator, self.sink, self.processes)
            self.vcenters[name] = world
        for simulator in simulators.values():
            simulator.ready()

    def entry(self, vcenter: str, **changes: str) -> dict[str, str]:
        """The entry of a vCenter as it is in the file at first, but for the ``changes``."""
        return make_entry(vcenter, self.vcenters[vcenter].simulator.url) | changes

    def write(self, *entries: Mapping[str, str]) -> None:
        """Write VCENTERS_FILE: these entries, or one for each vCenter."""
        write_vcenters(self.file, entries or [self.entry(name) for name in self.vcenters])

    def settings(self, name: str, **more: str) -> dict[str, str]:
        """What makes an adapter one of this cluster's pods."""
        usual = {
            "KUBECONFIG": str(self.folder / "kubeconfig"),
            "LEASE": LEASE,
            "LEASE_DURATION": str(DURATION),
            "CHECKPOINT": f"configmap://{CHECKPOINT}",
            "CHECKPOINT_INTERVAL": "0.1",
            "MAX_IN_FLIGHT": str(WINDOW),
            "RETRY_MAX_DELAY": "0.1",
            "K_SINK": self.sink.url,
            "K_CE_OVERRIDES": json.dumps({"extensions": {"sentby": name}}),
            "DEAD_LETTER_PATH": str(self.folder / f"letters-{name}"),
            "START_FROM": "beginning",
            "HEALTH_HOST": "127.0.0.1",
            "HEALTH_PORT": "0",
        }
        return usual | more

    def adapter(self, name: str, **more: str) -> Adapter:
        """An adapter of all vCenters. It is killed at the end, if not before."""
        settings = self.settings(name, **({"VCENTERS_FILE": str(self.file)} | more))
        self.adapters[name] = self.processes.enter_context(Adapter("vcenter_source", "run", **settings))
        return self.adapters[name]

    def adapter_of_one(self, name: str, vcenter: str, **more: str) -> Adapter:
        """An adapter with VCENTER_URL, as all were before there was VCENTERS_FILE."""
        self.adapters[name] = self.vcenters[vcenter].adapter(**self.settings(name, **more))
        return self.adapters[name]

    def post(self, count: int) -> None:
        """Let so many events happen in each vCenter."""
        for world in self.vcenters.values():
            world.simulator.post(count)

    def due(self) -> int:
        """How many events are to arrive."""
        return sum(len(world.expect()) for world in self.vcenters.values())

    def deliver(self, count: int) -> None:
        """Wait until so many more events are acknowledged, or all that there are."""
        enough = min(self.sink.acknowledged() + count, self.due())
        eventually(lambda: self.sink.acknowledged() >= enough, self.outputs)

    def outputs(self) -> str:
        """What the adapters have said last."""
        return "\n".join(f"--- {name}\n{adapter.output}" for name, adapter in self.adapters.items())

    def senders(self, vcenter: str, since: float = 0.0) -> list[str]:
        """The adapters that have sent events of a vCenter, in turn, ``since`` a time of the monotonic clock."""
        sent = (each.sentby for each in self.vcenters[vcenter].requests() if each.at >= since)
        return [name for name, _ in itertools.groupby(sent)]

    def names_of(self, vcenter: str) -> set[str]:
        """What a vCenter was called in its events."""
        return {each.vcentername for each in self.vcenters[vcenter].requests()}

    def shares(self) -> dict[str, str]:
        """Who holds the Lease of each vCenter that somebody holds."""
        found = {name: self.api.get("leases", f"{LEASE}-{name}") for name in self.vcenters}
        holders = {name: ((lease or {}).get("spec") or {}).get("holderIdentity") for name, lease in found.items()}
        return {name: holder for name, holder in holders.items() if holder}

    def count_shares(self) -> list[int]:
        """How many vCenters each adapter has that has any, the fewest first."""
        return sorted(Counter(self.shares().values()).values())

    def ask(self, name: str, page: str) -> httpx.Response:
        """What an adapter answers to probes and to Prometheus."""
        port = self.adapters[name].wait_for("serving /healthz").rpartition("port=")[2].strip()
        return loopback.get(f"http://127.0.0.1:{port}{page}")

    def find_reason(self, vcenter: str, check: str) -> str:
        """What the adapters' /readyz say of a check of one vCenter."""
        found = [self.checks(name, vcenter).get(check, {}) for name, adapter in self.adapters.items() if adapter.runs]
        return "; ".join(each["why"] for each in found if each)

    def checks(self, name: str, vcenter: str) -> dict[str, Any]:
        """What an adapter's /readyz says of one vCenter; empty where it does not have it."""
        checks: dict[str, Any] = self.ask(name, "/readyz").json().get("vcenters", {}).get(vcenter, {})
        return checks

    def count_ends(self, verdict: Verdict, killed: Sequence[str]) -> int:
        """How often an adapter ended the delivery for a vCenter unprepared: killed, or its Lease was lost."""
        hit = {(each.sentby, each.source) for each in verdict.requests if each.sentby in killed}
        lost = sum(len(adapter.saying("stopped delivering")) for adapter in self.adapters.values())
        print(f"\n{len(killed)} kills ended {len(hit)} pipelines, and {lost} lost their Lease")  # noqa: T201
        return len(hit) + lost

    def settle(self) -> Verdict:
        """Wait until nothing that is there now is lost any more, and judge all vCenters together."""
        due = self.due()
        missing = lambda: f"{self.sink.acknowledged()} of {due} events have arrived\n{self.outputs()}"  # noqa: E731
        eventually(lambda: self.sink.acknowledged() >= due, missing)
        verdicts = [world.settle() for world in self.vcenters.values()]
        return Verdict(
            sum(each.due for each in verdicts),
            [lost for each in verdicts for lost in each.lost],
            [foreign for each in verdicts for foreign in each.foreign],
            sum(each.duplicates for each in verdicts),
            [disordered for each in verdicts for disordered in each.disordered],
            [gap for each in verdicts for gap in each.gaps],
            [request for each in verdicts for request in each.requests],
        )


@contextmanager
def run_many(folder: Path, *names: str) -> Iterator[Many]:
    """vCenters, all of them in the file, and a cluster without adapters."""
    with kube_api() as api, ExitStack() as processes:
        kubeconfig(folder, api)
        many = Many(folder, api, processes.enter_context(Sink()), processes)
        many.add_vcenters(*names)
        many.sink.ready()
        many.write()
        yield many
