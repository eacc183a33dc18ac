"""Resource pools: created, and given another name."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.actions.operation import duplicate_name
from vcenter_simulator.call import Call
from vcenter_simulator.events import arguments_for, pool_argument
from vcenter_simulator.inventory import Entity, NameTakenError
from vcenter_simulator.references import ref
from vcenter_simulator.vmomi import vim


def create_pool(call: Call, name: str, _spec: Any) -> Any:
    """ResourcePool.CreateResourcePool. Raises InvalidName, DuplicateName."""
    parent: Entity = call.target
    if not name:
        raise vim.fault.InvalidName(name=name, msg="A resource pool needs a name.")
    try:
        pool = call.vcenter.inventory.create_pool(parent, name)
    except NameTakenError as exc:
        raise duplicate_name(exc) from exc
    event = vim.event.ResourcePoolCreatedEvent(parent=pool_argument(parent), **pool_arguments(pool))
    call.vcenter.events.post(event, call.user)
    return ref(pool)


def update_pool(call: Call, name: str | None, _config: Any) -> None:
    """ResourcePool.UpdateConfig. Names are kept, allocations are not simulated. Raises DuplicateName."""
    pool: Entity = call.target
    try:
        call.vcenter.inventory.rename(pool, name or pool.name)
    except NameTakenError as exc:
        raise duplicate_name(exc) from exc
    call.vcenter.events.post(vim.event.ResourcePoolReconfiguredEvent(**pool_arguments(pool)), call.user)


def pool_arguments(pool: Entity) -> dict[str, Any]:
    """The arguments of an event about a resource pool."""
    return {"resourcePool": pool_argument(pool), **arguments_for(pool)}


METHODS: dict[str, Callable[..., Any]] = {"CreateResourcePool": create_pool, "UpdateConfig": update_pool}
