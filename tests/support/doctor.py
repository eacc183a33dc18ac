"""The doctor's findings in this process, each run's output searched for the password."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest

from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.commands.doctor import runner
from vcenter_source.settings.source import load

PASSWORD = "korrekt Pferd/Batterie%20@#1"
OTHER_PASSWORD = "another one: Klammer"


@dataclass(frozen=True)
class Examined:
    """What one run found: by the check's name, its status, finding and advice."""

    good: bool
    findings: dict[str, dict[str, Any]]

    def status(self, check: str) -> str:
        return str(self.findings[check]["status"])

    def found(self, check: str) -> str:
        return str(self.findings[check]["found"])

    def advice(self, check: str) -> str:
        return str(self.findings[check]["advice"])

    def of(self, status: str) -> list[str]:
        return [check for check, finding in self.findings.items() if finding["status"] == status]


@dataclass(frozen=True)
class Doctor:
    """Runs the doctor with these settings and some more."""

    capsys: pytest.CaptureFixture[str]
    settings: dict[str, str]

    def __call__(self, **more: str) -> Examined:
        return self.examine(self.settings | more, ping=False)

    def ping(self, **more: str) -> Examined:
        return self.examine(self.settings | more, ping=True)

    def examine(self, given: Any, *, ping: bool) -> Examined:
        good = asyncio.run(runner.run_doctor(load(**given), ping=ping, as_json=True))
        out, said = self.capsys.readouterr()
        assert no_secret_in(out + said)
        lines = (json.loads(line) for line in out.splitlines() if line.startswith("{"))  # what else there is, is logged
        findings = {finding.pop("check"): finding for finding in lines}
        assert good == ("failed" not in {finding["status"] for finding in findings.values()})
        return Examined(good, findings)


def no_secret_in(output: str) -> bool:
    forms = [form for each in (PASSWORD, OTHER_PASSWORD) for form in (each, quote(each), quote(each, safe=""))]
    return not any(form in output for form in forms)


def account(username: str = ADMINISTRATOR, password: str = PASSWORD) -> dict[str, str]:
    return {"VCENTER_USERNAME": username, "VCENTER_PASSWORD": password}


@contextmanager
def run_vcenter(**options: Any) -> Iterator[Simulator]:
    with run_simulator(password=PASSWORD, backlog=3, **options) as simulator:
        yield simulator
