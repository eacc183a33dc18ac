"""Several vCenters in one process: isolation, a file that changes, state and metrics of each."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.adapter_admin import Admin
from tests.support.kube_api import KubeApi
from tests.support.many import Vcenters, all_read, checks_of, make_entry, run_vcenters, stop
from tests.support.processes import command, process, wait_for_line
from tests.support.simulator_control import end_faults, set_fault
from tests.support.waiting import eventually
from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.testing import run_simulator


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Vcenters]:
    with run_vcenters(tmp_path, "east", "west") as vcenters:
        yield vcenters


def test_events_of_each_vcenter_come_with_its_name_and_source(two: Vcenters) -> None:
    with two.adapter() as admin:
        two.post("east", 3)
        two.post("west", 5)
        two.wait_for(east=3, west=5)
        sources = {(each.headers["ce-vcentername"], each.headers["ce-source"]) for each in two.sink.requests}
        assert sources == {(name, simulator.url) for name, simulator in two.simulators.items()}
        text = admin.get("/metrics").text
        for name, count in (("east", 3), ("west", 5)):
            assert f'vcenter_source_delivery_duration_seconds_count{{vcenter="{name}"}} {count}.0' in text
            assert f'vcenter_source_leading{{vcenter="{name}"}} 1.0' in text
        stop(admin)
    assert two.received().total() == 8


def test_a_vcenter_that_is_away_or_refuses_the_password_holds_up_no_other(two: Vcenters) -> None:
    two.list(
        make_entry("gone", "http://127.0.0.1:9"),
        make_entry("east", two.simulators["east"].url, password="wrong"),
        make_entry("west", two.simulators["west"].url),
    )
    with two.starting_adapter() as admin:
        eventually(lambda: checks_of(admin, "west").get("vcenter", {}).get("ok"))
        two.post("west", 2)
        two.wait_for(west=2)
        eventually(lambda: "refuses the user name or password" in checks_of(admin, "east")["vcenter"]["why"])
        assert (
            "check the username and the password of east in VCENTERS_FILE" in checks_of(admin, "east")["vcenter"]["why"]
        )
        assert "127.0.0.1:9" in checks_of(admin, "gone")["vcenter"]["why"]
        assert "check the url of gone in VCENTERS_FILE" in checks_of(admin, "gone")["vcenter"]["why"]
        answer = admin.get("/readyz")
        assert answer.status_code == 200, "one of them is read"
        why = answer.json()["checks"]["vcenter"]["why"]
        assert why.startswith("1 of 3 vCenters; ")
        assert all(name in why for name in ("gone: ", "east: "))
        # The right password comes into the file: no restart, and nothing is asked of the others.
        two.list(make_entry("east", two.simulators["east"].url), make_entry("west", two.simulators["west"].url))
        eventually(lambda: checks_of(admin, "east")["vcenter"]["ok"], lambda: admin.get("/readyz").text)
        two.post("east")
        two.wait_for(east=1)
        assert checks_of(admin, "gone") == {}
        assert 'vcenter="gone"' not in admin.get("/metrics").text


def test_an_adapter_whose_vcenters_are_all_away_is_not_ready(two: Vcenters) -> None:
    with two.adapter() as admin:
        for simulator in two.simulators.values():
            set_fault(simulator, fault="cut-connections", seconds=600)
        eventually(lambda: admin.get("/readyz").status_code == 503)
        end_faults(two.simulators["east"])
        eventually(lambda: admin.get("/readyz").status_code == 200)


def test_a_new_entry_starts_and_one_that_is_gone_drains_and_stops(two: Vcenters) -> None:
    with two.adapter() as admin, run_simulator() as third:
        two.simulators["north"] = third
        two.list()
        eventually(lambda: checks_of(admin, "north").get("vcenter", {}).get("ok"))
        two.post("north")
        two.wait_for(north=1)
        east = two.simulators.pop("east")
        two.list()
        eventually(lambda: not checks_of(admin, "east"))
        two.simulators["east"] = east
        two.post("east")
        two.post("west")
        two.wait_for(west=1)
        assert two.received()["east"] == 0
        two.list()
        two.wait_for(east=0)


def test_a_changed_entry_is_read_as_it_is_now(two: Vcenters) -> None:
    with two.adapter(CHECKPOINT=f"file://{two.file.parent}/state/") as admin:
        two.list(east={"eventTypes": "*.nothing"})
        eventually(lambda: checks_of(admin, "east").get("vcenter", {}).get("why") == "read 0 s ago")
        wait_for_line(admin.adapter, "EVENT_TYPES: a pattern may match nothing")
        eventually(lambda: all_read(admin))
        two.post("east", 2)
        two.post("west", 2)
        two.wait_for(west=2, east=0)


def test_a_vcenter_is_spoken_to_as_its_entry_says_also_after_a_change(two: Vcenters) -> None:
    with two.adapter() as admin:
        for protocol in ("json", "soap"):
            two.list(east={"protocol": protocol})
            wait_for_line(admin.adapter, f"protocol={protocol} username={ADMINISTRATOR} vcenter=east")
            wait_for_line(admin.adapter, "reading events")  # from now on: there is no checkpoint to begin at
        two.post("east", 2)
        two.wait_for(east=2)


@pytest.mark.parametrize("broken", ["", "[]", "- {name: east}", "- ["])
def test_a_file_that_breaks_keeps_the_last_good_one_and_says_so(two: Vcenters, broken: str) -> None:
    with two.adapter() as admin:
        good = two.file.read_text()
        two.file.write_text(broken)
        eventually(lambda: admin.get("/readyz").status_code == 503)
        assert admin.get("/readyz").json()["checks"]["vcenters file"]["why"].startswith("VCENTERS_FILE: ")
        assert "vcenter_source_vcenters_file_valid 0.0" in admin.get("/metrics").text
        two.post("east")
        two.wait_for(east=1)
        two.file.write_text(good)
        eventually(lambda: admin.get("/readyz").status_code == 200)
        assert "vcenter_source_vcenters_file_valid 1.0" in admin.get("/metrics").text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[]", "is an empty list"),
        ("- {name: a, url: vc, username: u, password: p, startFrom: soon}", "a: startFrom: 'soon': set now"),
        (
            "- {name: a, url: vc, username: u, password: p, eventTypes: VmPowerdOnEvent}",
            "a: eventTypes: vCenter has no",
        ),
    ],
)
def test_a_file_that_is_wrong_from_the_start_ends_the_program(tmp_path: Path, text: str, wanted: str) -> None:
    file = tmp_path / "vcenters.yaml"
    file.write_text(text)
    done = command("run", VCENTERS_FILE=str(file), K_SINK="http://127.0.0.1:9/")
    assert done.returncode == 2
    assert wanted in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_one_vcenter_and_a_file_of_several_exclude_each_other(two: Vcenters) -> None:
    done = command("run", VCENTERS_FILE=str(two.file), VCENTER_URL="vc", K_SINK="http://127.0.0.1:9/")
    assert done.returncode == 2
    assert "VCENTER_URL and VCENTERS_FILE are both set; unset one of them" in done.stderr


def test_two_entries_of_one_vcenter_are_refused_in_one_line(two: Vcenters) -> None:
    other_address = two.simulators["east"].url.replace("127.0.0.1", "localhost")
    two.list(make_entry("east", two.simulators["east"].url), make_entry("again", other_address))
    with two.starting_adapter() as admin:
        line = wait_for_line(admin.adapter, "are one vCenter, with instance uuid")
        assert "remove one of them" in line
        eventually(lambda: any(checks_of(admin, name)["vcenter"]["ok"] for name in ("east", "again")))
        (read,) = (name for name in ("east", "again") if checks_of(admin, name)["vcenter"]["ok"])
        two.post("east")
        two.wait_for(**{read: 1})


def test_each_goes_on_where_it_was(two: Vcenters) -> None:
    settings = {"CHECKPOINT": f"file://{two.file.parent}/checkpoint.json"}
    with two.adapter(**settings) as admin:
        two.post("east")
        two.post("west")
        two.wait_for(east=1, west=1)
        stop(admin)
    two.post("east", 2)
    two.post("west", 3)
    with two.adapter(**settings):
        two.wait_for(east=3, west=4)
    assert {file.name for file in two.file.parent.glob("*.json")} == {"checkpoint.east.json", "checkpoint.west.json"}


def test_the_checkpoint_of_an_adapter_with_one_vcenter_is_carried_over(two: Vcenters) -> None:
    kept = {"CHECKPOINT": f"file://{two.file.parent}/checkpoint.json", "CHECKPOINT_INTERVAL": "0.1"}
    login = {"VCENTER_USERNAME": make_entry("", "")["username"], "VCENTER_PASSWORD": make_entry("", "")["password"]}
    single = {"VCENTER_URL": two.simulators["east"].url, "K_SINK": two.sink.url, "VCENTER_NAME": "east"}
    with process("vcenter_source", "run", **single, **login, **kept) as adapter:
        wait_for_line(adapter, "reading events")
        two.post("east", 2)
        two.wait_for(east=2)
        adapter.terminate()
        assert adapter.wait(30) == 0
    two.post("east", 3)
    with two.adapter(**kept) as admin:
        two.wait_for(east=5)
        stop(admin)
    two.simulators = {"renamed": two.simulators["east"]}
    two.list()
    two.post("renamed")
    with two.adapter(**kept):
        two.wait_for(renamed=1)
    assert two.received() == {"east": 5, "renamed": 1}


def test_another_vcenter_under_the_same_name_is_not_read_and_the_others_are(two: Vcenters) -> None:
    kept = {"CHECKPOINT": f"file://{two.file.parent}/"}
    with two.adapter(**kept) as admin:
        two.post("east")
        two.wait_for(east=1)
        stop(admin)
    with run_simulator() as replacement:
        two.list(make_entry("east", replacement.url), make_entry("west", two.simulators["west"].url))
        with two.starting_adapter(**kept) as admin:
            line = wait_for_line(admin.adapter, "was kept for the vCenter with instance uuid")
            assert "rm -f" in line
            eventually(lambda: checks_of(admin, "west").get("vcenter", {}).get("ok"))
            assert not checks_of(admin, "east")["vcenter"]["ok"]


def test_two_adapters_share_the_vcenters_and_one_takes_over_what_the_other_leaves(
    two: Vcenters, cluster_api: KubeApi
) -> None:
    shared = {"LEASE": "vcenter-source", "LEASE_DURATION": "3", "CHECKPOINT": "configmap://checkpoint"}
    shared["KUBECONFIG"] = os.environ["KUBECONFIG"]

    def holders() -> set[str]:
        leases = (cluster_api.get("leases", f"vcenter-source-{name}") or {} for name in two.simulators)
        return {lease.get("spec", {}).get("holderIdentity") or "" for lease in leases}

    with two.adapter(**shared) as first:
        assert len(holders()) == 1
        two.post("east")
        two.post("west")
        two.wait_for(east=1, west=1)
        with two.starting_adapter(**shared) as second:
            eventually(lambda: len(holders() - {""}) == 2)
            assert "leading for 1 of 2 vCenters" in eventually(lambda: lease_check(first, "leading for 1"))
            two.post("east")
            two.post("west")
            two.wait_for(east=2, west=2)
            stop(first)
            two.post("east")
            two.post("west")
            two.wait_for(east=3, west=3)
            stop(second)
    assert set((cluster_api.get("configmaps", "checkpoint") or {})["data"]) == {"east.json", "west.json"}


def lease_check(admin: Admin, words: str) -> str:
    """What /readyz says of the Leases, once it has these words."""
    why = str(admin.get("/readyz").json()["checks"]["lease"]["why"])
    return why if words in why else ""


def test_the_doctor_examines_each(two: Vcenters) -> None:
    two.list(east={"password": "wrong"})
    done = command("doctor", "--json", "--sink", "-", VCENTERS_FILE=str(two.file))
    assert done.returncode == 1, done.stderr
    results = [json.loads(line) for line in done.stdout.splitlines()]
    statuses = {(each.get("vcenter"), each["check"]): each["status"] for each in results}
    assert statuses["east", "vcenter login"] == "failed"
    assert statuses["west", "vcenter login"] == "ok"
    assert (None, "sink") in {(each.get("vcenter"), each["check"].split()[0]) for each in results}
    assert {vcenter for vcenter, check in statuses if check == "checkpoint"} == {"east", "west"}


def test_every_event_of_a_vcenter_whose_session_ends_comes(two: Vcenters) -> None:
    with two.adapter():
        two.post("east", 2)
        set_fault(two.simulators["east"], fault="expire-sessions")
        two.post("east", 2)
        two.post("west", 2)
        two.wait_for(east=4, west=2)
