"""CloudEvents: attributes and data in both formats, and through the SDK's bindings unchanged."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import pyvmomi_page as pyvmomi
from tests.support.pyvmomi_page import page, support, vim
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events import catalog
from vcenter_source.events.codec import OrjsonFormat, write_binary
from vcenter_source.events.conversion import Converter, ordering_key
from vcenter_source.events.veba import veba_data
from vcenter_source.vcenter.decode import decode_page

WHEN = datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)
VCENTER = Converter(source="https://vc.example.com/sdk", api_version="8.0.3.0")
VEBA = replace(VCENTER, event_format="veba")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SAFE = re.compile(r"[!-~]+")


def pool_created(**changes: Any) -> Event:
    reference = {"_typeName": "ManagedObjectReference", "type": "ResourcePool", "value": "resgroup-9"}
    argument = {"_typeName": "ResourcePoolEventArgument", "name": "rp", "resourcePool": reference}
    data = {"_typeName": "ResourcePoolCreatedEvent", "key": 4711, "resourcePool": argument}
    event = Event("ResourcePoolCreatedEvent", 4711, WHEN, ManagedObjectReference("ResourcePool", "resgroup-9"), data)
    return replace(event, **changes)


def event_ex(class_name: str = "EventEx", event_type_id: str = "esx.audit.ssh.enabled", **data: Any) -> Event:
    shape = {"_typeName": class_name, "key": 1, "eventTypeId": event_type_id, **data}
    return Event(class_name, 1, WHEN, catalog.find_subject(class_name, shape), shape)


def login() -> Event:
    return Event("UserLoginSessionEvent", 2, WHEN, None, {"_typeName": "UserLoginSessionEvent", "key": 2})


def test_attributes_of_an_event() -> None:
    event = pool_created()
    made = VCENTER.convert(event, TRACE, "vendor=1, other=2")
    assert made.get_attributes() == {
        "specversion": "1.0",
        "id": "4711",
        "source": "https://vc.example.com/sdk",
        "type": "com.vmware.event.resourcepool.created",
        "subject": "ResourcePool:resgroup-9",
        "time": WHEN,
        "datacontenttype": "application/json",
        "eventclass": "event",
        "eventname": "ResourcePoolCreatedEvent",
        "eventancestors": "ResourcePoolCreatedEvent,ResourcePoolEvent,Event",
        "severitytext": "INFO",
        "vsphereapiversion": "8.0.3.0",
        "partitionkey": "ResourcePool:resgroup-9",
        "traceparent": TRACE,
        "tracestate": "vendor=1,other=2",
    }
    assert made.get_data() == event.data


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            event_ex(),
            {
                "type": "com.vmware.event.ex.esx.audit.ssh.enabled",
                "eventclass": "eventex",
                "eventname": "esx.audit.ssh.enabled",
                "eventancestors": "EventEx,Event",
                "partitionkey": "EventEx",
            },
        ),
        (
            event_ex(objectType="HostSystem", objectId="host-1", severity="error"),
            {"subject": "HostSystem:host-1", "partitionkey": "HostSystem:host-1", "severitytext": "ERROR"},
        ),
        (event_ex("EventEx", ""), {"type": "com.vmware.event.event.ex", "eventname": "EventEx"}),
        (
            event_ex("ExtendedEvent", "com.vendor.done"),
            {
                "type": "com.vmware.event.ex.com.vendor.done",
                "eventclass": "extendedevent",
                "eventancestors": "ExtendedEvent,GeneralEvent,Event",
            },
        ),
        (
            Event("QuantumEvent", -3, WHEN, None, {"key": -3}),
            {
                "id": "-3",
                "type": "com.vmware.event.unknown.quantum",
                "eventclass": "event",
                "eventancestors": "QuantumEvent,Event",
                "partitionkey": "QuantumEvent",
            },
        ),
        (login(), {"type": "com.vmware.event.session.userlogin", "partitionkey": "SessionEvent"}),
    ],
)
def test_attributes_of_each_kind(event: Event, expected: dict[str, str]) -> None:
    attributes = VCENTER.convert(event).get_attributes()
    assert {name: attributes.get(name) for name in expected} == expected


def test_what_is_not_there_is_absent() -> None:
    assert not {"subject", "traceparent", "tracestate"} & set(VCENTER.convert(login()).get_attributes())


def test_veba_type_is_the_name() -> None:
    assert VEBA.convert(pool_created()).get_type() == "com.vmware.vsphere.ResourcePoolCreatedEvent.v0"
    assert VEBA.convert(event_ex()).get_type() == "com.vmware.vsphere.esx.audit.ssh.enabled.v0"
    assert VEBA.convert(event_ex()).get_extension("eventclass") == "eventex"
    assert VEBA.kind_of(event_ex()).type == "com.vmware.vsphere.esx.audit.ssh.enabled.v0"


def test_severity_comes_from_vcenters_category() -> None:
    converter = replace(VCENTER, categories={"ResourcePoolCreatedEvent": "warning"})
    assert converter.convert(pool_created()).get_extension("severitytext") == "WARN"


def test_overrides_win_over_extensions_and_touch_nothing_else() -> None:
    converter = replace(VCENTER, overrides={"severitytext": "LOUD", "site": "b\u00fcro 1", "time": "never", "id": "0"})
    attributes = converter.convert(pool_created()).get_attributes()
    assert attributes["severitytext"] == "LOUD"
    assert attributes["site"] == "b_ro_1"
    assert (attributes["time"], attributes["id"]) == (WHEN, "4711")


@given(
    overrides=st.dictionaries(
        st.sampled_from(["eventname", "partitionkey", "severitytext", "own", "traceparent"]), st.text()
    ),
    trace=st.sampled_from([(None, None), (TRACE, None), (TRACE, "vendor=1, other=2")]),
    event=st.sampled_from([pool_created(), event_ex(), event_ex("EventEx", "ä b%"), login()]),
    event_format=st.sampled_from(["vcenter", "veba"]),
)
def test_header_lines_are_binary_mode(
    overrides: dict[str, str],
    trace: tuple[str | None, str | None],
    event: Event,
    event_format: Literal["vcenter", "veba"],
) -> None:
    converter = replace(VCENTER, source="https://ä b/sdk", overrides=overrides, event_format=event_format)
    made = converter.convert(event, *trace)
    lines, others, body = write_binary(made)
    headers = dict(line.split(": ", 1) for line in lines.split("\r\n")[:-1])
    assert (headers, others, body) == (
        to_binary(made, OrjsonFormat()).headers,
        {},
        to_binary(made, OrjsonFormat()).body,
    )
    assert lines.count("\r\n") == len(headers)


def test_converting_changes_neither_the_event_nor_the_converter() -> None:
    overrides = {"site": "a"}
    event = pool_created()
    before = json.dumps(event.data)
    replace(VEBA, overrides=overrides).convert(event)
    assert (json.dumps(event.data), overrides) == (before, {"site": "a"})


@pytest.mark.parametrize("state", ["a=b c", 'a="b"', "a=%20", "a=\u00fc"])
def test_a_tracestate_that_no_header_can_carry_is_left_out(state: str) -> None:
    assert "tracestate" not in VCENTER.convert(pool_created(), TRACE, state).get_attributes()


@given(text=st.text(min_size=1), value=st.text(min_size=1))
def test_attributes_are_what_a_header_and_a_filter_can_take(text: str, value: str) -> None:
    event = event_ex("EventEx", text, objectType=text, objectId=value)
    for converter in (VCENTER, VEBA):
        attributes = converter.convert(event, TRACE).get_attributes()
        assert CloudEvent(dict(attributes), {}).get_attributes() == attributes, "the SDK finds nothing wrong with them"
        for name, attribute in attributes.items():
            assert re.fullmatch(r"[a-z0-9]{1,20}", name)
            if name != "time":
                assert SAFE.fullmatch(attribute)
                assert not set(' "%') & set(attribute)


def test_ordering_key_is_the_object_or_the_family() -> None:
    assert ordering_key(pool_created()) == "ResourcePool:resgroup-9"
    assert ordering_key(login()) == "SessionEvent"


def test_events_that_no_schema_fits_convert_all_the_same() -> None:
    odd: dict[str, Any] = {"_typeName": "X", "eventTypeId": ["a", "b"], "vm": "vm", "host": [{"a": {"_value": [1]}}]}
    for class_name in ("X", "EventEx", "VmPoweredOnEvent", "Event"):
        for converter in (VCENTER, VEBA):
            made = converter.convert(Event(class_name, 1, WHEN, None, odd))
            assert json.loads(OrjsonFormat().write(made))["data"]


# --- data in the event broker's shape ---------------------------------------------------------------------------------

DATA = Path(__file__).parents[1] / "data"
NAMELESS = {"Datacenter", "ComputeResource", "Host", "Vm", "Ds", "Net", "Dvs"}


def veba_of(made: Any) -> dict[str, Any]:
    (event,) = decode_page(page(made))
    data = VEBA.convert(event).get_data()
    assert isinstance(data, dict)
    return data


def test_veba_data_as_go_wrote_it() -> None:
    made = vim.event.VmPoweredOnEvent(key=7, chainId=6, createdTime=WHEN, userName="root", template=False)
    made.vm = vim.event.VmEventArgument(name="web-1", vm=vim.VirtualMachine("vm-42"))
    made.fullFormattedMessage = "web-1 is powered on"
    assert veba_of(made) == {
        "Key": 7,
        "ChainId": 6,
        "CreatedTime": "2026-11-22T10:00:00.123456Z",
        "UserName": "root",
        "Datacenter": None,
        "ComputeResource": None,
        "Host": None,
        "Vm": {"Name": "web-1", "Vm": {"Type": "VirtualMachine", "Value": "vm-42"}},
        "Ds": None,
        "Net": None,
        "Dvs": None,
        "FullFormattedMessage": "web-1 is powered on",
        "ChangeTag": "",
        "Template": False,
        "Tgw": None,  # these two came with vSphere 9
        "AuditId": "",
    }


def test_veba_data_has_all_that_govmomi_writes() -> None:
    """veba-page.json is what Go's encoding/json made of the events in veba-page.xml, decoded by govmomi 0.24.0."""
    expected = json.loads((DATA / "veba-page.json").read_text())
    events = decode_page((DATA / "veba-page.xml").read_bytes())
    assert len(events) == len(expected) == 16
    for event, told in zip(events, expected, strict=True):
        assert within(told, VEBA.convert(event).get_data()) == told, event.class_name


