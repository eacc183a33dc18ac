"""``vcenter-source run`` with its admin server, and what that server answers."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from tests.support import loopback
from tests.support.processes import process, wait_for_line
from tests.support.simulator_control import LOGIN
from vcenter_simulator.server import Simulator


@dataclass(frozen=True)
class Admin:
    adapter: subprocess.Popen[str]
    url: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        return loopback.get(f"{self.url}{path}", headers=headers, timeout=20)

    def ready(self) -> dict[str, Any]:
        """The checks; the status says the same as they do together."""
        answer = self.get("/readyz")
        body: dict[str, Any] = answer.json()
        everything = all(check["ok"] for check in body["checks"].values())
        assert (answer.status_code, body["ready"]) == ((200, True) if everything else (503, False))
        return dict(body["checks"])

    def unready(self, name: str) -> str | None:
        """Why this check, and no other, fails; None while it does not."""
        checks = self.ready()
        assert [other for other, check in checks.items() if other != name and not check["ok"]] == []
        return None if checks[name]["ok"] else str(checks[name]["why"])

    def is_ready(self) -> bool:
        return all(check["ok"] for check in self.ready().values())

    def samples(self, name: str) -> dict[str, float]:
        """The values of a metric by its type label, "" where it has none."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = [sample for family in families for sample in family.samples]
        return {sample.labels.get("type", ""): sample.value for sample in samples if sample.name == name}


@contextmanager
def run_adapter(simulator: Simulator, **settings: str) -> Iterator[Admin]:
    """A running adapter that reads events; its admin server listens on a free port."""
    where = {"VCENTER_URL": simulator.url, "HEALTH_HOST": "127.0.0.1", "HEALTH_PORT": "0"} | LOGIN
    with process("vcenter_source", "run", **(where | settings)) as adapter:
        # The order of the two lines: the server listens before vCenter is talked to.
        port = wait_for_line(adapter, "serving /healthz").rpartition("port=")[2].strip()
        wait_for_line(adapter, "reading events")
        yield Admin(adapter, f"http://127.0.0.1:{port}")
