"""What functions change in vCenter, changed by govc: custom fields, alarms, virtual machines, hosts."""

import json
from collections.abc import Iterator

import pytest

from tests.conformance.govc import govc, needs_govc
from tests.support.simulator_control import control
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator

pytestmark = needs_govc
WEB = "/DC0/vm/web-1"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with run_simulator() as made:
        yield made


def newest_messages(simulator: Simulator, count: int) -> list[str]:
    """The newest messages but for those of govc's own sessions, without time and category."""
    lines = (line.partition("] ")[2].partition("] ")[2] for line in govc(simulator, "events", "-n", "50").splitlines())
    return [line for line in lines if "@" not in line][-count:]


def test_it_defines_sets_and_removes_custom_fields(simulator: Simulator) -> None:
    govc(simulator, "fields.add", "-type", "VirtualMachine", "owner")
    govc(simulator, "fields.set", "owner", "ops", WEB)
    govc(simulator, "fields.set", "-add", "-type", "HostSystem", "rack", "7", "/DC0/host/Cluster0/esx-1")
    assert "ops" in govc(simulator, "fields.info", "-n", "owner", WEB)
    govc(simulator, "fields.rename", "owner", "team")
    assert [line.split()[1:] for line in govc(simulator, "fields.ls").splitlines()] == [
        ["team", "VirtualMachine"],
        ["rack", "HostSystem"],
    ]
    govc(simulator, "fields.rm", "team")
    assert json.loads(govc(simulator, "fields.info", "-json", WEB)) == {"info": None}
    assert newest_messages(simulator, 2) == [
        "Renamed field definition from owner to team",
        "Removed field definition team",
    ]


def test_it_reads_who_may_do_what(simulator: Simulator) -> None:
    shown = govc(simulator, "permissions.ls", "/").splitlines()
    assert [line.split()[:4] for line in shown[1:]] == [
        ["ReadOnly", "/", "VSPHERE.LOCAL\\readonly", "Yes"],
        ["Admin", "/", "VSPHERE.LOCAL\\administrator", "Yes"],
    ]
    assert len(govc(simulator, "permissions.ls", WEB).splitlines()) == 3
    assert "VSPHERE.LOCAL\\administrator" in govc(simulator, "role.usage")


def test_it_lists_and_acknowledges_alarms(simulator: Simulator) -> None:
    shown = govc(simulator, "alarm.info", "-n", "alarm.VmCPUUsageAlarm")
    assert "Virtual machine CPU usage" in shown
    assert "Virtual machine memory usage" in govc(simulator, "alarms", "-d", WEB)
    assert len(govc(simulator, "alarms").splitlines()) == 1
    control(simulator, "alarms", alarm="Virtual machine CPU usage", object="vm-15", status="red")
    alarm = govc(simulator, "alarms", "-l").splitlines()[1]
    assert alarm.startswith("Virtual machine CPU usage")
    assert WEB in alarm
    assert "Alert" in alarm
    acknowledged = govc(simulator, "alarms", "-ack", WEB).splitlines()[1]
    assert acknowledged.endswith("administrator@vsphere.local")
    assert newest_messages(simulator, 1) == ["Acknowledged alarm 'Virtual machine CPU usage' on web-1"]


def test_it_suspends_clones_and_moves_machines(simulator: Simulator) -> None:
    govc(simulator, "vm.power", "-on", "web-1")
    govc(simulator, "vm.power", "-suspend", "web-1")
    assert "suspended" in govc(simulator, "vm.info", "web-1")
    govc(simulator, "vm.power", "-on", "web-1")
    govc(simulator, "vm.migrate", "-host", "esx-2", "web-1")
    assert "esx-2" in govc(simulator, "vm.info", "web-1")
    assert newest_messages(simulator, 1)[0].startswith("Migration of virtual machine web-1 from esx-1, datastore1")
    govc(simulator, "vm.clone", "-vm", "web-1", "web-3")
    assert "poweredOn" in govc(simulator, "vm.info", "web-3")
    assert "Clone of web-1 completed" in newest_messages(simulator, 4)
    govc(simulator, "vm.clone", "-vm", "web-1", "-host", "esx-1", "-on=false", "web-4")
    assert "poweredOff" in govc(simulator, "vm.info", "web-4")


def test_it_takes_reverts_to_and_removes_snapshots(simulator: Simulator) -> None:
    govc(simulator, "snapshot.create", "-vm", "web-1", "-d", "before", "first")
    govc(simulator, "snapshot.create", "-vm", "web-1", "second")
    assert govc(simulator, "snapshot.tree", "-vm", "web-1") == "first\n  second\n  .\n"
    govc(simulator, "snapshot.revert", "-vm", "web-1", "first")
    assert govc(simulator, "snapshot.tree", "-vm", "web-1", "-C") == "first\n"
    govc(simulator, "snapshot.revert", "-vm", "web-1")
    govc(simulator, "snapshot.remove", "-vm", "web-1", "second")
    govc(simulator, "snapshot.remove", "-vm", "web-1", "*")
    assert govc(simulator, "snapshot.tree", "-vm", "web-1") == ""
    assert newest_messages(simulator, 2) == [
        "Task: Remove snapshot (target=VirtualMachine web-1)",
        "Task: Remove all snapshots (target=VirtualMachine web-1)",
    ]


def test_it_brings_hosts_into_maintenance_mode_and_back(simulator: Simulator) -> None:
    host = "/DC0/host/Cluster0/esx-1"
    govc(simulator, "host.maintenance.enter", host)
    assert json.loads(govc(simulator, "object.collect", "-json", host, "runtime.inMaintenanceMode"))[0]["val"] is True
    govc(simulator, "host.maintenance.exit", host)
    assert newest_messages(simulator, 2)[-1] == "Host esx-1 in DC0 has exited maintenance mode"


def test_it_renames_a_datastore(simulator: Simulator) -> None:
    govc(simulator, "object.rename", "/DC0/datastore/datastore1", "fast")
    assert newest_messages(simulator, 1) == ["Renamed datastore from datastore1 to fast in DC0"]


def test_it_creates_changes_and_destroys_machines(simulator: Simulator) -> None:
    govc(simulator, "vm.create", "-force", "-on=false", "-c", "4", "web-3")
    govc(simulator, "vm.change", "-vm", "web-3", "-m", "1024", "-annotation", "by govc")
    shown = govc(simulator, "vm.info", "web-3")
    assert "1024MB" in shown
    assert "4 vCPU" in shown
    assert newest_messages(simulator, 1) == ["Reconfigured web-3 on esx-1 in DC0"]
    govc(simulator, "vm.destroy", "web-3")
    assert govc(simulator, "vm.info", "web-3") == ""
