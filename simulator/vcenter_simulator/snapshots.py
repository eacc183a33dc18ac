"""The snapshots of virtual machines, as trees. Pure state."""

import itertools
from dataclasses import dataclass
from datetime import datetime

from vcenter_simulator.inventory import Entity


@dataclass(slots=True, eq=False)
class Snapshot:
    """One snapshot. ``power_state`` is the state that a revert goes back to."""

    number: int
    machine: Entity
    name: str
    description: str
    power_state: str
    created: datetime
    parent: "Snapshot | None" = None
    type: str = "VirtualMachineSnapshot"

    @property
    def moid(self) -> str:
        """The managed object id."""
        return f"snapshot-{self.number}"


class Snapshots:
    """Every snapshot by its id, and of each virtual machine the one that it has come from."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._snapshots: dict[str, Snapshot] = {}
        self._current: dict[Entity, Snapshot] = {}

    def get(self, moid: str) -> Snapshot | None:
        """The snapshot with this id, None where there is none."""
        return self._snapshots.get(moid)

    def current(self, machine: Entity) -> Snapshot | None:
        """The snapshot that the machine has come from: the newest, or the last that it was reverted to."""
        return self._current.get(machine)

    def children(self, machine: Entity, parent: Snapshot | None) -> list[Snapshot]:
        """The snapshots that came from this one; the roots for None."""
        return [each for each in self._snapshots.values() if each.machine is machine and each.parent is parent]

    def create(self, machine: Entity, name: str, description: str, power_state: str, created: datetime) -> Snapshot:
        """Take a snapshot, which comes from the current one."""
        parent = self.current(machine)
        snapshot = Snapshot(next(self._numbers), machine, name, description, power_state, created, parent)
        self._snapshots[snapshot.moid] = self._current[machine] = snapshot
        return snapshot

    def revert(self, snapshot: Snapshot) -> None:
        """Make it the current one."""
        self._current[snapshot.machine] = snapshot

    def remove(self, snapshot: Snapshot, *, with_children: bool = False) -> None:
        """Remove a snapshot; its children go along, or move up to its parent."""
        for child in self.children(snapshot.machine, snapshot):
            if with_children:
                self.remove(child, with_children=True)
            else:
                child.parent = snapshot.parent
        del self._snapshots[snapshot.moid]
        if self.current(snapshot.machine) is snapshot:
            self._set_current(snapshot.machine, snapshot.parent)

    def remove_all(self, machine: Entity) -> None:
        """Remove every snapshot of a machine."""
        self._snapshots = {key: each for key, each in self._snapshots.items() if each.machine is not machine}
        self._set_current(machine, None)

    def _set_current(self, machine: Entity, snapshot: Snapshot | None) -> None:
        if snapshot is None:
            self._current.pop(machine, None)
        else:
            self._current[machine] = snapshot
