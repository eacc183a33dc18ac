"""Which object of vCenter's inventory: vSphere's managed object references. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ManagedObjectReference:
    """A managed object reference: ``VirtualMachine:vm-42``. It means an object of one vCenter only."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"
