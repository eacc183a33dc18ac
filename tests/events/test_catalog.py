"""Catalogue: every event class has the type, topic and subject that the rules give it."""

import subprocess
import sys
from typing import Any

import pytest

from tests.events.event_types import TYPES
from vcenter_simulator.messages import concrete_classes
from vcenter_source.core.event import ManagedObjectReference
from vcenter_source.events import catalog
from vcenter_source.events.catalog import cloudevent_type, event_class, find_subject
from vcenter_source.events.metadata import vsphere_type
from vcenter_source.events.severity import derive_severity


def reference(type_: str, value: str) -> dict[str, str]:
    return {"_typeName": "ManagedObjectReference", "type": type_, "value": value}


def test_every_class_has_the_type_of_the_table() -> None:
    named_by_id = {"EventEx", "ExtendedEvent"}
    derived = {name: each.type for name, each in catalog.all_classes().items() if name not in named_by_id}
    assert derived == TYPES
    assert len(set(derived.values())) == len(derived) == 441


@pytest.mark.parametrize(
    ("class_name", "event_type_id", "expected"),
    [
        ("VmPoweredOnEvent", None, "com.vmware.event.vm.poweredon"),
        ("EventEx", "esx.audit.ssh.enabled", "com.vmware.event.ex.esx.audit.ssh.enabled"),
        ("ExtendedEvent", "com.vendor.Thing_Done-1", "com.vmware.event.ex.com.vendor.Thing_Done-1"),
        ("QuantumLinkSeveredEvent", None, "com.vmware.event.unknown.quantumlinksevered"),
        ("CustomizationSucceeded", None, "com.vmware.event.vm.customizationsucceeded"),
    ],
)
def test_cloudevent_type(class_name: str, event_type_id: str | None, expected: str) -> None:
    assert cloudevent_type(class_name, event_type_id) == expected


def test_lineage_leads_to_event() -> None:
    assert event_class("DrsVmPoweredOnEvent").lineage == ("DrsVmPoweredOnEvent", "VmPoweredOnEvent", "VmEvent", "Event")
    assert event_class("DrsVmPoweredOnEvent").family == "VmEvent"
    assert all(each.lineage[-1] == "Event" for each in catalog.all_classes().values())


def test_a_class_is_abstract_when_only_those_derived_from_it_are_sent() -> None:
    abstract = {name for name, each in catalog.all_classes().items() if each.abstract}
    assert abstract == set(catalog.all_classes()) - set(concrete_classes())
    assert {"Event", "VmEvent", "DatastoreFileEvent"} < abstract


def test_unknown_class_has_an_entry() -> None:
    made_up = event_class("FooBarEvent")
    assert (made_up.known, made_up.family, made_up.lineage) == (False, "FooBarEvent", ("FooBarEvent", "Event"))


@pytest.mark.parametrize(
    ("class_name", "topic"),
    [
        ("VmPoweredOnEvent", "vm.powered.on"),
        ("DrsVmPoweredOnEvent", "drs.vm.powered.on"),
        ("ResourcePoolCreatedEvent", "resource.pool.created"),
        ("VMFSDatastoreCreatedEvent", "vmfs.datastore.created"),
        ("DvsPortLinkUpEvent", "dvs.port.link.up"),
        ("VmFailedRelayoutOnVmfs2DatastoreEvent", "vm.failed.relayout.on.vmfs2.datastore"),
    ],
)
def test_topic(class_name: str, topic: str) -> None:
    assert event_class(class_name).topic == topic


