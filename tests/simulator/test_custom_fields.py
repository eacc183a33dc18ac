"""Custom fields and permissions, as pyVmomi's own client sees them."""

from collections.abc import Callable
from typing import Any

import pytest
from pyVmomi import vim, vmodl

from vcenter_simulator.accounts import READER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import service_instance

Change = Callable[[], Any]


def machine(service: Any, name: str = "web-1") -> Any:
    return service.content.searchIndex.FindByInventoryPath(f"DC0/vm/{name}")


def newest_messages(service: Any, count: int) -> list[str]:
    events = service.content.eventManager.QueryEvents(vim.event.EventFilterSpec())
    return [event.fullFormattedMessage for event in events[-count:]]


def test_the_life_of_a_custom_field(service: Any) -> None:
    manager, web = service.content.customFieldsManager, machine(service)
    field = manager.AddCustomFieldDef("owner", vim.VirtualMachine, None, None)
    assert (field.name, field.managedObjectType, field.type) == ("owner", vim.VirtualMachine, str)
    with pytest.raises(vim.fault.DuplicateName):
        manager.AddCustomFieldDef("owner", None, None, None)
    manager.SetField(web, field.key, "ops")
    assert [(each.key, each.value) for each in web.customValue] == [(field.key, "ops")]
    assert [each.value for each in web.value] == ["ops"]
    assert [each.name for each in web.availableField] == ["owner"]
    manager.RenameCustomFieldDef(field.key, "team")
    web.setCustomValue("team", "dev")
    manager.RemoveCustomFieldDef(field.key)
    assert (list(manager.field), list(web.customValue), list(web.availableField)) == ([], [], [])
    assert newest_messages(service, 5) == [
        "Created new custom field definition owner",
        "Changed custom field owner on web-1 in DC0 to ops",
        "Renamed field definition from owner to team",
        "Changed custom field team on web-1 in DC0 to dev",
        "Removed field definition team",
    ]


def test_the_event_of_a_changed_value_names_its_object_and_the_value_before(service: Any) -> None:
    manager, web = service.content.customFieldsManager, machine(service)
    key = manager.AddCustomFieldDef("owner", None, None, None).key
    pool = web.resourcePool
    for reference, value in ((web, "ops"), (web, "dev"), (pool, "ops")):
        manager.SetField(reference, key, value)
    entity = vim.event.EventFilterSpec.ByEntity(entity=pool, recursion="self")
    about_web, about_pool = (
        service.content.eventManager.QueryEvents(
            vim.event.EventFilterSpec(eventTypeId=["CustomFieldValueChangedEvent"], entity=each)
        )
        for each in (None, entity)
    )
    assert [(event.entity.entity, event.prevState) for event in about_web] == [(web, None), (web, "ops"), (pool, None)]
    assert (about_web[0].vm.vm, about_web[0].vm.name) == (web, "web-1")
    assert [event.entity.entity for event in about_pool] == [pool]


def test_a_field_of_another_type_or_of_no_definition_is_refused(service: Any) -> None:
    manager, web = service.content.customFieldsManager, machine(service)
    of_hosts = manager.AddCustomFieldDef("rack", vim.HostSystem, None, None).key
    assert list(web.availableField) == []
    changes: list[Change] = [
        lambda: manager.SetField(web, of_hosts, "1"),
        lambda: manager.SetField(web, 999, "1"),
        lambda: manager.RemoveCustomFieldDef(999),
        lambda: manager.RenameCustomFieldDef(999, "x"),
        lambda: web.setCustomValue("unknown", "1"),
    ]
    for change in changes:
        with pytest.raises(vmodl.fault.InvalidArgument):
            change()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        manager.SetField(vim.VirtualMachine("vm-999"), of_hosts, "1")


def test_the_reader_may_set_no_field(simulator: Simulator, service: Any) -> None:
    key = service.content.customFieldsManager.AddCustomFieldDef("owner", None, None, None).key
    with service_instance(simulator, READER) as reader:
        changes: list[Change] = [
            lambda: reader.content.customFieldsManager.SetField(machine(reader), key, "me"),
            lambda: machine(reader).setCustomValue("owner", "me"),
        ]
        for change in changes:
            with pytest.raises(vim.fault.NoPermission) as refused:
                change()
            assert refused.value.privilegeId == "Global.SetCustomField"


def test_permissions_stand_on_the_root_folder_and_are_inherited(service: Any) -> None:
    manager, web = service.content.authorizationManager, machine(service)
    permissions = manager.RetrieveAllPermissions()
    assert [(each.principal, each.roleId, each.propagate) for each in permissions] == [
        ("VSPHERE.LOCAL\\readonly", -2, True),
        ("VSPHERE.LOCAL\\administrator", -1, True),
    ]
    assert list(manager.RetrieveEntityPermissions(web, False)) == []
    assert len(manager.RetrieveEntityPermissions(web, True)) == 2
    assert len(service.content.rootFolder.permission) == 2
    assert [each.entity for each in manager.RetrieveRolePermissions(-1)] == [service.content.rootFolder]
