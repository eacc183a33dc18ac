"""Events as handlers get them: the same from every format, with the properties of their class, and samples of each."""

import importlib
import json
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from docs.tools import event_catalog
from tests.functions.json_values import JSON
from vcenter_functions import events
from vcenter_functions.cloudevent import read_event
from vcenter_functions.event import Event
from vcenter_functions.events import VmPoweredOnEvent
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.samples import SampleError, sample
from vcenter_source.core.event import Event as SourceEvent
from vcenter_source.core.event import ManagedObjectReference as SourceReference
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes, cloudevent_type, find_subject
from vcenter_source.events.codec import to_binary
from vcenter_source.events.conversion import Converter
from vcenter_source.events.formats import EventFormat
from vcenter_source.events.metadata import vsphere_type
from vcenter_source.sinks.openfaas.body import to_connector_body, to_router_event

SOURCE = "https://vcenter.test/sdk"
SENT = sorted(name for name, entry in all_classes().items() if not entry.abstract and name not in NAMED_BY_ID)


def convert(name: str, event_format: EventFormat = "vcenter", /, **properties: Any) -> CloudEvent:
    """An event of this class, as vcenter-source sends it."""
    data = sample(name, **properties)["data"]
    about = find_subject(name, data)
    created = datetime.fromisoformat(data["createdTime"])
    event = SourceEvent(name, data["key"], created, about and SourceReference(about.type, about.value), data)
    return Converter(SOURCE, "8.0.3.0", event_format).convert(event)


def receive(event: CloudEvent) -> BaseCloudEvent:
    """The event as it comes out of a request in binary mode."""
    headers, body = to_binary(event)
    return read_event({name.lower(): value for name, value in headers.items()}, body)


def test_the_catalogue_and_the_stub_are_what_pyvmomi_says() -> None:
    assert event_catalog.FILE.read_bytes() == event_catalog.render(), "run: python -m docs.tools.event_catalog"
    assert event_catalog.STUB.read_text() == event_catalog.render_stub(), "run: python -m docs.tools.event_catalog"


@pytest.mark.parametrize("name", ["VmPoweredOnEvent", "DrsVmPoweredOnEvent", "ResourcePoolCreatedEvent", "EventEx"])
def test_an_event_is_the_same_in_each_format(name: str) -> None:
    ours = convert(name)
    veba, router, flat = convert(name, "veba"), to_router_event(ours), to_connector_body(ours, "")
    expected = Event.from_cloudevent(receive(ours))
    assert (expected.name, expected.source) == (ours.get_extension("eventname"), SOURCE)
    for other in (receive(veba), receive(router)):
        event = Event.from_cloudevent(other)
        shared = ("name", "type", "ancestors", "source", "subject", "user", "message", "severity")
        assert {each: getattr(event, each) for each in shared} == {each: getattr(expected, each) for each in shared}
        assert event.data["vm" if "vm" in expected.data else "datacenter"]["name"]
    event = Event.from_cloudevent(read_event({"x-call-id": "1"}, orjson.dumps(flat)))
    assert (event.source, event.user, event.severity) == (SOURCE, expected.user, expected.severity)
    if name != "EventEx":  # of which the vcenter-connector says only that it is one
        assert (event.name, event.type, event.ancestors) == (expected.name, expected.type, expected.ancestors)
        assert event.subject == expected.subject


@given(
    data=JSON, type_=st.sampled_from(["com.vmware.event.router/event", "t", "vm.powered.on", "com.vmware.vsphere.X.v0"])
)
def test_no_event_makes_it_stumble(data: Any, type_: str) -> None:
    body = {"specversion": "1.0", "id": "1", "source": "s", "type": type_, "data": data}
    if isinstance(data, dict):
        body["data"] = {**data, "topic": type_, "managedObjectReference": {"Type": data, "Value": []}}
    event = Event.from_cloudevent(
        read_event({"content-type": "application/cloudevents+json"}, json.dumps(body).encode())
    )
    assert event.time.tzinfo is not None