def within(told: Any, made: Any) -> Any:
    """What was made, without the fields that govmomi did not have at the time."""
    if isinstance(told, dict) and isinstance(made, dict):
        return {name: within(value, made.get(name, "missing")) for name, value in told.items()}
    if isinstance(told, list) and isinstance(made, list) and len(told) == len(made):
        return [within(*pair) for pair in zip(told, made, strict=True)]
    return made


def test_veba_integers_whose_0_would_be_a_wrong_statement_are_null_where_unset() -> None:
    """What is a pointer in govmomi's types.go (0.24.0) of all that an event can hold; its other integers are 0."""
    allocation = {"_typeName": "ResourceAllocationInfo", "reservation": 500}
    device = {"_typeName": "VirtualDisk", "key": 2000}
    change = {"_typeName": "VirtualDeviceConfigSpec", "device": device}
    spec = {"_typeName": "VirtualMachineConfigSpec", "cpuAllocation": allocation, "deviceChange": [change]}
    data = veba_data({"_typeName": "VmReconfiguredEvent", "key": 1, "configSpec": spec})["ConfigSpec"]
    assert data["CpuAllocation"] == {
        "Reservation": 500, "ExpandableReservation": None, "Limit": None, "Shares": None, "OverheadLimit": None
    }  # fmt: skip
    found = data["DeviceChange"][0]["Device"]
    assert (found["UnitNumber"], found["ControllerKey"], found["CapacityInKB"]) == (None, 0, 0)
    assert (data["NumCPUs"], data["MemoryMB"]) == (0, 0)
    traffic = veba_data({"_typeName": "DvsHostInfrastructureTrafficResourceAllocation"})
    assert (traffic["Limit"], traffic["Reservation"]) == (None, None)


