"""Virtual machines that are new, and what is changed in their configuration."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import Operation, begin_task, duplicate_name, fail_task
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.machines import MACHINE_FACTS, machine_uuid
from vcenter_simulator.references import ref
from vcenter_simulator.vmomi import vim, vmodl


def create(call: Call, config: Any, in_pool: Any, on_host: Any) -> Any:
    """Folder.CreateVM_Task. A name that the folder has fails the task with DuplicateName."""
    folder: Entity = call.target
    if not config.name:
        raise vmodl.fault.InvalidArgument(invalidProperty="config.name", msg="A virtual machine needs a name.")
    inventory = call.vcenter.inventory
    host = call.find_entity(on_host) if on_host else inventory.hosts[0]
    try:
        machine = inventory.create_machine(folder, config.name, host, call.find_entity(in_pool))
    except NameTakenError as exc:
        return fail_task(call, folder, "CreateVM_Task", duplicate_name(exc))
    _configure(machine, config)
    operation = begin_task(call, folder, "CreateVM_Task")
    where = {**arguments_for(machine), "template": False, "ds": arguments_for(inventory.datastore)["ds"]}
    operation.post(vim.event.VmBeingCreatedEvent(configSpec=config, **where))
    post_uuids(operation, machine, where)
    operation.post(vim.event.VmCreatedEvent(**where))
    operation.info.result = ref(machine)
    return operation.reference


def post_uuids(operation: Operation, machine: Entity, where: dict[str, Any]) -> None:
    """Post the events of the uuids that a new virtual machine gets."""
    uuid = machine_uuid(machine)
    operation.post(vim.event.VmUuidAssignedEvent(uuid=uuid, **where))
    operation.post(vim.event.VmInstanceUuidAssignedEvent(instanceUuid=uuid, **where))


def reconfigure(call: Call, spec: Any) -> Any:
    """VirtualMachine.ReconfigVM_Task: name, CPUs, memory, notes; devices and the rest are not simulated."""
    machine: Entity = call.target
    old_name = machine.name
    try:
        call.vcenter.inventory.rename(machine, spec.name or old_name)
    except NameTakenError as exc:
        return fail_task(call, machine, "ReconfigVM_Task", duplicate_name(exc))
    modified = _configure(machine, spec)
    operation = begin_task(call, machine, "ReconfigVM_Task")
    where = {**arguments_for(machine), "template": False}
    changes = vim.event.ChangesInfoEventArgument(modified=modified, added="", deleted="")
    operation.post(vim.event.VmReconfiguredEvent(configSpec=spec, configChanges=changes, **where))
    if machine.name != old_name:
        operation.post(vim.event.VmRenamedEvent(oldName=old_name, newName=machine.name, **where))
    return operation.reference


def _configure(machine: Entity, spec: Any) -> str:
    """Take over what the specification sets. Returns the changes, as vCenter writes them."""
    changes = []
    for name, (path, default) in MACHINE_FACTS.items():
        value = getattr(spec, name)
        if value is not None:
            changes.append(f"{path}: {machine.facts.get(name, default)!r} -> {value!r}; ".replace("'", '"'))
            machine.facts[name] = value
    return "\n".join(changes)


METHODS: dict[str, Callable[..., Any]] = {"CreateVM_Task": create, "ReconfigVM_Task": reconfigure}
