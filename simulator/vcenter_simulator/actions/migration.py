"""Virtual machines on their way to another host, resource pool or folder.

One that is powered on is migrated (vMotion), another one relocated: the events differ. There is one datastore alone.
"""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import Operation, begin_task, duplicate_name, fail_task
from vcenter_simulator.actions.power import in_maintenance
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.vmomi import vim


def relocate(call: Call, spec: Any, _priority: Any) -> Any:
    """VirtualMachine.RelocateVM_Task."""
    return _move(call, "RelocateVM_Task", spec.host, spec.pool, spec.folder)


def migrate(call: Call, pool: Any, host: Any, _priority: Any, _state: Any) -> Any:
    """VirtualMachine.MigrateVM_Task."""
    return _move(call, "MigrateVM_Task", host, pool, None)


def _move(call: Call, method: str, *places: Any) -> Any:
    machine: Entity = call.target
    host, pool, folder = (call.find_entity(place) if place else None for place in places)
    if host is not None and host.facts.get("inMaintenanceMode"):
        return fail_task(call, machine, method, in_maintenance(host))
    try:
        call.vcenter.inventory.move(machine, folder or machine.parent)
    except NameTakenError as exc:
        return fail_task(call, machine, method, duplicate_name(exc))
    operation = begin_task(call, machine, method)
    if pool is not None:
        machine.facts["resourcePool"] = pool
    change_host(operation, machine, host or machine.link("host"))
    return operation.reference


def change_host(operation: Operation, machine: Entity, host: Entity | None, done: Any = None) -> None:
    """Move a virtual machine to a host, with the events of it; ``done`` is another class for the last one."""
    store = arguments_for(operation.call.vcenter.inventory.datastore)["ds"]
    before = arguments_for(machine) | {"template": False, "ds": store}
    destination = {"destHost": arguments_for(host)["host"] if host else None, "destDatacenter": before["datacenter"]}
    hot = machine.facts["powerState"] == "poweredOn"
    kind = vim.event.VmBeingHotMigratedEvent if hot else vim.event.VmBeingRelocatedEvent
    operation.post(kind(destDatastore=store, **destination, **before))
    if hot:
        operation.post(vim.event.VmEmigratingEvent(**before))
    machine.facts["host"] = host
    after = arguments_for(machine) | {"template": False, "ds": store}
    source = {"sourceHost": before["host"], "sourceDatacenter": before["datacenter"], "sourceDatastore": store}
    kind = (done or vim.event.VmMigratedEvent) if hot else vim.event.VmRelocatedEvent
    operation.post(kind(**source, **after))


METHODS: dict[str, Callable[..., Any]] = {"RelocateVM_Task": relocate, "MigrateVM_Task": migrate}
