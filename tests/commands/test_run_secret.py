"""``vcenter-source run`` with a mounted Secret that vCenter refuses: it waits, says why, and takes another at once."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import loopback
from tests.support.processes import clean_environment, process, wait_for_line
from tests.support.simulator_control import read_state
from tests.support.waiting import eventually
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator

REFUSED = "refuses the user name or password; check VCENTER_USERNAME and VCENTER_PASSWORD"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """One for each test, since they count its logins."""
    with run_simulator() as simulator:
        yield simulator


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A Secret with a wrong password."""
    (tmp_path / "username").write_text(ADMINISTRATOR)
    (tmp_path / "password").write_text("wrong")
    return tmp_path


def test_a_wrong_secret_is_waited_out_not_ready_and_with_the_reason(simulator: Simulator, secret: Path) -> None:
    settings = {"VCENTER_URL": simulator.url, "VCENTER_SECRET_PATH": str(secret), "HEALTH_PORT": "0"}
    with process("vcenter_source", "run", "--sink", "-", LOG_FORMAT="json", **settings) as adapter:
        served = re.search(r'"port": (\d+)', wait_for_line(adapter, "serving /healthz"))
        assert served is not None
        wait_for_line(adapter, "waiting to log in again")
        answer = loopback.get(f"http://127.0.0.1:{served[1]}/readyz")
        assert answer.status_code == 503
        assert REFUSED in answer.json()["checks"]["vcenter"]["why"]
        assert read_state(simulator)["refusedLogins"] == 1
        (secret / "password").write_text(PASSWORD)
        wait_for_line(adapter, "reading events")
        assert read_state(simulator)["refusedLogins"] == 1
        eventually(lambda: loopback.get(f"http://127.0.0.1:{served[1]}/readyz").status_code == 200)
        adapter.send_signal(signal.SIGTERM)
        adapter.communicate(timeout=30)
    assert adapter.returncode == 0
    assert read_state(simulator)["sessions"] == 0


def test_a_wait_for_another_secret_ends_on_sigterm(simulator: Simulator, secret: Path) -> None:
    settings = {"VCENTER_URL": simulator.url, "VCENTER_SECRET_PATH": str(secret)}
    with process("vcenter_source", "run", "--sink", "-", **settings) as adapter:
        wait_for_line(adapter, "waiting to log in again")
        adapter.send_signal(signal.SIGTERM)
        adapter.communicate(timeout=30)
    assert adapter.returncode == 0


def test_at_a_terminal_a_wrong_secret_is_one_line(simulator: Simulator, secret: Path) -> None:
    settings = {"VCENTER_URL": simulator.url, "VCENTER_SECRET_PATH": str(secret)}
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "vcenter_source", "run", "--sink", "-"]
    with subprocess.Popen(
        command, env=clean_environment(**settings), stdout=subprocess.DEVNULL, stderr=theirs
    ) as adapter:
        code = adapter.wait(30)
    os.close(theirs)
    said = os.read(ours, 10_000).decode()
    os.close(ours)
    assert code == 1
    assert said.count("\n") == 1, said
    assert said.startswith("vcenter-source: ")
    assert REFUSED in said