def test_veba_any_values_are_plain() -> None:
    key_value = support.GetVmodlType("vmodl.KeyAnyValue")
    values = [value for value, _ in zip(pyvmomi.any_values(), range(20), strict=False)]
    made = vim.event.EventEx(key=7, chainId=6, createdTime=WHEN, userName="root", eventTypeId="a.b")
    made.arguments = [key_value(key="k", value=value) for value in values]
    plain = [argument["Value"] for argument in veba_of(made)["Arguments"]]
    assert plain[:3] == ["text", 7, 1 << 40]
    assert plain[10] == {"Type": "VirtualMachine", "Value": "vm-any"}
    assert plain[12] == {"String": ["a", "b"]}
    assert plain[14]["ManagedObjectReference"][0] == {"Type": "HostSystem", "Value": "host-1"}
    assert plain[17] == {"AnyType": ["mixed", 3]}
    assert plain[18] == {"Key": "nested", "Value": 2}
    assert plain[19]["LocalizedMessage"] == "wrong state"


def test_veba_faults_are_wrapped() -> None:
    made = vim.event.VmFailedToPowerOnEvent(key=7, chainId=6, createdTime=WHEN, userName="root", template=False)
    made.reason = vim.fault.InvalidPowerState(existingState="poweredOn")
    made.reason.msg = "wrong state"
    assert veba_of(made)["Reason"] == {
        "Fault": {"FaultCause": None, "FaultMessage": None, "RequestedState": "", "ExistingState": "poweredOn"},
        "LocalizedMessage": "wrong state",
    }


