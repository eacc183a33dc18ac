"""maintenance, on a simulated vCenter: the alarm actions follow the host, whatever the events say."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.support.manifest_files import ROOT
from tests.support.simulator_control import set_fault
from tests.support.waiting import eventually
from vcenter_functions.testing import Function, Outcome, SimulatedVcenter, sample
from vcenter_simulator.testing import service_instance

HOST = "host-11"


@pytest.fixture
def host(vcenter: SimulatedVcenter) -> Iterator[Any]:
    """The first host, as pyVmomi's own client sees it."""
    with service_instance(vcenter.simulator) as service:
        content = service.RetrieveContent()
        view = content.viewManager.CreateContainerView(content.rootFolder, [_host_type()], True)
        (found,) = [each for each in view.view if each._moId == HOST]
        yield found


@pytest.fixture
def handler_file() -> Path:
    return ROOT / "functions" / "maintenance" / "handler.py"


def _host_type() -> type:
    from pyVmomi import vim

    return vim.HostSystem


def send(function: Function, name: str) -> None:
    assert function.send(sample(name)) == Outcome(204)


def test_alarm_actions_are_off_during_maintenance(function: Function, host: Any) -> None:
    host.EnterMaintenanceMode_Task(0)
    send(function, "EnteredMaintenanceModeEvent")
    assert host.alarmActionsEnabled is False
    host.ExitMaintenanceMode_Task(0)
    send(function, "ExitMaintenanceModeEvent")
    assert host.alarmActionsEnabled is True


def test_an_event_that_comes_late_leaves_nothing_switched_off(function: Function, host: Any) -> None:
    send(function, "EnteredMaintenanceModeEvent")
    assert host.alarmActionsEnabled is True
    host.EnterMaintenanceMode_Task(0)
    send(function, "ExitMaintenanceModeEvent")
    assert host.alarmActionsEnabled is False


def test_a_host_that_leaves_while_its_state_is_read_has_its_alarms(
    function: Function, vcenter: SimulatedVcenter, host: Any
) -> None:
    """What is read of the host is on its way for a while; meanwhile it leaves, and that event finds nothing to do."""
    host.EnterMaintenanceMode_Task(0)
    simulator = vcenter.simulator
    set_fault(simulator, fault="trickle", method="RetrievePropertiesEx", seconds=0.003)
    with ThreadPoolExecutor(1) as other:
        late = other.submit(send, function, "EnteredMaintenanceModeEvent")
        eventually(lambda: not simulator.vcenter.faults.pending)
        host.ExitMaintenanceMode_Task(0)
        send(function, "ExitMaintenanceModeEvent")
        assert not late.done(), "the first event was too quick to prove anything"
        late.result()
    assert host.alarmActionsEnabled is True


def test_an_event_without_the_hosts_name_is_enough(function: Function, host: Any) -> None:
    host.EnterMaintenanceMode_Task(0)
    event = sample("EnteredMaintenanceModeEvent")
    del event["data"]["host"]
    assert function.send(event) == Outcome(204)
    assert host.alarmActionsEnabled is False


def test_a_host_that_is_gone_is_a_dead_letter(function: Function) -> None:
    outcome = function.send(sample("EnteredMaintenanceModeEvent", **{"host.host.value": "host-999"}))
    assert outcome.status == 422
