"""The inventory: a datacenter, a cluster of two hosts, resource pools, four VMs, a datastore, a network. Pure state.

Each object holds its parent and the few facts that change; ``entities`` makes vSphere's properties of them.
Names of folders and their ids look like a real vCenter's (``group-d1``, ``domain-c7``, ``resgroup-9``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

NAMES = ("web-1", "web-2", "db-1", "batch-1")
"""The VMs that are always there."""

CROWD_FROM = 1_000_000
"""The number in the ids of further VMs and their pools: far from those of what is created later."""


@dataclass(slots=True, eq=False)
class Entity:
    """One managed object. ``type`` is its name on the wire, ``facts`` what else there is to say about it.

    ``custom_values`` are what it has in custom fields, by their keys.
    """

    type: str
    moid: str
    name: str
    parent: "Entity | None" = None
    facts: dict[str, "str | int | bool | Entity | None"] = field(default_factory=dict)
    custom_values: dict[int, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.type}:{self.moid}"

    def lineage(self) -> Iterator["Entity"]:
        """The object itself and its parents up to the root folder."""
        entity: Entity | None = self
        while entity is not None:
            yield entity
            entity = entity.parent

    def above(self, *types: str) -> "Entity | None":
        """The nearest of the object itself and its parents that has one of these types."""
        return next((entity for entity in self.lineage() if entity.type in types), None)

    def link(self, fact: str) -> "Entity | None":
        """A fact that is another object (the host of a VM, say), None where it is not set."""
        value = self.facts.get(fact)
        return value if isinstance(value, Entity) else None


class NameTakenError(Exception):
    """A sibling has the name already. ``holder`` is that sibling."""

    def __init__(self, holder: Entity) -> None:
        super().__init__(f"The name '{holder.name}' already exists.")
        self.holder = holder


class Inventory:
    """Every object by its id (``objects``), and the ways to change them. ``machines`` is how many VMs."""

    def __init__(self, machines: int = len(NAMES)) -> None:
        self.objects: dict[str, Entity] = {}
        self._number = 100
        self.root = self._put("Folder", "group-d1", "Datacenters", None)
        self.datacenter = self._put("Datacenter", "datacenter-2", "DC0", self.root)
        self._fill_folders(self.datacenter)
        self._fill_cluster()
        self._fill_machines()
        for number in range(machines - len(NAMES)):
            self._add_machine(number)

    def _put(
        self, kind: str, moid: str, name: str, parent: Entity | None, **facts: str | int | bool | Entity
    ) -> Entity:
        entity = Entity(kind, moid, name, parent, dict(facts))
        self.objects[moid] = entity
        return entity

    def _fill_folders(self, datacenter: Entity) -> None:
        self.vm_folder = self._put("Folder", "group-v3", "vm", datacenter)
        self.host_folder = self._put("Folder", "group-h4", "host", datacenter)
        self.datastore_folder = self._put("Folder", "group-s5", "datastore", datacenter)
        self.network_folder = self._put("Folder", "group-n6", "network", datacenter)
        self.datastore = self._put("Datastore", "datastore-13", "datastore1", self.datastore_folder)
        self.network = self._put("Network", "network-14", "VM Network", self.network_folder)

    def _fill_cluster(self) -> None:
        self.cluster = self._put("ClusterComputeResource", "domain-c7", "Cluster0", self.host_folder)
        self.root_pool = self._put("ResourcePool", "resgroup-8", "Resources", self.cluster)
        self.pools = [
            self._put("ResourcePool", "resgroup-9", "production", self.root_pool),
            self._put("ResourcePool", "resgroup-10", "test", self.root_pool),
        ]
        self.hosts = [self._put("HostSystem", f"host-{11 + n}", f"esx-{1 + n}", self.cluster) for n in range(2)]

    def _fill_machines(self) -> None:
        self.machines = [
            self._put_machine(f"vm-{15 + n}", name, self.hosts[n % 2], self.pools[n // 2], self.vm_folder)
            for n, name in enumerate(NAMES)
        ]

    def _add_machine(self, number: int) -> None:
        """One VM more, in a resource pool of its own."""
        moid = f"{CROWD_FROM + number}"
        pool = self._put("ResourcePool", f"resgroup-{moid}", f"pool-{number}", self.root_pool)
        self.pools.append(pool)
        host = self.hosts[number % 2]
        self.machines.append(self._put_machine(f"vm-{moid}", f"vm-{number}", host, pool, self.vm_folder))

    def _put_machine(self, moid: str, name: str, host: Entity, pool: Entity, folder: Entity) -> Entity:
        facts = {"host": host, "resourcePool": pool}
        return self._put("VirtualMachine", moid, name, folder, **facts, powerState="poweredOff")

    def exists(self, type: str, moid: str) -> bool:  # noqa: A002  a reference's own two words
        """Whether an object with this id is there and has this type (its name on the wire)."""
        entity = self.objects.get(moid)
        return entity is not None and entity.type == type

    def children(self, entity: Entity) -> list[Entity]:
        """What lies directly beneath an object in the inventory tree."""
        return [child for child in self.objects.values() if child.parent is entity]

    def create_pool(self, parent: Entity, name: str) -> Entity:
        """A new resource pool. Raises NameTakenError for a name that a sibling has."""
        self._refuse_name(parent, "ResourcePool", name)
        self._number += 1
        return self._put("ResourcePool", f"resgroup-{self._number}", name, parent)

    def create_machine(self, folder: Entity, name: str, host: Entity, pool: Entity) -> Entity:
        """A new VM, powered off. Raises NameTakenError for a name that the folder has."""
        self._refuse_name(folder, "VirtualMachine", name)
        self._number += 1
        return self._put_machine(f"vm-{self._number}", name, host, pool, folder)

    def move(self, entity: Entity, folder: Entity | None) -> None:
        """Put an object into another folder. Raises NameTakenError for a name that the folder has."""
        if folder is not None and folder is not entity.parent:
            self._refuse_name(folder, entity.type, entity.name)
            entity.parent = folder

    def rename(self, entity: Entity, name: str) -> None:
        """Raises NameTakenError for a name that a sibling has."""
        if entity.parent is not None and name != entity.name:
            self._refuse_name(entity.parent, entity.type, name)
        entity.name = name

    def _refuse_name(self, parent: Entity, kind: str, name: str) -> None:
        for child in self.children(parent):
            if child.type == kind and child.name == name:
                raise NameTakenError(child)

    def destroy(self, entity: Entity) -> None:
        """Remove an object. What lies in a resource pool moves up to the pool's parent, as in vCenter."""
        for other in self.objects.values():
            if other.parent is entity:
                other.parent = entity.parent
            if other.link("resourcePool") is entity:
                other.facts["resourcePool"] = entity.parent
        del self.objects[entity.moid]
