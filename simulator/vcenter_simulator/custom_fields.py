"""Custom fields (the vSphere Client calls them custom attributes): which are defined. Pure state.

The values of an object stand at the object, by the key of their field.
"""

from dataclasses import dataclass, replace

from vcenter_simulator.inventory import Entity, Inventory

_FIRST_KEY = 101


@dataclass(frozen=True, slots=True)
class Field:
    """The definition of a field; without a ``type`` (its name on the wire) every object may have a value in it."""

    key: int
    name: str
    type: str | None = None

    def applies_to(self, entity: Entity) -> bool:
        """Whether an object may have a value in this field."""
        return self.type in (None, entity.type)


class FieldNameTakenError(Exception):
    """Another field has the name."""


class CustomFields:
    """The fields by their keys."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory
        self._number = _FIRST_KEY
        self._fields: dict[int, Field] = {}

    def all(self) -> list[Field]:
        """Every field, in the order of defining."""
        return list(self._fields.values())

    def get(self, key: int) -> Field | None:
        """The field with this key, None where there is none."""
        return self._fields.get(key)

    def define(self, name: str, type: str | None) -> Field:  # noqa: A002  the definition's own word
        """Define a field. Raises FieldNameTakenError."""
        self._refuse_name(name)
        field = self._fields[self._number] = Field(self._number, name, type)
        self._number += 1
        return field

    def rename(self, key: int, name: str) -> None:
        """Raises FieldNameTakenError, KeyError."""
        if self._fields[key].name != name:
            self._refuse_name(name)
        self._fields[key] = replace(self._fields[key], name=name)

    def remove(self, key: int) -> None:
        """Remove a field; no object has a value in it any more. Raises KeyError."""
        del self._fields[key]
        for entity in self._inventory.objects.values():
            entity.custom_values.pop(key, None)

    def _refuse_name(self, name: str) -> None:
        if any(field.name == name for field in self._fields.values()):
            raise FieldNameTakenError(name)
