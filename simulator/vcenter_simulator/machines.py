"""The properties of virtual machines and of their snapshots, as vSphere's data objects."""

from typing import Any

from vcenter_simulator.history import utc_now
from vcenter_simulator.inventory import Entity
from vcenter_simulator.references import Provider, ref
from vcenter_simulator.snapshots import Snapshot
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import reference, vim

_STARTED = utc_now()
MACHINE_FACTS: dict[str, tuple[str, int | str]] = {
    "numCPUs": ("config.hardware.numCPU", 2),
    "memoryMB": ("config.hardware.memoryMB", 2048),
    "annotation": ("config.annotation", ""),
}
"""What is configured in a virtual machine, as ConfigSpec calls it: its path among the properties, and the default."""


def _fact(entity: Entity, name: str) -> Any:
    return entity.facts.get(name, MACHINE_FACTS[name][1])


def machine_runtime(entity: Entity) -> Any:
    """VirtualMachine.runtime."""
    return vim.vm.RuntimeInfo(
        host=ref(entity.link("host")),
        connectionState="connected",
        powerState=entity.facts["powerState"],
        faultToleranceState="notConfigured",
        recordReplayState="inactive",
    )


def machine_uuid(entity: Entity) -> str:
    """A stable uuid that the object's number can be read from."""
    return f"4207072c-edd8-3bd5-64dc-{int(entity.moid.rpartition('-')[2]):012x}"


def machine_config(entity: Entity) -> Any:
    """VirtualMachine.config."""
    path = f"[datastore1] {entity.name}/{entity.name}.vmx"
    config = vim.vm.ConfigInfo(name=entity.name, changeVersion="1", modified=_STARTED, version="vmx-21")
    config.uuid = config.instanceUuid = machine_uuid(entity)
    config.guestId, config.guestFullName = "otherLinux64Guest", "Other Linux (64-bit)"
    config.files, config.flags = vim.vm.FileInfo(vmPathName=path), vim.vm.FlagInfo()
    config.defaultPowerOps = vim.vm.DefaultPowerOpInfo()
    config.hardware = vim.vm.VirtualHardware(numCPU=_fact(entity, "numCPUs"), memoryMB=_fact(entity, "memoryMB"))
    config.annotation = _fact(entity, "annotation")
    return config


def machine_summary(entity: Entity) -> Any:
    """VirtualMachine.summary."""
    full = machine_config(entity)
    config = vim.vm.Summary.ConfigSummary(
        name=entity.name, vmPathName=full.files.vmPathName, memorySizeMB=full.hardware.memoryMB
    )
    config.numCpu, config.uuid, config.instanceUuid = full.hardware.numCPU, full.uuid, full.uuid
    config.annotation = full.annotation
    config.guestId, config.guestFullName = full.guestId, full.guestFullName
    return vim.vm.Summary(
        vm=ref(entity),
        runtime=machine_runtime(entity),
        guest=vim.vm.Summary.GuestSummary(),
        config=config,
        quickStats=vim.vm.Summary.QuickStats(guestHeartbeatStatus="gray"),
        overallStatus="green",
    )


def guest_info(entity: Entity) -> Any:
    """VirtualMachine.guest."""
    running = "running" if entity.facts["powerState"] == "poweredOn" else "notRunning"
    return vim.vm.GuestInfo(guestState=running, toolsStatus="toolsNotInstalled", hostName=entity.name)


def _ref(snapshot: Snapshot | None) -> Any:
    return None if snapshot is None else reference(snapshot.type, snapshot.moid)


def _snapshot_trees(vcenter: Vcenter, machine: Entity, parent: Snapshot | None) -> list[Any]:
    return [_snapshot_tree(vcenter, snapshot) for snapshot in vcenter.snapshots.children(machine, parent)]


def _snapshot_tree(vcenter: Vcenter, snapshot: Snapshot) -> Any:
    tree = vim.vm.SnapshotTree(snapshot=_ref(snapshot), vm=ref(snapshot.machine), id=snapshot.number, quiesced=False)
    tree.name, tree.description, tree.createTime = snapshot.name, snapshot.description, snapshot.created
    tree.state, tree.replaySupported = snapshot.power_state, False
    tree.childSnapshotList = _snapshot_trees(vcenter, snapshot.machine, snapshot)
    return tree


def _snapshot_info(vcenter: Vcenter, machine: Entity) -> Any:
    """VirtualMachine.snapshot, which is unset where there are none."""
    roots = _snapshot_trees(vcenter, machine, None)
    current = _ref(vcenter.snapshots.current(machine))
    return vim.vm.SnapshotInfo(currentSnapshot=current, rootSnapshotList=roots) if roots else None


def _child_snapshots(vcenter: Vcenter, machine: Entity, parent: Snapshot | None) -> list[Any]:
    return [_ref(snapshot) for snapshot in vcenter.snapshots.children(machine, parent)]


MACHINE_PROPERTIES: dict[str, Provider] = {
    "config": lambda _vcenter, machine: machine_config(machine),
    "runtime": lambda _vcenter, machine: machine_runtime(machine),
    "summary": lambda _vcenter, machine: machine_summary(machine),
    "guest": lambda _vcenter, machine: guest_info(machine),
    "guestHeartbeatStatus": lambda _vcenter, _machine: vim.ManagedEntity.Status.gray,
    "resourcePool": lambda _vcenter, machine: ref(machine.link("resourcePool")),
    "snapshot": _snapshot_info,
    "rootSnapshot": lambda vcenter, machine: _child_snapshots(vcenter, machine, None),
}

SNAPSHOT_PROPERTIES: dict[str, Provider] = {
    "config": lambda _vcenter, snapshot: machine_config(snapshot.machine),
    "vm": lambda _vcenter, snapshot: ref(snapshot.machine),
    "childSnapshot": lambda vcenter, snapshot: _child_snapshots(vcenter, snapshot.machine, snapshot),
}
