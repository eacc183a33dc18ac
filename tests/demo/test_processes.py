"""The demo's processes are watched and always ended; its vSphere calls say what went wrong."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from demo.processes import ROOT, DemoError, Processes, clean_environment
from demo.vsphere import Reference, Soap, Tagging, VcenterError
from vcenter_simulator.testing import run_simulator

ACCOUNT = ("administrator@vsphere.local", "VMware1!")
STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("stubborn ready: here", flush=True)
print("what it says", file=sys.stderr, flush=True)
time.sleep(60)
"""


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, str]:
    """An environment in which ``python -m stubborn`` ignores SIGTERM and ``python -m broken`` fails."""
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    (tmp_path / "broken.py").write_text("import sys\nsys.exit('broken: no such setting')")
    return {"PYTHONPATH": str(tmp_path)}


def test_a_process_that_ignores_sigterm_is_killed_after_the_grace_period(
    tmp_path: Path, modules: dict[str, str]
) -> None:
    with Processes(tmp_path, timeout=10, grace=0.1) as processes:
        child = processes.start("stubborn", ["stubborn"], modules)
        assert processes.wait_until_ready(child) == "here"
        processes.wait(lambda: child.tail() == ["what it says"] or None, "nothing said")
    assert child.process.returncode == -9


def test_a_process_that_ends_is_the_reason_with_its_last_line(tmp_path: Path, modules: dict[str, str]) -> None:
    with Processes(tmp_path, timeout=10) as processes:
        child = processes.start("broken", ["broken"], modules)
        with pytest.raises(DemoError, match=r"^broken ended with exit status 1: broken: no such setting$"):
            processes.wait_until_ready(child)
        assert processes.tails() == {"broken": ["broken: no such setting"]}


def test_what_does_not_happen_in_time_is_said_with_the_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    with Processes(tmp_path, timeout=0.05) as processes:
        with pytest.raises(DemoError, match=r"^no tag \(after 0.05 s\)$"):
            processes.wait(lambda: None, "no tag")
        with pytest.raises(DemoError, match=r"^found late \(after 0.05 s\)$"):
            processes.wait(lambda: None, lambda: "found late")
    assert time.monotonic() - begun < 2


def test_the_users_settings_stay_out() -> None:
    user = {
        "PATH": "/bin",
        "LC_ALL": "C",
        "GOVC_URL": "vc",
        "K_SINK": "http://x",
        "OTEL_SERVICE_NAME": "x",
        "HTTP_PROXY": "p",
    }
    assert clean_environment(user) == {"PATH": "/bin", "LC_ALL": "C"}


def test_calls_to_vcenter_over_both_protocols() -> None:
    with (
        run_simulator() as simulator,
        Soap(simulator.url, *ACCOUNT) as soap,
        Tagging(simulator.url, *ACCOUNT) as tagging,
    ):
        pool = soap.create_resource_pool("a < b & c")
        event = soap.event_about(pool.value, "ResourcePoolCreatedEvent")
        assert event
        assert event.class_name == "ResourcePoolCreatedEvent"
        assert "a < b & c" in event.message
        assert soap.event_about(pool.value, "VmPoweredOnEvent") is None
        assert tagging.list_tags(pool) == []
        with pytest.raises(VcenterError, match=r"CreateResourcePool: .*already exists"):
            soap.create_resource_pool("a < b & c")
        machines = {soap.power_on_a_machine() for _ in range(4)}
        assert len(machines) == 4
        with pytest.raises(VcenterError, match="powered on already"):
            soap.power_on_a_machine()
        with pytest.raises(VcenterError, match=r"list-attached-tags: answered 403$"):
            tagging.list_tags(Reference("ResourcePool", "resgroup-none"))


def test_the_event_of_a_pool_is_posted_for_a_vcenter_that_posts_none() -> None:
    with run_simulator() as simulator, Soap(simulator.url, *ACCOUNT) as soap:
        command = [sys.executable, "-m", "demo.create", "a < b", "--vcenter", simulator.url, "--post"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True, cwd=ROOT)
        pool = Reference(*done.stdout.strip().split(":"))
        posted = soap.event_about(pool.value, "ResourcePoolCreatedEvent")
    # The simulator posts one itself, which names the pool's parent; this one names the pool alone.
    assert posted
    assert posted.about == {pool.value}


def test_a_wrong_password_and_an_address_where_nobody_listens_are_said_in_a_line() -> None:
    with run_simulator() as simulator:
        with pytest.raises(VcenterError, match=r"Login: .*incorrect user name or password"):
            Soap(simulator.url, ACCOUNT[0], "wrong").__enter__()
        with pytest.raises(VcenterError, match="session: answered 401"):
            Tagging(simulator.url, ACCOUNT[0], "wrong").__enter__()
    command = [sys.executable, "-m", "demo.create", "pool", "--vcenter", "http://127.0.0.1:9/sdk"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert done.stderr.startswith("RetrieveServiceContent: ")
