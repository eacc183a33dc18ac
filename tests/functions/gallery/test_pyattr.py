"""pyattr, on a simulated vCenter: what is noted, and what stays as it is."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.manifest_files import ROOT
from vcenter_functions.testing import Function, Outcome, SimulatedVcenter, sample

VM = "VirtualMachine:vm-15"


@pytest.fixture
def handler_file() -> Path:
    return ROOT / "functions" / "pyattr" / "handler.py"


def send(function: Function, name: str, time: str, user: str = "alice") -> None:
    assert function.send(sample(name, {"time": time}, userName=user)) == Outcome(204)


def test_a_vm_gets_its_owner_and_its_times(function: Function, vcenter: SimulatedVcenter) -> None:
    send(function, "VmCreatedEvent", "2026-01-31T08:00:00Z")
    send(function, "VmPoweredOnEvent", "2026-01-31T09:05:00.5+01:00", user="bob")
    expected = {"owner": "alice", "created": "2026-01-31T08:00:00Z", "last powered on": "2026-01-31T08:05:00Z"}
    assert vcenter.attributes_of(VM) == expected


def test_what_is_noted_stays_and_the_last_start_moves_forward(function: Function, vcenter: SimulatedVcenter) -> None:
    send(function, "VmClonedEvent", "2026-01-31T08:00:00Z")
    send(function, "VmRegisteredEvent", "2026-02-01T08:00:00Z", user="mallory")
    send(function, "DrsVmPoweredOnEvent", "2026-02-03T08:00:00Z")
    send(function, "VmPoweredOnEvent", "2026-02-02T08:00:00Z")
    expected = {"owner": "alice", "created": "2026-01-31T08:00:00Z", "last powered on": "2026-02-03T08:00:00Z"}
    assert vcenter.attributes_of(VM) == expected


class TestWithoutTheOwner:
    @pytest.fixture
    def function_settings(self) -> Mapping[str, str]:
        return {"OWNER_ATTRIBUTE": "Off", "CREATED_ATTRIBUTE": "made"}

    def test_off_switches_an_attribute_off(self, function: Function, vcenter: SimulatedVcenter) -> None:
        send(function, "VmCreatedEvent", "2026-01-31T08:00:00Z")
        assert vcenter.attributes_of(VM) == {"made": "2026-01-31T08:00:00Z"}


def test_an_event_of_another_kind_notes_nothing(function: Function, vcenter: SimulatedVcenter) -> None:
    send(function, "VmPoweredOffEvent", "2026-01-31T08:00:00Z")
    assert vcenter.attributes_of(VM) == {}
