"""What is done to virtual machines, by pyVmomi's own client: suspended, cloned, moved, with snapshots."""

from typing import Any

import pytest
from pyVim.task import WaitForTask
from pyVmomi import vim, vmodl

from vcenter_simulator.accounts import READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import service_instance

RECONFIGURED = vim.event.EventFilterSpec(eventTypeId=["VmReconfiguredEvent"])


@pytest.fixture
def web(service: Any) -> Any:
    return find(service, "vm/web-1")


def find(service: Any, path: str) -> Any:
    return service.content.searchIndex.FindByInventoryPath(f"DC0/{path}")


def newest(service: Any, count: int) -> list[str]:
    events = service.content.eventManager.QueryEvents(vim.event.EventFilterSpec())
    assert len({event.chainId for event in events[-count:]}) == 1, "one chain"
    return [event.fullFormattedMessage for event in events[-count:]]


def test_a_machine_is_suspended_and_resumes(service: Any, web: Any) -> None:
    with pytest.raises(vim.fault.InvalidPowerState):
        WaitForTask(web.SuspendVM_Task())
    WaitForTask(web.PowerOnVM_Task())
    WaitForTask(web.SuspendVM_Task())
    assert web.runtime.powerState == "suspended"
    assert newest(service, 3) == [
        "Task: Suspend virtual machine",
        "web-1 on esx-1 in DC0 is being suspended",
        "web-1 on esx-1 in DC0 is suspended",
    ]
    WaitForTask(web.PowerOnVM_Task())
    assert newest(service, 2) == ["web-1 on esx-1 in DC0 is resumed", "web-1 on esx-1 in DC0 is powered on"]


def test_a_machine_is_cloned_with_its_custom_values(service: Any, web: Any) -> None:
    key = service.content.customFieldsManager.AddCustomFieldDef("owner", None, None, None).key
    service.content.customFieldsManager.SetField(web, key, "ops")
    spec = vim.vm.CloneSpec(location=vim.vm.RelocateSpec(host=find(service, "host/Cluster0/esx-2")), powerOn=True)
    folder = find(service, "vm")
    task = web.CloneVM_Task(folder, "web-3", spec)
    WaitForTask(task)
    clone = task.info.result
    assert (clone.name, clone.runtime.host.name, clone.runtime.powerState) == ("web-3", "esx-2", "poweredOn")
    assert (clone.parent, clone.resourcePool, clone.customValue[0].value) == (folder, web.resourcePool, "ops")
    assert clone.config.uuid != web.config.uuid
    assert newest(service, 7) == [
        "Task: Clone virtual machine",
        "Cloning web-1 on esx-1, datastore1 in DC0 to web-3 on esx-2",
        f"Assigned new BIOS UUID ({clone.config.uuid}) to web-3 on esx-2 in DC0",
        f"Assign a new instance UUID ({clone.config.uuid}) to web-3",
        "Clone of web-1 completed",
        "web-3 on host esx-2 in DC0 is starting",
        "web-3 on esx-2 in DC0 is powered on",
    ]
    with pytest.raises(vim.fault.DuplicateName):
        WaitForTask(web.CloneVM_Task(folder, "web-2", spec))


@pytest.mark.parametrize("running", [True, False])
def test_a_machine_moves_to_another_host(service: Any, web: Any, running: bool) -> None:
    host, pool = find(service, "host/Cluster0/esx-2"), find(service, "host/Cluster0/Resources/test")
    if running:
        WaitForTask(web.PowerOnVM_Task())
    WaitForTask(web.RelocateVM_Task(vim.vm.RelocateSpec(host=host, pool=pool), "defaultPriority"))
    assert (web.runtime.host, web.resourcePool) == (host, pool)
    migrated = [
        "Task: Relocate virtual machine",
        "Migrating web-1 from esx-1, datastore1 to esx-2, datastore1 in DC0",
        "Migrating web-1 off host esx-1 in DC0",
        "Migration of virtual machine web-1 from esx-1, datastore1 to esx-2, datastore1 completed",
    ]
    relocated = [
        "Task: Relocate virtual machine",
        "Relocating web-1 in DC0 from esx-1, datastore1 to esx-2, datastore1",
        "Completed the relocation of the virtual machine",
    ]
    expected = migrated if running else relocated
    assert newest(service, len(expected)) == expected
    event = service.content.eventManager.latestEvent
    assert (event.sourceHost.name, event.host.name, event.vm.vm) == ("esx-1", "esx-2", web)


