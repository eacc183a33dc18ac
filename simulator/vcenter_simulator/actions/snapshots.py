"""Snapshots of virtual machines: taken, reverted to, removed.

vCenter has no event of its own for a snapshot that is taken or removed, only the TaskEvent.
"""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import Operation, begin_task, fail_task
from vcenter_simulator.actions.power import change_power
from vcenter_simulator.call import Call
from vcenter_simulator.events import revert_event
from vcenter_simulator.snapshots import Snapshot
from vcenter_simulator.vmomi import reference, vim, vim_type

_POWER_EVENTS = {"poweredOn": "VmPoweredOnEvent", "poweredOff": "VmPoweredOffEvent", "suspended": "VmSuspendedEvent"}


def create(call: Call, name: str, description: str | None, memory: bool, _quiesce: Any) -> Any:
    """VirtualMachine.CreateSnapshot_Task and CreateSnapshotEx_Task. Raises InvalidName."""
    machine = call.target
    if not name:
        raise vim.fault.InvalidName(name=name, msg="A snapshot needs a name.")
    running = memory and machine.facts["powerState"] == "poweredOn"
    operation = begin_task(call, machine, "CreateSnapshot_Task")
    snapshot = call.vcenter.snapshots.create(
        machine, name, description or "", "poweredOn" if running else "poweredOff", call.vcenter.events.history.now()
    )
    operation.info.result = reference(snapshot.type, snapshot.moid)
    return operation.reference


def revert(call: Call, _host: Any, suppress_power_on: bool | None) -> Any:
    """VirtualMachineSnapshot.RevertToSnapshot_Task."""
    snapshot: Snapshot = call.target
    operation = begin_task(call, snapshot.machine, "RevertToSnapshot_Task")
    _revert(operation, snapshot, suppress_power_on=bool(suppress_power_on))
    return operation.reference


def revert_to_current(call: Call, _host: Any, suppress_power_on: bool | None) -> Any:
    """VirtualMachine.RevertToCurrentSnapshot_Task. It fails with NotFound without a snapshot."""
    machine = call.target
    snapshot = call.vcenter.snapshots.current(machine)
    if snapshot is None:
        error = vim.fault.NotFound(msg="The virtual machine has no current snapshot.")
        return fail_task(call, machine, "RevertToCurrentSnapshot_Task", error)
    operation = begin_task(call, machine, "RevertToCurrentSnapshot_Task")
    _revert(operation, snapshot, suppress_power_on=bool(suppress_power_on))
    return operation.reference


def _revert(operation: Operation, snapshot: Snapshot, *, suppress_power_on: bool) -> None:
    machine = snapshot.machine
    operation.call.vcenter.snapshots.revert(snapshot)
    operation.post(revert_event(machine, snapshot.name, snapshot.number))
    state = "poweredOff" if suppress_power_on else snapshot.power_state
    if state != machine.facts["powerState"]:
        change_power(operation, machine, state, vim_type(_POWER_EVENTS[state]))


def remove(call: Call, with_children: bool, _consolidate: Any) -> Any:
    """VirtualMachineSnapshot.RemoveSnapshot_Task."""
    snapshot: Snapshot = call.target
    operation = begin_task(call, snapshot.machine, "RemoveSnapshot_Task")
    call.vcenter.snapshots.remove(snapshot, with_children=with_children)
    return operation.reference


def remove_all(call: Call, _consolidate: Any, _spec: Any = None) -> Any:
    """VirtualMachine.RemoveAllSnapshots_Task."""
    operation = begin_task(call, call.target, "RemoveAllSnapshots_Task")
    call.vcenter.snapshots.remove_all(call.target)
    return operation.reference


def rename(call: Call, name: str | None, description: str | None) -> None:
    """VirtualMachineSnapshot.RenameSnapshot."""
    snapshot: Snapshot = call.target
    snapshot.name = name or snapshot.name
    snapshot.description = snapshot.description if description is None else description
    call.vcenter.changes.note()


METHODS: dict[str, Callable[..., Any]] = {
    "CreateSnapshot_Task": create,
    "CreateSnapshotEx_Task": create,
    "RevertToSnapshot_Task": revert,
    "RevertToCurrentSnapshot_Task": revert_to_current,
    "RemoveSnapshot_Task": remove,
    "RemoveAllSnapshots_Task": remove_all,
    "RenameSnapshot": rename,
}
