"""References to inventory objects, and the functions that provide their properties."""

from collections.abc import Callable, Iterable
from typing import Any

from vcenter_simulator.inventory import Entity
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import reference

Provider = Callable[[Vcenter, Any], Any]
"""Makes the value of a property, of a vCenter and an object."""


def ref(entity: Entity | None) -> Any:
    """The reference of an object, None for none."""
    return None if entity is None else reference(entity.type, entity.moid)


def refs(entities: Iterable[Entity]) -> list[Any]:
    """References in the same order."""
    return [ref(entity) for entity in entities]
