"""An adapter that reads several simulated vCenters, and the file that names them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.support.adapter_admin import Admin
from tests.support.processes import process, wait_for_line
from tests.support.recording_sink import RecordingSink, recording_sink
from tests.support.simulator_control import post_events
from tests.support.waiting import eventually
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator

QUICK = {"HEALTH_STALE_AFTER": "0.5", "RETRY_MAX_DELAY": "0.2", "CHECKPOINT_INTERVAL": "0.1"}


def make_entry(name: str, url: str, **more: str) -> dict[str, str]:
    return {"name": name, "url": url, "username": ADMINISTRATOR, "password": PASSWORD} | more


def write_vcenters(file: Path, entries: Sequence[Mapping[str, str]]) -> None:
    """Write a VCENTERS_FILE in one step, as the kubelet does."""
    new = file.with_suffix(".new")
    new.write_text(yaml.safe_dump(list(map(dict, entries))))
    new.replace(file)


@dataclass
class Vcenters:
    """Simulated vCenters by name, a sink, and a VCENTERS_FILE."""

    file: Path
    sink: RecordingSink
    simulators: dict[str, Simulator] = field(default_factory=dict)

    def list(self, *entries: Mapping[str, str], **changes: Mapping[str, str]) -> None:
        """Write the file: these entries, or one for each vCenter with the ``changes`` of its name."""
        usual = [make_entry(name, each.url, **changes.get(name, {})) for name, each in self.simulators.items()]
        write_vcenters(self.file, entries or usual)

    def post(self, name: str, count: int = 1) -> None:
        post_events(self.simulators[name], count)

    def received(self) -> Counter[str]:
        """How many events the sink has accepted, by the name of their vCenter; log-ins and log-outs do not count."""
        headers = [message.headers for message in list(self.sink.requests)]
        return Counter(each["ce-vcentername"] for each in headers if not each["ce-eventname"].endswith("SessionEvent"))

    def wait_for(self, **counts: int) -> None:
        """Wait until the sink has so many of each vCenter, and no more."""
        eventually(lambda: all(self.received()[name] >= count for name, count in counts.items()), self.received)
        assert {name: self.received()[name] for name in counts} == counts

    @contextmanager
    def adapter(self, **settings: str) -> Iterator[Admin]:
        """An adapter that reads all vCenters."""
        with self.starting_adapter(**settings) as admin:
            eventually(lambda: all_read(admin), lambda: admin.get("/readyz").text)
            yield admin

    @contextmanager
    def starting_adapter(self, **settings: str) -> Iterator[Admin]:
        """An adapter that serves its health; it may not read anything yet."""
        given = {"VCENTERS_FILE": str(self.file), "K_SINK": self.sink.url, "HEALTH_HOST": "127.0.0.1"} | QUICK
        with process("vcenter_source", "run", **(given | {"HEALTH_PORT": "0"} | settings)) as running:
            port = wait_for_line(running, "serving /healthz").rpartition("port=")[2].strip()
            yield Admin(running, f"http://127.0.0.1:{port}")


def checks_of(admin: Admin, vcenter: str) -> dict[str, Any]:
    """What /readyz says of one vCenter; empty where it has none of this name."""
    checks: dict[str, Any] = admin.get("/readyz").json().get("vcenters", {}).get(vcenter, {})
    return checks


def all_read(admin: Admin) -> bool:
    vcenters = admin.get("/readyz").json().get("vcenters", {})
    return bool(vcenters) and all(each.get("vcenter", {}).get("ok") for each in vcenters.values())


@contextmanager
def run_vcenters(folder: Path, *names: str) -> Iterator[Vcenters]:
    """Simulated vCenters, all of them in the file."""
    with ExitStack() as stack:
        vcenters = Vcenters(folder / "vcenters.yaml", stack.enter_context(recording_sink()))
        for name in names:
            vcenters.simulators[name] = stack.enter_context(run_simulator())
        vcenters.list()
        yield vcenters


def stop(admin: Admin) -> None:
    """End an adapter as Kubernetes does."""
    admin.adapter.terminate()
    _, errors = admin.adapter.communicate(timeout=30)
    assert admin.adapter.returncode == 0, errors
