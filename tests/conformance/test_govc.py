"""govmomi's own client, govc, against the simulator: what the Go peers read, they read rightly. Needs govc on PATH."""

import json
from collections.abc import Iterator

import pytest

from tests.conformance.govc import govc, needs_govc
from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator

pytestmark = needs_govc


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with run_simulator(backlog=300) as made:
        yield made


def test_it_is_taken_for_a_vcenter(simulator: Simulator) -> None:
    about = json.loads(govc(simulator, "about", "-json"))["about"]
    assert (about["apiType"], about["instanceUuid"]) == ("VirtualCenter", simulator.vcenter.instance_uuid)


def test_it_lists_the_roles(simulator: Simulator) -> None:
    assert "ReadOnly        See details of objects, but not make changes\n" in govc(simulator, "role.ls")
    assert govc(simulator, "role.ls", "View") == "System.Anonymous\nSystem.View\n"
    assert "Global.LogEvent\n" in govc(simulator, "role.ls", "Admin")


def test_it_reads_the_newest_events_in_order(simulator: Simulator) -> None:
    *earlier, login = govc(simulator, "events", "-n", "3").splitlines()
    assert login.endswith(f"[info] User {ADMINISTRATOR}@127.0.0.1 logged in as govc/0.0.0")
    assert len(earlier) == 2


def test_it_reads_the_events_of_one_class_and_of_one_object(simulator: Simulator) -> None:
    decoder, text, found = (
        json.JSONDecoder(),
        govc(simulator, "events", "-n", "5", "-type", "VmPoweredOnEvent", "-json"),
        [],
    )
    while text := text.strip():
        event, end = decoder.raw_decode(text)
        found.append(event["message"])
        text = text[end:]
    assert len(found) == 5
    assert all(message.endswith("in DC0 is powered on") for message in found)
    about = govc(simulator, "events", "-n", "4", "/DC0/vm/web-1").splitlines()
    assert any("web-1" in line for line in about)
    assert not any("db-1" in line for line in about)


def test_a_vcenter_before_8_0_u1_answers_over_soap_alone(wire: str) -> None:
    with run_simulator(releases=()) as older:
        if wire == "soap":
            assert "VMware vCenter Server" in govc(older, "about")
        else:
            with pytest.raises(AssertionError, match="content-type"):
                govc(older, "about")
