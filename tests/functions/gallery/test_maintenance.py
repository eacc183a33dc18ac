"""maintenance, on a simulated vCenter: the alarm actions follow the host, whatever the events say."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.manifest_files import ROOT
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


def test_a_host_that_is_gone_is_a_dead_letter(function: Function) -> None:
    outcome = function.send(sample("EnteredMaintenanceModeEvent", **{"host.host.value": "host-999"}))
    assert outcome.status == 422
