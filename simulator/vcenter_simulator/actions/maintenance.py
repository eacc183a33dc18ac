"""Hosts in maintenance mode. What runs on them is moved away first, as DRS does it when it is fully automated."""

from collections.abc import Callable, Iterator
from typing import Any

from vcenter_simulator.actions.migration import change_host
from vcenter_simulator.actions.operation import begin_task, fail_task
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity
from vcenter_simulator.vmomi import vim

_ENTER, _EXIT = "EnterMaintenanceMode_Task", "ExitMaintenanceMode_Task"


def enter(call: Call, _seconds: int, evacuate: bool | None, _spec: Any) -> Any:
    """HostSystem.EnterMaintenanceMode_Task; ``evacuate`` moves what is powered off, too.

    The task fails with InvalidState for a host that is in maintenance mode already, and with Timedout, at once, where
    no other host can take its virtual machines.
    """
    host: Entity = call.target
    if host.facts.get("inMaintenanceMode"):
        return fail_task(call, host, _ENTER, _invalid_state())
    machines = list(_machines_to_move(call, host, evacuate=bool(evacuate)))
    other = next((each for each in call.vcenter.inventory.hosts if _can_take(each, host)), None)
    if machines and other is None:
        return fail_task(call, host, _ENTER, vim.fault.Timedout(msg="Operation timed out."))
    operation = begin_task(call, host, _ENTER)
    operation.post(vim.event.EnteringMaintenanceModeEvent(**arguments_for(host)))
    for machine in machines:
        change_host(operation, machine, other, done=vim.event.DrsVmMigratedEvent)
    host.facts["inMaintenanceMode"] = True
    operation.post(vim.event.EnteredMaintenanceModeEvent(**arguments_for(host)))
    return operation.reference


def _machines_to_move(call: Call, host: Entity, *, evacuate: bool) -> Iterator[Entity]:
    for entity in call.vcenter.inventory.objects.values():
        if entity.link("host") is host and (evacuate or entity.facts["powerState"] == "poweredOn"):
            yield entity


def _can_take(other: Entity, host: Entity) -> bool:
    return other is not host and not other.facts.get("inMaintenanceMode")


def leave(call: Call, _seconds: int) -> Any:
    """HostSystem.ExitMaintenanceMode_Task. It fails with InvalidState for a host that is not in maintenance mode."""
    host: Entity = call.target
    if not host.facts.get("inMaintenanceMode"):
        return fail_task(call, host, _EXIT, _invalid_state())
    operation = begin_task(call, host, _EXIT)
    host.facts["inMaintenanceMode"] = False
    operation.post(vim.event.ExitMaintenanceModeEvent(**arguments_for(host)))
    return operation.reference


def _invalid_state() -> Any:
    return vim.fault.InvalidState(msg="The operation is not allowed in the current state.")


METHODS: dict[str, Callable[..., Any]] = {_ENTER: enter, _EXIT: leave}
