"""``vcenter.attributes``: custom attributes of an object, by name."""

from typing import Any

from vcenter_functions.errors import VcenterRefusedError
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.soap import Soap
from vcenter_functions.vcenter.tags import Reference, require_object


class Attributes:
    """Custom attributes. vCenter knows them by number, so the numbers are kept."""

    def __init__(self, soap: Soap, tracing: Tracing) -> None:
        self._soap = soap
        self._tracing = tracing
        self._keys: dict[tuple[str, str], int] = {}
        """The number of an attribute, by the type of object and its name."""

    async def get(self, reference: Reference) -> dict[str, str]:
        """Return the values that an object has, by the names of the attributes."""
        target = require_object(reference)
        with self._tracing.step_span("get attributes", {}, target):
            return await self._soap(lambda content: _read_values(content, target))

    async def set(self, reference: Reference, name: str, value: str) -> None:
        """Give an object a value; the empty one takes it away. An attribute that is missing is created, for every type.

        This needs the privilege Global.SetCustomField, and to create it Global.ManageCustomFields.
        """
        target = require_object(reference)
        with self._tracing.step_span("set attribute", {"vsphere.attribute": name}, target):
            await self._soap(lambda content: self._set(content, target, name, value))

    def _set(self, content: Any, target: ManagedObjectReference, name: str, value: str) -> None:
        from pyVmomi import vmodl

        from vcenter_functions.vcenter.objects import to_managed_object

        entity = to_managed_object(content, target)
        known = self._keys.get((target.type, name))
        if known is not None:
            try:
                content.customFieldsManager.SetField(entity, known, value)
            except vmodl.fault.InvalidArgument:  # it was deleted, and perhaps created anew
                del self._keys[target.type, name]
            else:
                return
        key = self._find_key(content, target, name)
        content.customFieldsManager.SetField(entity, key, value)
        self._keys[target.type, name] = key

    def _find_key(self, content: Any, target: ManagedObjectReference, name: str) -> int:
        from vcenter_functions.vcenter.objects import create_field, find_field_key

        key = find_field_key(content, target, name)
        if key is None:
            key = create_field(content, name)
        if key is None:  # another replica was quicker
            key = find_field_key(content, target, name)
        if key is None:
            raise VcenterRefusedError(f"the custom attribute {name!r} is not for objects of type {target.type}")
        return key


def _read_values(content: Any, target: ManagedObjectReference) -> dict[str, str]:
    from vcenter_functions.vcenter.objects import read_properties

    properties = read_properties(content, target, ("availableField", "customValue"))
    names = {field["key"]: field["name"] for field in properties["availableField"] or []}
    values = properties["customValue"] or []
    return {names[each["key"]]: each["value"] for each in values if each["key"] in names and each.get("value")}
