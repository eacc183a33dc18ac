"""What is done to inventory objects of several types: they are renamed, and destroyed."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import begin_task, duplicate_name, fail_task, wrong_power_state
from vcenter_simulator.actions.pools import pool_arguments
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.vmomi import vim, vmodl


def destroy(call: Call) -> Any:
    """ManagedEntity.Destroy_Task, of resource pools and of virtual machines that are not powered on."""
    entity: Entity = call.target
    if entity.type not in _REMOVAL_EVENTS or entity is call.vcenter.inventory.root_pool:
        raise vmodl.fault.NotSupported(msg="Only resource pools and virtual machines can be destroyed here.")
    if entity.facts.get("powerState") == "poweredOn":
        return fail_task(call, entity, "Destroy_Task", wrong_power_state(entity, "poweredOff"))
    event = _REMOVAL_EVENTS[entity.type](entity)
    operation = begin_task(call, entity, "Destroy_Task")
    call.vcenter.snapshots.remove_all(entity)
    call.vcenter.inventory.destroy(entity)
    operation.post(event)
    return operation.reference


def rename(call: Call, new_name: str) -> Any:
    """ManagedEntity.Rename_Task. A name that a sibling has fails the task with DuplicateName."""
    entity: Entity = call.target
    old_name = entity.name
    try:
        call.vcenter.inventory.rename(entity, new_name)
    except NameTakenError as exc:
        return fail_task(call, entity, "Rename_Task", duplicate_name(exc))
    operation = begin_task(call, entity, "Rename_Task")
    for event in _rename_events(entity, {"oldName": old_name, "newName": new_name}):
        operation.post(event)
    return operation.reference


def rename_datastore(call: Call, new_name: str) -> None:
    """Datastore.RenameDatastore, the older way. Raises DuplicateName."""
    store: Entity = call.target
    names = {"oldName": store.name, "newName": new_name}
    try:
        call.vcenter.inventory.rename(store, new_name)
    except NameTakenError as exc:
        raise duplicate_name(exc) from exc
    for event in _rename_events(store, names):
        call.vcenter.events.post(event, call.user)


def _rename_events(entity: Entity, names: dict[str, str]) -> list[Any]:
    """The events of a new name; vCenter has none for hosts, folders and networks."""
    where = arguments_for(entity)
    if entity.type == "VirtualMachine":
        return [vim.event.VmRenamedEvent(template=False, **names, **where)]
    if entity.type == "ResourcePool":
        return [vim.event.ResourcePoolReconfiguredEvent(**pool_arguments(entity))]
    if entity.type == "Datastore":
        return [vim.event.DatastoreRenamedEvent(datastore=where["ds"], **names, **where)]
    if entity.type == "Datacenter":
        return [vim.event.DatacenterRenamedEvent(**names, **where)]
    return []


_REMOVAL_EVENTS: dict[str, Callable[[Entity], Any]] = {
    "ResourcePool": lambda pool: vim.event.ResourcePoolDestroyedEvent(**pool_arguments(pool)),
    "VirtualMachine": lambda machine: vim.event.VmRemovedEvent(template=False, **arguments_for(machine)),
}

METHODS: dict[str, Callable[..., Any]] = {
    "Destroy_Task": destroy,
    "Rename_Task": rename,
    "RenameDatastore": rename_datastore,
}
