"""``vcenter-source sample``: a valid event of any class, in both formats, with the values that are set."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.json_schema import problems
from tests.support.processes import command
from vcenter_functions.cloudevent import read_event
from vcenter_simulator.messages import concrete_classes
from vcenter_source.commands.sample import make_sample
from vcenter_source.core.errors import ConfigurationError, PermanentError
from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes, event_class
from vcenter_source.events.codec import OrjsonFormat, parse_event
from vcenter_source.events.json_schema import event_schema
from vcenter_source.events.veba import veba_data
from vcenter_source.triggers.event_catalog import EventCatalog, subject_types
from vcenter_source.triggers.event_types import resolve_name

CATALOG = EventCatalog()
SOURCE = "https://vcenter.example.com/sdk"
WHEN = datetime(2026, 1, 31, 8, 0, 0, 500_000, tzinfo=UTC)


def sample(name: str, *assignments: str, catalog: EventCatalog = CATALOG) -> Any:
    return make_sample(catalog, name, assignments, SOURCE, WHEN)


@pytest.mark.parametrize("name", [*sorted(all_classes()), GAP_TYPE])
def test_a_sample_of_every_class_meets_its_schema_and_is_a_cloudevent(name: str) -> None:
    event = sample(name)
    root = event_schema(*resolve_name(CATALOG, name))
    assert list(problems(event.get_data(), root, root)) == []
    line = OrjsonFormat().write(event)
    read = parse_event({"content-type": "application/cloudevents+json"}, line)
    assert (read.get_id(), read.get_type(), read.get_data()) == (event.get_id(), event.get_type(), event.get_data())


@pytest.mark.parametrize("name", sorted(all_classes()))
def test_a_sample_in_the_format_of_the_event_broker_has_the_same_values(name: str) -> None:
    event, ours = sample(name, catalog=EventCatalog("veba")), sample(name)
    assert event.get_type() == f"com.vmware.vsphere.{event.get_extension('eventname')}.v0"
    assert event.get_data() == veba_data(ours.get_data())


@pytest.mark.parametrize("name", sorted(set(concrete_classes()) - NAMED_BY_ID))
def test_a_sample_is_about_an_object_of_its_class_and_has_a_message(name: str) -> None:
    event, declared = sample(name), subject_types(name)
    assert event.get_type() == event_class(name).type
    assert event.get_data()["fullFormattedMessage"]
    if len(declared) <= 2 and declared:
        assert event.get_subject(), name


@pytest.mark.parametrize("name", ["VmPoweredOnEvent", "EventEx", "UserLoginSessionEvent"])
@pytest.mark.parametrize("event_format", ["vcenter", "veba"])
def test_a_function_reads_a_sample(name: str, event_format: Any) -> None:
    line = OrjsonFormat().write(sample(name, catalog=EventCatalog(event_format)))
    read_event({"content-type": "application/cloudevents+json"}, line)


def test_the_command_prints_one_line_with_what_is_set() -> None:
    done = command("sample", "com.vmware.event.vm.poweredon", "--set", "vm.name=web-7", "--set", "vm.vm=vm-7")
    assert (done.returncode, done.stderr) == (0, "")
    event = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert event["data"]["vm"] == {
        "_typeName": "VmEventArgument",
        "name": "web-7",
        "vm": {"_typeName": "ManagedObjectReference", "type": "VirtualMachine", "value": "vm-7"},
    }
    assert (event["subject"], event["partitionkey"]) == ("VirtualMachine:vm-7", "VirtualMachine:vm-7")
    assert event["data"]["fullFormattedMessage"] == "Vm powered on: web-7 on esx-1 in DC0"
    assert event["id"] == str(event["data"]["key"])


def test_the_command_knows_the_format_of_the_event_broker_and_the_vcenter_of_the_environment() -> None:
    arguments = ("sample", "VmPoweredOnEvent", "--event-format", "veba", "--set", "Vm.Name=web-7")
    done = command(*arguments, VCENTER_URL="https://admin:secret@vc.example.com")
    event = json.loads(done.stdout)
    assert (event["type"], event["source"]) == ("com.vmware.vsphere.VmPoweredOnEvent.v0", "https://vc.example.com/sdk")
    assert event["data"]["Vm"]["Name"] == "web-7"


def test_two_samples_are_two_events() -> None:
    one, two = (json.loads(command("sample", "VmPoweredOnEvent").stdout) for _ in range(2))
    assert one["id"] != two["id"]


@pytest.mark.parametrize("name", ["Ping", PING_TYPE, "Gap", GAP_TYPE])
def test_the_adapters_own_events_have_samples_too(name: str) -> None:
    assert sample(name).get_type() in {PING_TYPE, GAP_TYPE}
    with pytest.raises(ConfigurationError, match="no data of vCenter to set"):
        sample(name, "vm.name=x")


@pytest.mark.parametrize(
    ("name", "class_name", "event_type_id"),
    [
        ("com.vmware.event.ex.esx.audit.ssh.enabled", "EventEx", "esx.audit.ssh.enabled"),
        ("EventEx", "EventEx", "com.vmware.vc.vm.VmStateRevertedToSnapshot"),
        ("ExtendedEvent", "ExtendedEvent", "com.vmware.vc.vm.VmStateRevertedToSnapshot"),
    ],
)
def test_an_event_type_id_is_the_name_of_an_eventex(name: str, class_name: str, event_type_id: str) -> None:
    event = sample(name, "vm.vm=vm-7", "vm.name=web-7") if class_name == "EventEx" else sample(name)
    assert event.get_data()["_typeName"] == class_name
    assert event.get_type() == f"com.vmware.event.ex.{event_type_id}"
    if class_name == "EventEx":
        assert (event.get_subject(), event.get_data()["objectName"]) == ("VirtualMachine:vm-7", "web-7")


@pytest.mark.parametrize(
    ("name", "assignment", "path", "value"),
    [
        ("VmPoweredOnEvent", "key=7", ["key"], 7),
        ("VmPoweredOnEvent", "template=TRUE", ["template"], True),
        ("VmPoweredOnEvent", "userName=a=b", ["userName"], "a=b"),
        ("VmPoweredOnEvent", "createdTime=2026-01-01T00:00:00+01:00", ["createdTime"], "2026-01-01T00:00:00+01:00"),
        ("UserLoginSessionEvent", "host.name=esx-9", ["host", "name"], "esx-9"),
        ("VmReconfiguredEvent", "configSpec.numCPUs=4", ["configSpec", "numCPUs"], 4),
        ("VmFailedToPowerOnEvent", "reason.faultstring=no", ["reason", "faultstring"], "no"),
        ("TaskEvent", "info.entity=HostSystem:host-3", ["info", "entity", "type"], "HostSystem"),
        ("EventEx", "arguments.key=k", ["arguments", 0, "key"], "k"),
        ("EventEx", "arguments.value=v", ["arguments", 0, "value"], {"_typeName": "string", "_value": "v"}),
        ("VmPoweredOnEvent", "vm.vm.value=vm-9", ["vm", "vm", "value"], "vm-9"),
        ("HostWwnChangedEvent", "newNodeWwns=5", ["newNodeWwns"], [5]),
    ],
)
def test_a_value_of_each_kind_is_set_and_the_event_stays_valid(
    name: str, assignment: str, path: list[str | int], value: Any
) -> None:
    data = event_data = sample(name, assignment).get_data()
    for step in path:
        data = data[step]
    assert data == value
    root = event_schema(*resolve_name(CATALOG, name))
    assert list(problems(event_data, root, root)) == []


@pytest.mark.parametrize(
    ("assignment", "said"),
    [
        ("vm.nam=x", "VmEventArgument has no property nam; did you mean name?"),
        ("xyz=x", "VmPoweredOnEvent has no property xyz; it has key, "),
        ("vm=x", "vm is an object; set one of its properties: name, vm"),
        ("key=x", "key has to be a whole number"),
        ("template=x", "template has to be true or false"),
        ("createdTime=2026-01-01", "createdTime has to be a time such as"),
        ("userName.x=1", "userName is not an object"),
        ("vm", "write a property and its value, such as vm.name=web-1"),
        ("=x", "write a property and its value, such as vm.name=web-1"),
    ],
)
def test_what_cannot_be_set_is_named_in_one_line_with_exit_code_2(assignment: str, said: str) -> None:
    done = command("sample", "VmPoweredOnEvent", "--set", assignment)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(f"vcenter-source: --set {assignment}: {said}")


def test_an_unknown_type_names_the_nearest_and_a_wrong_source_is_a_wrong_option() -> None:
    with pytest.raises(PermanentError, match="did you mean VmPoweredOnEvent"):
        sample("VmPoweredOmEvent")
    done = command("sample", "VmPoweredOnEvent", "--source", "ftp://x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("vcenter-source: --source: not an address")
