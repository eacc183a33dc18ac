"""A task as it is carried out: what it is done to, and the events that follow from it."""

from dataclasses import dataclass
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.tasks import task_info, task_message
from vcenter_simulator.vmomi import reference, vim


@dataclass(slots=True)
class Operation:
    """A task that has begun. ``info`` is its TaskInfo, ``chain`` the id that joins its events."""

    call: Call
    info: Any
    chain: int

    @property
    def reference(self) -> Any:
        """The reference of the task, which the method returns."""
        return self.info.task

    def post(self, event: Any) -> None:
        """Post an event of this task."""
        self.call.vcenter.events.post(event, self.call.user, self.chain)


def begin_task(call: Call, entity: Entity, method: str, error: Any = None) -> Operation:
    """Make a task, and post its TaskEvent."""
    info = task_info(entity, method, call.user, error=error)
    event = vim.event.TaskEvent(info=info, fullFormattedMessage=task_message(method), **arguments_for(entity))
    info.eventChainId = chain = call.vcenter.events.post(event, call.user).chain_id
    call.vcenter.tasks.add(info)
    return Operation(call, info, chain)


def fail_task(call: Call, entity: Entity, method: str, error: Any) -> Any:
    """Make a task that has failed with this fault. Returns its reference."""
    return begin_task(call, entity, method, error).reference


def duplicate_name(exc: NameTakenError) -> Any:
    """The fault of a name that a sibling has."""
    holder = exc.holder
    return vim.fault.DuplicateName(name=holder.name, object=reference(holder.type, holder.moid), msg=str(exc))


def wrong_power_state(machine: Entity, required: str) -> Any:
    """The fault of an operation that needs another power state."""
    words = {"poweredOn": "Powered on", "poweredOff": "Powered off", "suspended": "Suspended"}
    existing = str(machine.facts["powerState"])
    return vim.fault.InvalidPowerState(
        requestedState=required,
        existingState=existing,
        msg=f"The attempted operation cannot be performed in the current state ({words[existing]}).",
    )
