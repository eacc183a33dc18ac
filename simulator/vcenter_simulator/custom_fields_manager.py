"""CustomFieldsManager: fields are defined, renamed, removed, and given values; each posts its event."""

from collections.abc import Callable
from typing import Any

from vcenter_simulator.call import Call
from vcenter_simulator.custom_fields import Field, FieldNameTakenError
from vcenter_simulator.events import arguments_for, entity_argument
from vcenter_simulator.inventory import Entity
from vcenter_simulator.references import Provider, ref
from vcenter_simulator.vcenter import Vcenter
from vcenter_simulator.vmomi import vim, vim_type, vmodl, wire_name


def add_field(call: Call, name: str, kind: Any, _field_policy: Any, _value_policy: Any) -> Any:
    """CustomFieldsManager.AddCustomFieldDef. Raises DuplicateName, InvalidName."""
    if not name:
        raise vim.fault.InvalidName(name=name, msg="A custom field needs a name.")
    try:
        field = call.vcenter.custom_fields.define(name, wire_name(kind) if kind else None)
    except FieldNameTakenError as exc:
        raise _duplicate(call, name) from exc
    _post(call, vim.event.CustomFieldDefAddedEvent(fieldKey=field.key, name=name))
    return _definition(field)


def rename_field(call: Call, key: int, name: str) -> None:
    """CustomFieldsManager.RenameCustomFieldDef. Raises DuplicateName, InvalidArgument."""
    old = _require_field(call, key)
    try:
        call.vcenter.custom_fields.rename(key, name)
    except FieldNameTakenError as exc:
        raise _duplicate(call, name) from exc
    _post(call, vim.event.CustomFieldDefRenamedEvent(fieldKey=key, name=old.name, newName=name))


def remove_field(call: Call, key: int) -> None:
    """CustomFieldsManager.RemoveCustomFieldDef. Raises InvalidArgument."""
    field = _require_field(call, key)
    call.vcenter.custom_fields.remove(key)
    _post(call, vim.event.CustomFieldDefRemovedEvent(fieldKey=key, name=field.name))


def set_field(call: Call, reference: Any, key: int, value: str) -> None:
    """CustomFieldsManager.SetField. Raises InvalidArgument for a field that is not there, or not for this type."""
    _set(call, call.find_entity(reference), _require_field(call, key), value)


def set_custom_value(call: Call, name: str, value: str) -> None:
    """ExtensibleManagedObject.setCustomValue: the same, with the field's name. Raises InvalidArgument."""
    for field in call.vcenter.custom_fields.all():
        if field.name == name:
            _set(call, call.target, field, value)
            return
    raise _invalid("key")


def _set(call: Call, entity: Entity, field: Field, value: str) -> None:
    if not field.applies_to(entity):
        raise _invalid("key")
    before = entity.custom_values.get(field.key)
    entity.custom_values[field.key] = value
    event = vim.event.CustomFieldValueChangedEvent(fieldKey=field.key, name=field.name, value=value, prevState=before)
    event.entity = entity_argument(entity)
    for name, argument in arguments_for(entity).items():
        setattr(event, name, argument)
    _post(call, event)


def _post(call: Call, event: Any) -> None:
    call.vcenter.events.post(event, call.user)


def _require_field(call: Call, key: int) -> Field:
    field = call.vcenter.custom_fields.get(key)
    if field is None:
        raise _invalid("key")
    return field


def _invalid(name: str) -> Any:
    return vmodl.fault.InvalidArgument(invalidProperty=name, msg=f"A specified parameter was not correct: {name}")


def _duplicate(call: Call, name: str) -> Any:
    holder = ref(call.vcenter.inventory.root)
    return vim.fault.DuplicateName(name=name, object=holder, msg=f"The name '{name}' already exists.")


def _definition(field: Field) -> Any:
    kind = vim_type(field.type) if field.type else None
    return vim.CustomFieldsManager.FieldDef(key=field.key, name=field.name, type=str, managedObjectType=kind)


def list_definitions(vcenter: Vcenter) -> list[Any]:
    """CustomFieldsManager.field."""
    return [_definition(field) for field in vcenter.custom_fields.all()]


def _available(vcenter: Vcenter, entity: Entity) -> list[Any]:
    return [_definition(field) for field in vcenter.custom_fields.all() if field.applies_to(entity)]


def _values(_vcenter: Vcenter, entity: Entity) -> list[Any]:
    values = entity.custom_values.items()
    return [vim.CustomFieldsManager.StringValue(key=key, value=value) for key, value in values]


ENTITY_PROPERTIES: dict[str, Provider] = {"availableField": _available, "value": _values, "customValue": _values}

METHODS: dict[str, Callable[..., Any]] = {
    "AddCustomFieldDef": add_field,
    "RenameCustomFieldDef": rename_field,
    "RemoveCustomFieldDef": remove_field,
    "SetField": set_field,
    "setCustomValue": set_custom_value,
}
