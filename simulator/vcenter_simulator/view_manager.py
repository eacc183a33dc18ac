"""ViewManager: container views and list views, which property filters start from."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.event_manager import create_id
from vcenter_simulator.inventory import Entity, Inventory
from vcenter_simulator.references import refs
from vcenter_simulator.vmomi import reference, vim_type


@dataclass(slots=True, eq=False)
class ContainerView:
    """What lies beneath a container, of certain types; looked up anew each time."""

    moid: str
    container: Any
    kinds: list[Any]
    recursive: bool
    type: str = "ContainerView"

    def members(self, inventory: Inventory) -> list[Any]:
        """The references in the view now; none when the container is gone."""
        container = inventory.objects.get(self.container._GetMoId())  # noqa: SLF001  pyVmomi's only way
        found = _beneath(inventory, container, recursive=self.recursive) if container else ()
        unique = dict.fromkeys(found)
        return refs(entity for entity in unique if self._wants(entity))

    def _wants(self, entity: Entity) -> bool:
        return not self.kinds or issubclass(vim_type(entity.type), tuple(self.kinds))


@dataclass(slots=True, eq=False)
class ListView:
    """The objects that a client named itself."""

    moid: str
    listed: list[Any]
    type: str = "ListView"


def _beneath(inventory: Inventory, container: Entity, *, recursive: bool) -> Iterator[Entity]:
    """Children in the tree; of a host or a resource pool its virtual machines too."""
    for entity in inventory.objects.values():
        if container in (entity.parent, entity.link("host"), entity.link("resourcePool")):
            yield entity
            if recursive:
                yield from _beneath(inventory, entity, recursive=True)


def create_container_view(call: Call, container: Any, kinds: list[Any], recursive: bool) -> Any:
    """ViewManager.CreateContainerView."""
    return _own(call, ContainerView(create_id(call.owner), container, kinds, recursive))


def create_list_view(call: Call, listed: list[Any]) -> Any:
    """ViewManager.CreateListView."""
    return _own(call, ListView(create_id(call.owner), listed))


def reset_list_view(call: Call, listed: list[Any]) -> list[Any]:
    """ListView.ResetListView: other objects from now on. Returns those that cannot be resolved, here none."""
    call.target.listed = listed
    return []


def _own(call: Call, view: ContainerView | ListView) -> Any:
    call.owner.objects[view.moid] = view
    return reference(view.type, view.moid)


def destroy_view(call: Call) -> None:
    """View.DestroyView."""
    del call.owner.objects[call.target.moid]


METHODS: dict[str, Callable[..., Any]] = {
    "CreateContainerView": create_container_view,
    "CreateListView": create_list_view,
    "ResetListView": reset_list_view,
    "DestroyView": destroy_view,
}
