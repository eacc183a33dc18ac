"""The methods that change the inventory, with the events that vCenter posts about them."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for, pool_argument
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.tasks import task_info, task_message
from vcenter_simulator.vmomi import reference, vim, vmodl


def create_pool(call: Call, name: str, _spec: Any) -> Any:
    """ResourcePool.CreateResourcePool. Raises DuplicateName."""
    parent: Entity = call.target
    if not name:
        raise vim.fault.InvalidName(name=name, msg="A resource pool needs a name.")
    try:
        pool = call.vcenter.inventory.create_pool(parent, name)
    except NameTakenError as exc:
        raise _duplicate(exc) from exc
    _post(call, vim.event.ResourcePoolCreatedEvent(parent=pool_argument(parent), **_pool_arguments(pool)))
    return reference(pool.type, pool.moid)


def update_pool(call: Call, name: str | None, _config: Any) -> None:
    """ResourcePool.UpdateConfig. Names are kept, allocations are not simulated. Raises DuplicateName."""
    pool: Entity = call.target
    if name:
        _rename(call, pool, name)
    _post(call, vim.event.ResourcePoolReconfiguredEvent(**_pool_arguments(pool)))


def destroy(call: Call) -> Any:
    """ManagedEntity.Destroy_Task, of resource pools and of virtual machines that are powered off."""
    entity: Entity = call.target
    if entity.type not in _REMOVED or entity is call.vcenter.inventory.root_pool:
        raise vmodl.fault.NotSupported(msg="Only resource pools and virtual machines can be destroyed here.")
    if entity.facts.get("powerState") == "poweredOn":
        return _fail_task(call, entity, "Destroy_Task", _wrong_state(entity, "poweredOff"))
    event = _REMOVED[entity.type](entity)
    task, chain = _begin(call, entity, "Destroy_Task")
    call.vcenter.inventory.destroy(entity)
    _post(call, event, chain)
    return task


def rename(call: Call, new_name: str) -> Any:
    """ManagedEntity.Rename_Task. A name that a sibling has fails the task with DuplicateName."""
    entity: Entity = call.target
    old_name = entity.name
    try:
        _rename(call, entity, new_name)
    except vim.fault.DuplicateName as exc:
        return _fail_task(call, entity, "Rename_Task", exc)
    task, chain = _begin(call, entity, "Rename_Task")
    if entity.type == "VirtualMachine":
        names = {"oldName": old_name, "newName": new_name}
        _post(call, vim.event.VmRenamedEvent(template=False, **names, **arguments_for(entity)), chain)
    elif entity.type == "ResourcePool":
        _post(call, vim.event.ResourcePoolReconfiguredEvent(**_pool_arguments(entity)), chain)
    return task


def power_on(call: Call, _host: Any) -> Any:
    """VirtualMachine.PowerOnVM_Task."""
    kinds = [vim.event.VmStartingEvent, vim.event.VmPoweredOnEvent]
    return _power(call, "PowerOnVM_Task", "poweredOff", "poweredOn", kinds)


def power_off(call: Call) -> Any:
    """VirtualMachine.PowerOffVM_Task."""
    kinds = [vim.event.VmStoppingEvent, vim.event.VmPoweredOffEvent]
    return _power(call, "PowerOffVM_Task", "poweredOn", "poweredOff", kinds)


def reset(call: Call) -> Any:
    """VirtualMachine.ResetVM_Task."""
    return _power(call, "ResetVM_Task", "poweredOn", "poweredOn", [vim.event.VmResettingEvent])


def _power(call: Call, method: str, required: str, becomes: str, kinds: list[Any]) -> Any:
    machine: Entity = call.target
    if machine.facts["powerState"] != required:
        return _fail_task(call, machine, method, _wrong_state(machine, required))
    task, chain = _begin(call, machine, method)
    machine.facts["powerState"] = becomes
    for kind in kinds:
        _post(call, kind(template=False, **arguments_for(machine)), chain)
    return task


def _wrong_state(machine: Entity, required: str) -> Any:
    return vim.fault.InvalidPowerState(
        requestedState=required,
        existingState=machine.facts["powerState"],
        msg="The attempted operation cannot be performed in the current state "
        f"({'Powered on' if machine.facts['powerState'] == 'poweredOn' else 'Powered off'}).",
    )


def _rename(call: Call, entity: Entity, name: str) -> None:
    try:
        call.vcenter.inventory.rename(entity, name)
    except NameTakenError as exc:
        raise _duplicate(exc) from exc


def _duplicate(exc: NameTakenError) -> Any:
    holder = exc.holder
    return vim.fault.DuplicateName(name=holder.name, object=reference(holder.type, holder.moid), msg=str(exc))


def _pool_arguments(pool: Entity) -> dict[str, Any]:
    return {"resourcePool": pool_argument(pool), **arguments_for(pool)}


_REMOVED: dict[str, Callable[[Entity], Any]] = {
    "ResourcePool": lambda pool: vim.event.ResourcePoolDestroyedEvent(**_pool_arguments(pool)),
    "VirtualMachine": lambda machine: vim.event.VmRemovedEvent(template=False, **arguments_for(machine)),
}


def _post(call: Call, event: Any, chain_id: int | None = None) -> int:
    return call.vcenter.events.post(event, call.user, chain_id).chain_id


def _begin(call: Call, entity: Entity, method: str, error: Any = None) -> tuple[Any, int]:
    """A task and its TaskEvent, which begins the chain of the events that follow from it."""
    info = task_info(entity, method, call.user, error=error)
    event = vim.event.TaskEvent(info=info, fullFormattedMessage=task_message(method), **arguments_for(entity))
    info.eventChainId = chain = _post(call, event)
    return reference("Task", call.vcenter.tasks.add(info).moid), chain


def _fail_task(call: Call, entity: Entity, method: str, error: Any) -> Any:
    return _begin(call, entity, method, error)[0]


METHODS: dict[str, Callable[..., Any]] = {
    "CreateResourcePool": create_pool,
    "UpdateConfig": update_pool,
    "Destroy_Task": destroy,
    "Rename_Task": rename,
    "PowerOnVM_Task": power_on,
    "PowerOffVM_Task": power_off,
    "ResetVM_Task": reset,
}
