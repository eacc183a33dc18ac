"""Catalogue: every event class has the type, topic and subject that the rules give it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from adapter import catalog
from adapter.catalog import TypeFilter, cloudevent_type, event_class, severity, subject
from adapter.errors import ConfigurationError
from adapter.event import ManagedObjectReference

TYPES: dict[str, str] = json.loads((Path(__file__).parent / "data" / "event-types.json").read_text())


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
    assert subject(class_name, data) == ManagedObjectReference("Thing", "thing-1")


def test_every_known_object_of_a_family_is_declared_by_its_class() -> None:
    for name, each in catalog.all_classes().items():
        known = catalog.schema(name)
        assert known is not None
        assert {path[0] for path in each.subjects} <= set(known.properties), name


def test_a_cluster_event_without_its_cluster_is_about_nothing() -> None:
    assert subject("ClusterCreatedEvent", {"datacenter": {"datacenter": reference("Datacenter", "dc-1")}}) is None


def test_a_login_is_about_no_object() -> None:
    assert subject("UserLoginSessionEvent", {"ipAddress": "192.0.2.1"}) is None


@pytest.mark.parametrize("object_type", ["HostSystem", "vim.HostSystem"])
def test_event_ex_names_its_object(object_type: str) -> None:
    vm = {"vm": reference("VirtualMachine", "vm-1")}
    told = ManagedObjectReference("HostSystem", "host-7")
    assert subject("EventEx", {"objectType": object_type, "objectId": "host-7", "vm": vm}) == told
    assert subject("EventEx", {"vm": vm}) == ManagedObjectReference("VirtualMachine", "vm-1")


def test_unknown_class_is_about_its_most_specific_argument() -> None:
    data = {
        "datacenter": {"datacenter": reference("Datacenter", "dc-1")},
        "host": {"host": reference("HostSystem", "host-1")},
    }
    assert subject("QuantumEvent", data) == ManagedObjectReference("HostSystem", "host-1")


@pytest.mark.parametrize(
    "broken", [{"vm": "vm-1"}, {"vm": {"vm": "vm-1"}}, {"vm": {"vm": reference("", "")}}, {"vm": None}]
)
def test_a_broken_reference_is_no_subject(broken: dict[str, Any]) -> None:
    assert subject("VmPoweredOnEvent", broken) is None


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
    assert severity(class_name, data, categories) == expected


def accepts(patterns: tuple[str, ...], class_name: str, event_type_id: str | None = None) -> bool:
    return TypeFilter(patterns).accepts(
        class_name, event_type_id or class_name, cloudevent_type(class_name, event_type_id)
    )


def test_no_pattern_accepts_all_and_filters_nothing_in_vcenter() -> None:
    assert accepts((), "VmPoweredOnEvent")
    assert TypeFilter().exact_names() is None


@pytest.mark.parametrize(
    "pattern", ["VmPoweredOnEvent", "com.vmware.event.vm.poweredon", "com.vmware.event.vm.*", "Vm*On*", "*"]
)
def test_accepts(pattern: str) -> None:
    assert accepts((pattern,), "VmPoweredOnEvent")
    assert accepts(("HostAddedEvent", pattern), "VmPoweredOnEvent")


@pytest.mark.parametrize(
    "pattern", ["vm*", "VmPoweredOffEvent", "com.vmware.event.vm.p?weredon2", "com.vmware.event.host.*"]
)
def test_refuses(pattern: str) -> None:
    assert not accepts((pattern,), "VmPoweredOnEvent")


@pytest.mark.parametrize("pattern", ["com.vmware.event.vm.poweredon", "com.vmware.vsphere.VmPoweredOnEvent.v0"])
@pytest.mark.parametrize("type_", ["com.vmware.event.vm.poweredon", "com.vmware.vsphere.VmPoweredOnEvent.v0"])
def test_a_type_of_either_format_is_accepted_in_both(pattern: str, type_: str) -> None:
    assert TypeFilter((pattern,)).accepts("VmPoweredOnEvent", "VmPoweredOnEvent", type_)


def test_event_type_ids_match_as_name_and_as_type() -> None:
    assert accepts(("esx.audit.*",), "EventEx", "esx.audit.ssh.enabled")
    assert accepts(("com.vmware.event.ex.esx.audit.ssh.enabled",), "EventEx", "esx.audit.ssh.enabled")
    assert accepts(("EventEx",), "EventEx", "esx.audit.ssh.enabled")
    assert not accepts(("esx.audit.*",), "EventEx", "esx.problem.x")


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        (("VmPoweredOnEvent", "HostAddedEvent"), ["VmPoweredOnEvent", "HostAddedEvent"]),
        (("com.vmware.event.vm.poweredon",), ["VmPoweredOnEvent"]),
        (("com.vmware.event.ex.esx.audit.ssh.enabled",), ["esx.audit.ssh.enabled"]),
        (("vprob.vmfs.heartbeat.timedout",), ["vprob.vmfs.heartbeat.timedout"]),
        (("com.vmware.vsphere.VmPoweredOnEvent.v0",), ["VmPoweredOnEvent"]),
        (("VmPoweredOnEvent", "com.vmware.event.host.*"), None),
        (("EventEx",), None),
        (("com.vmware.event.unknown.quantum",), None),
    ],
)
def test_exact_names(patterns: tuple[str, ...], names: list[str] | None) -> None:
    assert TypeFilter(patterns).exact_names() == names


def test_every_class_maps_back_from_its_type() -> None:
    for name, type_ in TYPES.items():
        assert TypeFilter((type_,)).exact_names() == [name]


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [
        ("VmPowerdOnEvent", "VmPoweredOnEvent"),
        ("com.vmware.event.vm.powerdon", "com.vmware.event.vm.poweredon"),
        ("com.vmware.vsphere.VmPowerdOnEvent.v0", "EVENT_TYPES"),
        ("zzz", "name a CloudEvents type"),
        ("", "EVENT_TYPES"),
    ],
)
def test_a_pattern_that_names_nothing_is_a_wrong_setting(pattern: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match="EVENT_TYPES") as raised:
        TypeFilter((pattern,))
    assert hint in str(raised.value)


def test_importing_loads_no_types() -> None:
    code = "import adapter.catalog as c; print(c.event_class.cache_info().currsize + c.schema.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "0\n"
