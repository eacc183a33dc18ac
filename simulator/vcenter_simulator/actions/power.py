"""The power of virtual machines: on, off, suspended, reset."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import Operation, begin_task, fail_task, wrong_power_state
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity
from vcenter_simulator.references import ref
from vcenter_simulator.vmomi import vim


def power_on(call: Call, _host: Any) -> Any:
    """VirtualMachine.PowerOnVM_Task. A suspended one resumes. The task fails on a host in maintenance mode."""
    machine: Entity = call.target
    if machine.facts["powerState"] == "poweredOn":
        return fail_task(call, machine, "PowerOnVM_Task", wrong_power_state(machine, "poweredOff"))
    host = machine.link("host")
    if host is not None and host.facts.get("inMaintenanceMode"):
        return fail_task(call, machine, "PowerOnVM_Task", in_maintenance(host))
    operation = begin_task(call, machine, "PowerOnVM_Task")
    start(operation, machine)
    return operation.reference


def in_maintenance(host: Entity) -> Any:
    """The fault of what a host in maintenance mode does not do."""
    return vim.fault.InvalidHostState(
        host=ref(host), msg="The operation is not allowed in the current state of the host."
    )


def start(operation: Operation, machine: Entity) -> None:
    """Power a virtual machine on as a part of a task."""
    resumes = machine.facts["powerState"] == "suspended"
    first = vim.event.VmResumingEvent if resumes else vim.event.VmStartingEvent
    change_power(operation, machine, "poweredOn", first, vim.event.VmPoweredOnEvent)


def change_power(operation: Operation, machine: Entity, state: str, *events: Any) -> None:
    """Give a virtual machine a power state, with events of these classes."""
    machine.facts["powerState"] = state
    for event in events:
        operation.post(event(template=False, **arguments_for(machine)))


def power_off(call: Call) -> Any:
    """VirtualMachine.PowerOffVM_Task."""
    return _change(call, "PowerOffVM_Task", "poweredOff", vim.event.VmStoppingEvent, vim.event.VmPoweredOffEvent)


def suspend(call: Call) -> Any:
    """VirtualMachine.SuspendVM_Task."""
    return _change(call, "SuspendVM_Task", "suspended", vim.event.VmSuspendingEvent, vim.event.VmSuspendedEvent)


def reset(call: Call) -> Any:
    """VirtualMachine.ResetVM_Task."""
    return _change(call, "ResetVM_Task", "poweredOn", vim.event.VmResettingEvent)


def _change(call: Call, method: str, state: str, *events: Any) -> Any:
    """Change the power of a virtual machine that is powered on; of another one the task fails."""
    machine: Entity = call.target
    if machine.facts["powerState"] != "poweredOn":
        return fail_task(call, machine, method, wrong_power_state(machine, "poweredOn"))
    operation = begin_task(call, machine, method)
    change_power(operation, machine, state, *events)
    return operation.reference


METHODS: dict[str, Callable[..., Any]] = {
    "PowerOnVM_Task": power_on,
    "PowerOffVM_Task": power_off,
    "SuspendVM_Task": suspend,
    "ResetVM_Task": reset,
}