def test_a_typed_event_has_the_properties_of_its_class() -> None:
    from vcenter_functions.events import AlarmStatusChangedEvent, VmMigratedEvent, VmPoweredOnEvent

    cloud_event = receive(convert("DrsVmPoweredOnEvent", **{"vm.name": "db-1"}))
    event = VmPoweredOnEvent.from_cloudevent(cloud_event)
    assert (event.vm.name, event.vm.vm) == ("db-1", ManagedObjectReference("VirtualMachine", "vm-15"))
    assert (event.template, event.host.name, event.changeTag) == (False, "esx-1", None)
    assert event.createdTime.tzinfo == UTC
    absent: Any = event.net
    assert (bool(absent), absent.name) == (False, None)
    assert getattr(event, "template") is False  # noqa: B009
    with pytest.raises(AttributeError, match="DrsVmPoweredOnEvent has no property 'vmm'"):
        getattr(event, "vmm")  # noqa: B009
    alarm = AlarmStatusChangedEvent.from_cloudevent(
        receive(convert("AlarmStatusChangedEvent", to="red", **{"from": "green"}))
    )
    assert (alarm.from_, alarm.to, alarm.source, alarm.source_.name) == ("green", "red", SOURCE, "web-1")
    assert issubclass(VmMigratedEvent, events.VmEvent)
    with pytest.raises(AttributeError, match="no event class 'VmPowerdOnEvent'"):
        getattr(events, "VmPowerdOnEvent")  # noqa: B009


def test_a_property_that_is_not_known_is_reachable() -> None:
    cloud_event = receive(convert("VmPoweredOnEvent"))
    data: Any = cloud_event.get_data()
    data["newProperty"] = {"_typeName": "NewType", "inner": 7}
    data["vm"]["other"] = "x"
    event: Any = events.VmPoweredOnEvent.from_cloudevent(cloud_event)
    assert (event.newProperty.inner, event.vm["other"], event.vm.other) == (7, "x", "x")


def test_every_class_is_there() -> None:
    assert set(dir(importlib.import_module("vcenter_functions.events"))) == set(all_classes())
    for name in all_classes():
        assert getattr(events, name).__name__ == name


def test_what_mypy_knows_of_an_event_is_so() -> None:
    """``make check`` runs mypy on this: strict as it is, it refuses an ignored error that it does not find."""
    read = sample("VmPoweredOnEvent", **{"vm.name": "web-7"})
    event = VmPoweredOnEvent.from_cloudevent(
        read_event({"content-type": "application/cloudevents+json"}, orjson.dumps(read))
    )
    name: str = event.vm.name
    assert (name.upper(), event.id) == ("WEB-7", read["id"])
    with pytest.raises(AttributeError):
        _ = event.vm.nmae  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = event.vmm  # type: ignore[attr-defined]
    with pytest.raises(TypeError):
        _ = event.vm.name + 1  # type: ignore[operator]


@pytest.mark.parametrize("name", SENT)
def test_a_sample_of_each_class_is_an_event_of_it(name: str) -> None:
    event = sample(name)
    read = Event.from_cloudevent(read_event({"content-type": "application/cloudevents+json"}, orjson.dumps(event)))
    assert (read.type, read.name, read.ancestors) == (cloudevent_type(name), name, all_classes()[name].lineage)
    declared = vsphere_type(name)
    assert declared is not None
    required = {each.name for each in declared.properties.values() if not each.optional and not each.repeated}
    assert required - {"dynamicType", "dynamicProperty"} <= set(event["data"])
    about = find_subject(name, event["data"])
    assert event.get("subject") == (str(about) if about else None)


def test_a_sample_takes_properties_and_attributes() -> None:
    event = sample(
        "VmPoweredOnEvent", {"source": SOURCE}, **{"vm.vm.value": "vm-7", "template": "true", "net.name": "n"}
    )
    assert (event["subject"], event["source"], event["partitionkey"]) == (
        "VirtualMachine:vm-7",
        SOURCE,
        "VirtualMachine:vm-7",
    )
    assert (event["data"]["template"], event["data"]["net"]["name"]) == (True, "n")
    assert sample("com.vmware.event.ex.esx.problem.x")["data"]["eventTypeId"] == "esx.problem.x"
    assert sample(events.VmMigratedEvent)["id"] != sample("com.vmware.event.vm.migrated")["id"]


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("VmPoweredOnEvent", {"vm.nam": "x"}, "vm.nam: VmEventArgument has no property 'nam'; did you mean name?"),
        ("VmPoweredOnEvent", {"template": "x"}, "template: 'x' is not of type boolean"),
        ("VmPowerdOnEvent", {}, "did you mean VmPoweredOnEvent?"),
        ("com.vmware.event.*", {}, "is not one type of event"),
    ],
)
def test_a_sample_that_cannot_be_is_refused(name: str, properties: dict[str, str], message: str) -> None:
    with pytest.raises(SampleError) as caught:
        sample(name, **properties)
    assert message in str(caught.value)
