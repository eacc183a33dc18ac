"""Tasks. Each is done, or has failed, by the time its reference is handed out."""

import itertools
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from vcenter_simulator.history import utc_now
from vcenter_simulator.inventory import Entity
from vcenter_simulator.vmomi import NAMESPACE, reference, types, vim

_KEPT = 1000
_numbers = itertools.count(1)

# The method of a task -> vCenter's id of its description, and the description itself.
DESCRIPTIONS = {
    "PowerOnVM_Task": ("VirtualMachine.powerOn", "Power On virtual machine"),
    "PowerOffVM_Task": ("VirtualMachine.powerOff", "Power Off virtual machine"),
    "SuspendVM_Task": ("VirtualMachine.suspend", "Suspend virtual machine"),
    "CreateVM_Task": ("Folder.createVm", "Create virtual machine"),
    "ReconfigVM_Task": ("VirtualMachine.reconfigure", "Reconfigure virtual machine"),
    "CloneVM_Task": ("VirtualMachine.clone", "Clone virtual machine"),
    "MigrateVM_Task": ("VirtualMachine.migrate", "Migrate virtual machine"),
    "RelocateVM_Task": ("VirtualMachine.relocate", "Relocate virtual machine"),
    "CreateSnapshot_Task": ("VirtualMachine.createSnapshot", "Create virtual machine snapshot"),
    "RevertToSnapshot_Task": ("vm.Snapshot.revert", "Revert snapshot"),
    "RevertToCurrentSnapshot_Task": ("VirtualMachine.revertToCurrentSnapshot", "Revert to current snapshot"),
    "RemoveSnapshot_Task": ("vm.Snapshot.remove", "Remove snapshot"),
    "RemoveAllSnapshots_Task": ("VirtualMachine.removeAllSnapshots", "Remove all snapshots"),
    "EnterMaintenanceMode_Task": ("HostSystem.enterMaintenanceMode", "Enter maintenance mode"),
    "ExitMaintenanceMode_Task": ("HostSystem.exitMaintenanceMode", "Exit maintenance mode"),
    "ResetVM_Task": ("VirtualMachine.reset", "Reset virtual machine"),
    "Destroy_Task": ("ManagedEntity.destroy", "Delete entity"),
    "Rename_Task": ("ManagedEntity.rename", "Rename entity"),
}


@dataclass(slots=True, eq=False)
class Task:
    """A task that has ended; ``info`` is its TaskInfo."""

    moid: str
    info: Any
    type: str = "Task"


class Tasks:
    """The tasks of late. The oldest are forgotten."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, Task] = OrderedDict()

    def get(self, moid: str) -> Task | None:
        """The task with this id, None when it is unknown or forgotten."""
        return self._tasks.get(moid)

    def add(self, info: Any) -> Task:
        """Keep a task of this info."""
        task = self._tasks[info.key] = Task(info.key, info)
        if len(self._tasks) > _KEPT:
            self._tasks.popitem(last=False)
        return task

    def recent(self) -> list[Task]:
        """The last ten, oldest first."""
        return list(self._tasks.values())[-10:]


def task_info(entity: Entity, method: str, user: str, *, error: Any = None) -> Any:
    """The TaskInfo of something that has been done to an object; with an error, of something that has failed."""
    key, now = f"task-{next(_numbers)}", utc_now()
    info = vim.TaskInfo(key=key, task=reference("Task", key), descriptionId=DESCRIPTIONS[method][0])
    info.name = types.GetWsdlMethod(NAMESPACE, method)
    info.entity, info.entityName = reference(entity.type, entity.moid), entity.name
    info.cancelled = info.cancelable = False
    info.queueTime = info.startTime = info.completeTime = now
    info.reason = vim.TaskReasonUser(userName=user)
    info.state, info.error = ("error", error) if error else ("success", None)
    info.eventChainId = 0
    return info


def task_message(method: str) -> str:
    """The message of a TaskEvent."""
    return f"Task: {DESCRIPTIONS[method][1]}"