def test_a_machine_migrates(service: Any, web: Any) -> None:
    host = find(service, "host/Cluster0/esx-2")
    WaitForTask(web.PowerOnVM_Task())
    WaitForTask(web.MigrateVM_Task(None, host, "highPriority", None))
    assert web.runtime.host == host
    assert isinstance(service.content.eventManager.latestEvent, vim.event.VmMigratedEvent)


def test_snapshots_are_taken_reverted_to_and_removed(service: Any, web: Any) -> None:
    with pytest.raises(vim.fault.NotFound):
        WaitForTask(web.RevertToCurrentSnapshot_Task(None, None))
    first = take(web, "first", memory=False)
    WaitForTask(web.PowerOnVM_Task())
    second = take(web, "second", memory=True)
    tree = web.snapshot.rootSnapshotList[0]
    assert (tree.name, tree.state, tree.childSnapshotList[0].name) == ("first", "poweredOff", "second")
    assert (web.snapshot.currentSnapshot, first.childSnapshot[0], second.vm) == (second, second, web)
    WaitForTask(first.RevertToSnapshot_Task(None, None))
    assert (web.runtime.powerState, web.snapshot.currentSnapshot) == ("poweredOff", first)
    assert newest(service, 3) == [
        "Task: Revert snapshot",
        "Execution state on VM web-1 on host esx-1, in DC0 has been reverted to the state of snapshot first, with ID 1",
        "web-1 on esx-1 in DC0 is powered off",
    ]
    WaitForTask(first.RemoveSnapshot_Task(False, None))
    assert [each.name for each in web.snapshot.rootSnapshotList] == ["second"]
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        _ = first.vm
    WaitForTask(web.RemoveAllSnapshots_Task(None))
    assert web.snapshot is None
    assert newest(service, 1) == ["Task: Remove all snapshots"]


def take(machine: Any, name: str, *, memory: bool) -> Any:
    task = machine.CreateSnapshot_Task(name, "", memory, False)
    WaitForTask(task)
    return task.info.result


def test_without_snapshots_the_property_is_unset(web: Any) -> None:
    assert web.snapshot is None


def test_a_snapshot_goes_with_its_children_and_with_its_machine(service: Any, web: Any) -> None:
    first, second = take(web, "first", memory=False), take(web, "second", memory=False)
    second.RenameSnapshot("renamed", "described")
    child = web.snapshot.rootSnapshotList[0].childSnapshotList[0]
    assert (child.name, child.description) == ("renamed", "described")
    WaitForTask(first.RemoveSnapshot_Task(True, None))
    assert web.snapshot is None
    third = take(web, "third", memory=False)
    WaitForTask(web.Destroy_Task())
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        _ = third.vm


def test_a_host_enters_maintenance_mode_and_leaves_it(service: Any, web: Any) -> None:
    host, other = find(service, "host/Cluster0/esx-1"), find(service, "host/Cluster0/esx-2")
    WaitForTask(web.PowerOnVM_Task())
    WaitForTask(host.EnterMaintenanceMode_Task(0, False, None))
    assert (host.runtime.inMaintenanceMode, host.summary.runtime.inMaintenanceMode) == (True, True)
    assert ([each.name for each in host.vm], web.runtime.host) == (["db-1"], other)
    assert newest(service, 6) == [
        "Task: Enter maintenance mode",
        "Host esx-1 in DC0 has started to enter maintenance mode",
        "Migrating web-1 from esx-1, datastore1 to esx-2, datastore1 in DC0",
        "Migrating web-1 off host esx-1 in DC0",
        "DRS migrated web-1 from esx-1 to esx-2 in cluster Cluster0 in DC0",
        "Host esx-1 in DC0 has entered maintenance mode",
    ]
    for refused in (
        host.EnterMaintenanceMode_Task(0, False, None),
        find(service, "vm/db-1").PowerOnVM_Task(),
        web.RelocateVM_Task(vim.vm.RelocateSpec(host=host)),
        other.ExitMaintenanceMode_Task(0),
    ):
        with pytest.raises(vim.fault.InvalidState):
            WaitForTask(refused)
    with pytest.raises(vim.fault.Timedout):
        WaitForTask(other.EnterMaintenanceMode_Task(0, False, None))
    WaitForTask(host.ExitMaintenanceMode_Task(0))
    assert not host.runtime.inMaintenanceMode
    assert newest(service, 2) == ["Task: Exit maintenance mode", "Host esx-1 in DC0 has exited maintenance mode"]