def test_veba_data_of_an_unknown_class_has_the_fields_of_every_event() -> None:
    data = VEBA.convert(
        Event("QuantumEvent", 1, WHEN, None, {"_typeName": "QuantumEvent", "key": 1, "spin": "up"})
    ).get_data()
    assert isinstance(data, dict)
    assert data["Key"] == 1
    assert data["Spin"] == "up"
    assert data["FullFormattedMessage"] == data["UserName"] == data["ChangeTag"] == ""
    assert {name for name in NAMELESS if data[name] is None} == NAMELESS


# --- the SDK's bindings -----------------------------------------------------------------------------------------------


def full_event(name: str) -> Event:
    (event,) = decode_page(page(pyvmomi.Filler().object(support.GetWsdlType("urn:vim25", name), depth=3)))
    return event


@settings(max_examples=200)
@given(
    name=st.sampled_from(sorted(catalog.all_classes())),
    key=st.integers(-(2**31), 2**31 - 1),
    created=st.datetimes(timezones=st.just(UTC)),
    event_format=st.sampled_from(["vcenter", "veba"]),
)
def test_a_cloudevent_survives_the_sdk(
    name: str, key: int, created: datetime, event_format: Literal["vcenter", "veba"]
) -> None:
    event = replace(full_event(name), key=key, created=created)
    survives(replace(VCENTER, event_format=event_format).convert(event, TRACE, "a=b"))


@pytest.mark.parametrize("converter", [VCENTER, VEBA])
def test_every_class_survives_the_sdk(converter: Converter) -> None:
    for name in catalog.all_classes():
        survives(converter.convert(full_event(name), TRACE))


def survives(sent: CloudEvent) -> None:
    binary = to_binary(sent, OrjsonFormat())
    headers = {name.title(): value for name, value in binary.headers.items()}  # as servers change them
    structured = to_structured(sent, OrjsonFormat())
    for received in (
        from_binary(HTTPMessage(headers, binary.body), JSONFormat()),
        from_structured(structured, JSONFormat()),
    ):
        assert received.get_attributes() == sent.get_attributes()
        assert received.get_data() == sent.get_data()


def test_orjson_writes_what_the_sdk_writes() -> None:
    sent = VCENTER.convert(pool_created(), TRACE)
    assert json.loads(OrjsonFormat().write(sent)) == json.loads(JSONFormat().write(sent))
    for data in (b"raw", "text", None):
        attributes = {"type": "t", "source": "s", "id": "1", "datacontenttype": "text/plain", "time": WHEN}
        other = CloudEvent(attributes, data)
        assert OrjsonFormat().write(other) == JSONFormat().write(other)
        assert OrjsonFormat().write_data(data, "text/plain") == JSONFormat().write_data(data, "text/plain")
