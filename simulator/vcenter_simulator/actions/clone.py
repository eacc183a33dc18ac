"""Virtual machines made of others."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.creation import post_uuids
from vcenter_simulator.actions.operation import Operation, begin_task, duplicate_name, fail_task
from vcenter_simulator.actions.power import in_maintenance, start
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for, folder_argument
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.references import ref
from vcenter_simulator.vmomi import vim, vmodl


def clone(call: Call, in_folder: Any, name: str, spec: Any) -> Any:
    """VirtualMachine.CloneVM_Task. A name that the folder has fails the task with DuplicateName."""
    source: Entity = call.target
    if spec.template:
        raise vmodl.fault.NotSupported(msg="Templates are not simulated.")
    folder = call.find_entity(in_folder)
    host, pool = _place(call, source, spec.location)
    if host.facts.get("inMaintenanceMode") and spec.powerOn:
        return fail_task(call, source, "CloneVM_Task", in_maintenance(host))
    try:
        machine = call.vcenter.inventory.create_machine(folder, name, host, pool)
    except NameTakenError as exc:
        return fail_task(call, source, "CloneVM_Task", duplicate_name(exc))
    machine.custom_values = dict(source.custom_values)
    operation = begin_task(call, source, "CloneVM_Task")
    _post_events(operation, source, machine, folder)
    if spec.powerOn:
        start(operation, machine)
    operation.info.result = ref(machine)
    return operation.reference


def _place(call: Call, source: Entity, location: Any) -> tuple[Entity, Entity]:
    """The host and the resource pool of the clone: those asked for, else those of its source."""
    host = call.find_entity(location.host) if location.host else source.link("host")
    pool = call.find_entity(location.pool) if location.pool else source.link("resourcePool")
    assert host is not None, "a VM always has a host"  # noqa: S101  the inventory makes them so
    assert pool is not None, "a VM always has a resource pool"  # noqa: S101  as above
    return host, pool


def _post_events(operation: Operation, source: Entity, machine: Entity, folder: Entity) -> None:
    store = arguments_for(operation.call.vcenter.inventory.datastore)["ds"]
    before, after = ({**arguments_for(each), "template": False, "ds": store} for each in (source, machine))
    to = {"destFolder": folder_argument(folder), "destName": machine.name, "destHost": after["host"]}
    operation.post(vim.event.VmBeingClonedEvent(**to, **before))
    post_uuids(operation, machine, after)
    operation.post(vim.event.VmClonedEvent(sourceVm=before["vm"], **after))


METHODS: dict[str, Callable[..., Any]] = {"CloneVM_Task": clone}