def test_what_is_powered_off_is_moved_if_asked_for(service: Any) -> None:
    host = find(service, "host/Cluster0/esx-1")
    WaitForTask(host.EnterMaintenanceMode_Task(0, True, None))
    assert list(host.vm) == []


def test_a_datastore_and_a_datacenter_are_renamed(service: Any) -> None:
    store = find(service, "datastore/datastore1")
    WaitForTask(store.Rename_Task("fast"))
    assert newest(service, 1) == ["Renamed datastore from datastore1 to fast in DC0"]
    store.RenameDatastore("faster")
    assert newest(service, 1) == ["Renamed datastore from fast to faster in DC0"]
    assert service.content.eventManager.latestEvent.ds.datastore == store
    WaitForTask(store.parent.parent.Rename_Task("DC1"))
    assert newest(service, 1) == ["Renamed datacenter from DC0 to DC1"]


def test_the_reader_changes_no_machine(simulator: Simulator) -> None:
    with service_instance(simulator, READER) as service:
        machine = find(service, "vm/web-1")
        with pytest.raises(vim.fault.NoPermission) as refused:
            machine.CloneVM_Task(machine.parent, "mine", vim.vm.CloneSpec(location=vim.vm.RelocateSpec()))
        assert refused.value.privilegeId == "VirtualMachine.Provisioning.Clone"
        with pytest.raises(vim.fault.NoPermission):
            machine.SuspendVM_Task()
        with pytest.raises(vim.fault.NoPermission):
            machine.MigrateVM_Task(None, None, "highPriority", None)


def test_a_machine_is_created(service: Any, web: Any) -> None:
    config = vim.vm.ConfigSpec(name="web-3", numCPUs=4, memoryMB=1024, annotation="by a test")
    task = web.parent.CreateVM_Task(config, web.resourcePool, None)
    WaitForTask(task)
    made = task.info.result
    assert (made.name, made.runtime.powerState, made.runtime.host.name) == ("web-3", "poweredOff", "esx-1")
    assert (made.summary.config.numCpu, made.summary.config.memorySizeMB) == (4, 1024)
    assert made.config.annotation == "by a test"
    assert newest(service, 5) == [
        "Task: Create virtual machine",
        "Creating web-3 on esx-1, datastore1 in DC0",
        f"Assigned new BIOS UUID ({made.config.uuid}) to web-3 on esx-1 in DC0",
        f"Assign a new instance UUID ({made.config.uuid}) to web-3",
        "Created virtual machine web-3 on esx-1, datastore1 in DC0",
    ]
    with pytest.raises(vim.fault.DuplicateName):
        WaitForTask(web.parent.CreateVM_Task(config, web.resourcePool, None))


def test_a_machine_is_reconfigured(service: Any, web: Any) -> None:
    WaitForTask(web.ReconfigVM_Task(vim.vm.ConfigSpec(name="web-9", annotation="kept")))
    assert (web.name, web.config.annotation, web.config.hardware.numCPU) == ("web-9", "kept", 2)
    event = next(each for each in service.content.eventManager.QueryEvents(RECONFIGURED))
    assert (event.configChanges.modified, event.configSpec.name) == ('config.annotation: "" -> "kept"; ', "web-9")
    assert newest(service, 3) == [
        "Task: Reconfigure virtual machine",
        "Reconfigured web-9 on esx-1 in DC0",
        "Renamed web-9 from web-1 to web-9 in DC0",
    ]
    with pytest.raises(vim.fault.DuplicateName):
        WaitForTask(web.ReconfigVM_Task(vim.vm.ConfigSpec(name="web-2")))