@pytest.mark.parametrize(
    ("class_name", "path"),
    [
        ("ResourcePoolCreatedEvent", ("resourcePool", "resourcePool")),
        ("DrsVmPoweredOnEvent", ("vm", "vm")),
        ("DatastoreDiscoveredEvent", ("host", "host")),
        ("DatastoreRenamedEvent", ("datastore", "datastore")),
        ("AlarmStatusChangedEvent", ("entity", "entity")),
        ("TaskTimeoutEvent", ("info", "entity")),
        ("ClusterCreatedEvent", ("computeResource", "computeResource")),
        ("DVPortgroupCreatedEvent", ("net", "network")),
        ("DvsCreatedEvent", ("dvs", "dvs")),
        ("PermissionAddedEvent", ("entity", "entity")),
        ("ScheduledTaskStartedEvent", ("entity", "entity")),
        ("CustomFieldValueChangedEvent", ("entity", "entity")),
        ("DatacenterRenamedEvent", ("datacenter", "datacenter")),
        ("ProfileCreatedEvent", ("profile", "profile")),
        ("ExtendedEvent", ("managedObject",)),
        ("GeneralVmErrorEvent", ("vm", "vm")),
    ],
)
def test_subject_stands_on_the_first_path(class_name: str, path: tuple[str, ...]) -> None:
    assert event_class(class_name).subjects[0] == path
    data: Any = reference("Thing", "thing-1")
    for step in reversed(path):
        data = {step: data}
    assert find_subject(class_name, data) == ManagedObjectReference("Thing", "thing-1")


def test_every_known_object_of_a_family_is_declared_by_its_class() -> None:
    for name, each in catalog.all_classes().items():
        known = vsphere_type(name)
        assert known is not None
        assert {path[0] for path in each.subjects} <= set(known.properties), name


def test_a_cluster_event_without_its_cluster_is_about_nothing() -> None:
    assert find_subject("ClusterCreatedEvent", {"datacenter": {"datacenter": reference("Datacenter", "dc-1")}}) is None


def test_a_login_is_about_no_object() -> None:
    assert find_subject("UserLoginSessionEvent", {"ipAddress": "192.0.2.1"}) is None


@pytest.mark.parametrize("object_type", ["HostSystem", "vim.HostSystem"])
def test_event_ex_names_its_object(object_type: str) -> None:
    vm = {"vm": reference("VirtualMachine", "vm-1")}
    told = ManagedObjectReference("HostSystem", "host-7")
    assert find_subject("EventEx", {"objectType": object_type, "objectId": "host-7", "vm": vm}) == told
    assert find_subject("EventEx", {"vm": vm}) == ManagedObjectReference("VirtualMachine", "vm-1")


def test_unknown_class_is_about_its_most_specific_argument() -> None:
    data = {
        "datacenter": {"datacenter": reference("Datacenter", "dc-1")},
        "host": {"host": reference("HostSystem", "host-1")},
    }
    assert find_subject("QuantumEvent", data) == ManagedObjectReference("HostSystem", "host-1")


@pytest.mark.parametrize(
    "broken", [{"vm": "vm-1"}, {"vm": {"vm": "vm-1"}}, {"vm": {"vm": reference("", "")}}, {"vm": None}]
)
def test_a_broken_reference_is_no_subject(broken: dict[str, Any]) -> None:
    assert find_subject("VmPoweredOnEvent", broken) is None


@pytest.mark.parametrize(
    ("class_name", "data", "expected"),
    [
        ("VmPoweredOnEvent", {}, "INFO"),
        ("GeneralUserEvent", {}, "INFO"),
        ("HostShutdownEvent", {}, "WARN"),
        ("VmFailedToPowerOnEvent", {}, "ERROR"),
        ("MigrationWarningEvent", {}, "WARN"),
        ("EventEx", {"eventTypeId": "a.b", "severity": "error"}, "ERROR"),
        ("EventEx", {"eventTypeId": "esx.problem.x"}, "WARN"),
        ("EventEx", {"eventTypeId": "esx.problem.x", "severity": "purple"}, "WARN"),
        ("EventEx", {"eventTypeId": "vendor.backup.failed"}, "ERROR"),
    ],
)
def test_severity(class_name: str, data: dict[str, Any], expected: str) -> None:
    categories = {"HostShutdownEvent": "warning", "esx.problem.x": "warning", "GeneralUserEvent": "user"}
    assert derive_severity(class_name, data, categories) == expected


def test_importing_loads_no_types() -> None:
    code = """import vcenter_source.events.catalog as c
print(c.event_class.cache_info()[3] + c.event_lineages.cache_info()[3])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
