"""What handlers do with an object over SOAP, in plain values. Imports pyVmomi."""

from collections.abc import Iterable
from typing import Any

from pyVmomi import VmomiSupport, vim, vmodl

from vcenter_functions.errors import NotFoundError, PermanentError
from vcenter_functions.reference import ManagedObjectReference

_vmomi: Any = VmomiSupport  # it has no types of its own
_ManagedObject: Any = _vmomi.ManagedObject


def to_managed_object(content: Any, reference: ManagedObjectReference) -> Any:
    """Return pyVmomi's object for a reference. Raises PermanentError for a type that vSphere does not have."""
    try:
        kind = _vmomi.GetWsdlType("urn:vim25", reference.type)
    except KeyError:
        kind = None
    if kind is None or not issubclass(kind, _ManagedObject):
        raise PermanentError(f"vSphere has no objects of type {reference.type}")
    return kind(reference.value, content.propertyCollector._stub)  # noqa: SLF001  the one way to it


def read_properties(content: Any, reference: ManagedObjectReference, names: Iterable[str]) -> dict[str, Any]:
    """Return some properties of an object in one call; one that is not set is None.

    Raises vmodl.query.InvalidProperty for one that its type does not have.
    """
    target, wanted = to_managed_object(content, reference), list(names)
    collector = vmodl.query.PropertyCollector
    spec = collector.FilterSpec(
        propSet=[collector.PropertySpec(type=type(target), pathSet=wanted)],
        objectSet=[collector.ObjectSpec(obj=target)],
    )
    result = content.propertyCollector.RetrievePropertiesEx([spec], collector.RetrieveOptions())
    if result is None or not result.objects:
        raise NotFoundError(f"vCenter has no object {reference}")
    values = {each.name: to_plain(each.val) for each in result.objects[0].propSet}
    return {name: values.get(name) for name in wanted}


def to_plain(value: Any) -> Any:
    """Return a value without pyVmomi's classes: a data object is a dict, an object of the inventory its reference."""
    if isinstance(value, _ManagedObject):
        return ManagedObjectReference(_vmomi.GetWsdlName(type(value)), value._GetMoId())  # noqa: SLF001
    if isinstance(value, vmodl.DynamicData):
        return {name: to_plain(inner) for name, inner in _members(value) if inner not in (None, [])}
    if isinstance(value, list):
        return [to_plain(inner) for inner in value]
    if isinstance(value, type):  # a type's name
        return _vmomi.GetWsdlName(value)
    return next((kind(value) for kind in (bool, str, int, float) if isinstance(value, kind)), value)


def _members(value: Any) -> Iterable[tuple[str, Any]]:
    return ((each.name, getattr(value, each.name)) for each in value._GetPropertyList())  # noqa: SLF001


def find_field_key(content: Any, reference: ManagedObjectReference, name: str) -> int | None:
    """Return the key of the custom attribute of this name that an object can have; None for none."""
    kind = type(to_managed_object(content, reference))
    for field in content.customFieldsManager.field or []:
        if field.name == name and issubclass(kind, field.managedObjectType or _ManagedObject):
            return int(field.key)
    return None


def create_field(content: Any, name: str) -> int | None:
    """Create a custom attribute for every type of object; None if one of its name was there before."""
    try:
        return int(content.customFieldsManager.AddCustomFieldDef(name, None, None, None).key)
    except vim.fault.DuplicateName:
        return None
