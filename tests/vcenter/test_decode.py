"""Decoder: the same values as pyVmomi's for every event class, and nothing lost where pyVmomi gives up."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import pyvmomi_page as pyvmomi
from tests.support.pyvmomi_page import envelope, page, support, vim
from vcenter_source.core.errors import VcenterUnavailableError
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.events import catalog
from vcenter_source.vcenter import decode
from vcenter_source.vcenter.decode import decode_wait, fault_message, fault_name


def decode_page(xml: bytes) -> list[Event]:
    return list(decode.decode_page(xml))


UNKNOWN = (Path(__file__).parents[1] / "data" / "page-unknown.xml").read_bytes()


@pytest.mark.parametrize("name", sorted(catalog.all_classes()))
def test_every_class_reads_as_pyvmomi_reads_it(name: str) -> None:
    made = pyvmomi.Filler().object(support.GetWsdlType("urn:vim25", name), depth=4)
    xml = page(made, made)
    expected = pyvmomi.read(xml)
    decoded = decode_page(xml)
    assert [event.data for event in decoded] == [pyvmomi.vijson(each) for each in expected]
    assert decoded[0].class_name == name
    assert (decoded[0].key, decoded[0].created) == (expected[0].key, expected[0].createdTime)


def test_every_shape_of_an_any_value_is_boxed_as_vijson_does() -> None:
    key_value = support.GetVmodlType("vmodl.KeyAnyValue")
    values = [value for value, _ in zip(pyvmomi.any_values(), range(20), strict=False)]
    made = pyvmomi.Filler().object(vim.event.EventEx, depth=1)
    made.arguments = [key_value(key=str(index), value=value) for index, value in enumerate(values)]
    (event,) = decode_page(page(made))
    assert event.data["arguments"] == pyvmomi.vijson(made)["arguments"]
    boxed = [argument["value"]["_typeName"] for argument in event.data["arguments"]]
    assert boxed == [
        "string", "int", "long", "short", "byte", "double", "boolean", "dateTime", "binary", "anyURI",
        "ManagedObjectReference", "VirtualMachinePowerState", "ArrayOfString", "ArrayOfInt",
        "ArrayOfManagedObjectReference", "ArrayOfVirtualMachinePowerState", "ArrayOfKeyAnyValue", "ArrayOfAnyType",
        "KeyAnyValue", "InvalidPowerState",
    ]  # fmt: skip


def test_a_fault_carries_its_message() -> None:
    made = pyvmomi.Filler().object(vim.event.VmFailedToPowerOnEvent, depth=1)
    made.reason = vim.fault.InvalidPowerState(existingState="poweredOn", requestedState="poweredOff")
    made.reason.msg = "wrong state"
    (event,) = decode_page(page(made))
    assert event.data["reason"] == {
        "_typeName": "InvalidPowerState",
        "existingState": "poweredOn",
        "requestedState": "poweredOff",
        "faultstring": "wrong state",
    }


def test_pyvmomi_loses_the_page_that_we_read_whole() -> None:
    with pytest.raises((KeyError, AttributeError)):
        pyvmomi.read(UNKNOWN)
    assert [event.key for event in decode_page(UNKNOWN)] == [101, 102, 103, 104, -5]


def test_unknown_class_keeps_everything_and_its_base_is_typed() -> None:
    event = decode_page(UNKNOWN)[1]
    assert event.class_name == "QuantumLinkSeveredEvent"
    assert event.subject == ManagedObjectReference("HostSystem", "host-1")
    assert event.created == datetime(2026, 11, 22, 10, 0, 1, tzinfo=UTC)
    assert event.data == {
        "_typeName": "QuantumLinkSeveredEvent",
        "key": 102,
        "chainId": 99,
        "createdTime": "2026-11-22T10:00:01Z",
        "userName": "",
        "host": {
            "_typeName": "HostEventArgument",
            "name": "esx-1",
            "host": {"_typeName": "ManagedObjectReference", "type": "HostSystem", "value": "host-1"},
        },
        "fullFormattedMessage": "<severed> & gone",
        "link": [{"name": "a", "speed": "10"}, {"name": "b"}],
        "peer": {"_typeName": "ManagedObjectReference", "type": "HostSystem", "value": "host-2"},
        "depth": {"_typeName": "long", "_value": 7},
        "reason": {"fault": {"_typeName": "InvalidState"}, "localizedMessage": "no"},
        "single": "one",
    }


def test_unknown_properties_are_kept() -> None:
    data = decode_page(UNKNOWN)[2].data
    assert data["vm"]["uptime"] == "5"
    assert data["entangled"] == "true"
    assert data["template"] is False


def test_unknown_enum_value_is_kept() -> None:
    assert decode_page(UNKNOWN)[3].data["newState"] == "superposed"


def test_unknown_subtype_keeps_what_it_inherits_typed() -> None:
    event = decode_page(UNKNOWN)[4]
    assert event.class_name == "ResourcePoolCreatedEvent"
    assert event.subject == ManagedObjectReference("ResourcePool", "resgroup-9")
    assert event.data["parent"] == {
        "_typeName": "ShinyResourcePoolEventArgument",
        "name": "Resources",
        "resourcePool": {"_typeName": "ManagedObjectReference", "type": "ResourcePool", "value": "resgroup-8"},
        "shine": "3",
    }


def test_one_element_of_an_array_is_still_a_list() -> None:
    made = pyvmomi.Filler().object(vim.event.DvsPortCreatedEvent, depth=1)
    made.portKey = ["17"]
    assert decode_page(page(made))[0].data["portKey"] == ["17"]


def returnval(inner: str, class_name: str = "VmPoweredOnEvent") -> str:
    return f'<returnval xsi:type="{class_name}">{inner}</returnval>'


BASE = "<key>1</key><createdTime>2026-11-22T10:00:00Z</createdTime>"


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("2026-11-22T10:00:00.5Z", datetime(2026, 11, 22, 10, 0, 0, 500000, tzinfo=UTC)),
        ("2026-11-22T10:00:00.123456789Z", datetime(2026, 11, 22, 10, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-22T10:00:00", datetime(2026, 11, 22, 10, tzinfo=UTC)),
        (
            "2026-11-22T10:00:00.1+05:30",
            datetime(2026, 11, 22, 10, 0, 0, 100000, tzinfo=timezone(timedelta(hours=5.5))),
        ),
    ],
)
def test_created_is_aware_and_the_wire_is_kept(wire: str, expected: datetime) -> None:
    (event,) = decode_page(envelope(returnval(f"<key>1</key><createdTime>{wire}</createdTime>")))
    assert event.created == expected
    assert event.created.utcoffset() is not None
    assert event.data["createdTime"] == wire


def test_a_broken_event_drops_nothing() -> None:
    fine, broken = returnval(BASE), returnval("<key>x</key><createdTime>yesterday</createdTime><note>kept</note>")
    before, first, second, after = decode_page(envelope(fine + broken + broken.replace("kept", "2") + fine))
    assert before.identity == after.identity
    assert first.created == second.created == before.created
    assert first.key < 0
    assert first.key != second.key
    assert first.data["note"] == "kept"
    assert decode_page(envelope(broken))[0].key == first.key
    assert decode_page(envelope(broken))[0].created == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<chainId>12</chainId>", 12),
        ("<chainId>-2147483648</chainId>", -2147483648),
        ("<chainId>99999999999999999999</chainId>", "99999999999999999999"),
        ("<chainId>many</chainId>", "many"),
        ("<chainId/>", ""),
    ],
)
def test_numbers_and_what_is_none(element: str, expected: Any) -> None:
    assert decode_page(envelope(returnval(BASE + element)))[0].data["chainId"] == expected


@pytest.mark.parametrize(
    ("wire", "expected"), [("true", True), ("1", True), ("false", False), ("0", False), ("perhaps", "perhaps")]
)
def test_booleans_and_what_is_none(wire: str, expected: Any) -> None:
    event = decode_page(envelope(returnval(f"{BASE}<template>{wire}</template>")))[0]
    assert event.data["template"] is expected or event.data["template"] == expected


@pytest.mark.parametrize(("wire", "expected"), [("1.5", 1.5), ("INF", "INF"), ("NaN", "NaN"), ("x", "x")])
def test_numbers_with_a_fraction(wire: str, expected: Any) -> None:
    inner = f'{BASE}<arguments><key>k</key><value xsi:type="xsd:double">{wire}</value></arguments>'
    event = decode_page(envelope(returnval(inner, "EventEx")))[0]
    assert event.data["arguments"] == [
        {"_typeName": "KeyAnyValue", "key": "k", "value": {"_typeName": "double", "_value": expected}}
    ]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('<value xsi:type="xsd:anyType">plain</value>', "plain"),
        ('<value xsi:type="NewEnum">warm</value>', {"_typeName": "NewEnum", "_value": "warm"}),
        ('<value xsi:type="NewObject"><a>1</a></value>', {"_typeName": "NewObject", "a": "1"}),
        (
            '<value xsi:type="ArrayOfNewObject"><NewObject><a>1</a></NewObject></value>',
            {"_typeName": "ArrayOfNewObject", "_value": [{"a": "1"}]},
        ),
        (
            '<value xsi:type="ManagedObjectReference" type="VirtualMachine" serverGuid="g">vm-1</value>',
            {"_typeName": "ManagedObjectReference", "type": "VirtualMachine", "value": "vm-1", "serverGuid": "g"},
        ),
        ("<value>untyped</value>", "untyped"),
        ('<value xsi:type="xsd:string"/>', {"_typeName": "string", "_value": ""}),
    ],
)
def test_any_values_that_pyvmomi_does_not_write(value: str, expected: Any) -> None:
    inner = f"{BASE}<arguments><key>k</key>{value}</arguments>"
    event = decode_page(envelope(returnval(inner, "EventEx")))[0]
    assert event.data["arguments"][0]["value"] == expected


def test_an_unknown_fault_is_kept_with_its_message() -> None:
    fault = '<fault xsi:type="NewFault"><why>so</why></fault><localizedMessage>no</localizedMessage>'
    inner = f"{BASE}<reason>{fault}</reason>"
    event = decode_page(envelope(returnval(inner, "VmFailedToPowerOnEvent")))[0]
    assert event.data["reason"] == {"_typeName": "NewFault", "why": "so", "faultstring": "no"}


def test_an_event_without_a_type_is_an_event() -> None:
    (event,) = decode_page(envelope(f"<returnval>{BASE}</returnval>"))
    assert (event.class_name, event.key) == ("Event", 1)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffe\uffff", min_codepoint=32)),
    key=st.integers(-(2**31), 2**31 - 1),
)
def test_any_text_and_key_survives(text: str, key: int) -> None:
    made = vim.event.GeneralEvent(key=key, chainId=-1, createdTime=pyvmomi.WHEN, userName=text, message=text)
    cdata = text.replace("]]>", "]]]]><![CDATA[>")
    xml = page(made).replace(b"</returnval>", f"<note><![CDATA[{cdata}]]></note></returnval>".encode())
    (event,) = decode_page(xml)
    assert (event.data["message"], event.data["userName"], event.data["note"], event.key) == (text, text, text, key)


@pytest.mark.parametrize("forbidden", [b"\x0b", b"&#x1;", b"&#11;", b"\xff", "\uffff".encode()])
def test_a_character_that_xml_forbids_does_not_cost_the_page(forbidden: bytes) -> None:
    fine = returnval(BASE)
    bad = returnval(f"{BASE}<message>a%b</message>", "GeneralEvent")
    events = decode_page(envelope(fine + bad + fine).replace(b"%", forbidden))
    assert [event.class_name for event in events] == ["VmPoweredOnEvent", "GeneralEvent", "VmPoweredOnEvent"]
    assert events[1].data["message"] == "a\N{REPLACEMENT CHARACTER}b"


def test_an_empty_page() -> None:
    assert decode_page(envelope("")) == []


FAULT = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><soapenv:Fault>'
    "<faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring>{}"
    "</soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)
DETAIL = (
    '<detail><NotAuthenticatedFault xmlns="urn:vim25" {}><privilegeId>x</privilegeId></NotAuthenticatedFault></detail>'
)


@pytest.mark.parametrize(
    ("detail", "name"),
    [
        (DETAIL.format('xsi:type="NotAuthenticated"'), "NotAuthenticated"),
        (DETAIL.format(""), "NotAuthenticated"),
        ("", "ServerFaultCode"),
    ],
)
def test_a_soap_fault_is_named(detail: str, name: str) -> None:
    xml = FAULT.format(detail).encode()
    assert fault_name(xml) == name
    assert fault_message(xml) == "The session is not authenticated."
    with pytest.raises(VcenterUnavailableError, match=f"{name}: The session"):
        decode_page(xml)


@pytest.mark.parametrize(
    "garbage", [b"", b"<html>", b"<html/>", b"\x00\x01", b'<?xml version="1.0" encoding="klingon"?><a/>']
)
def test_what_is_no_soap_is_an_unavailable_vcenter(garbage: bytes) -> None:
    with pytest.raises(VcenterUnavailableError):
        decode_page(garbage)
    assert fault_name(garbage) is None
    assert fault_message(garbage) == ""


def wait_answer(returned: str) -> bytes:
    return envelope(returned).replace(b"ReadNextEventsResponse", b"WaitForUpdatesExResponse")


def test_wait_that_ran_out() -> None:
    assert decode_wait(wait_answer("")) == (None, False)


def test_wait_with_an_update_reads_no_event() -> None:
    change = '<val xsi:type="ArrayOfEvent"><Event xsi:type="QuantumEvent"><key>x</key></Event></val>'
    filters = f"<filterSet><objectSet><changeSet>{change}</changeSet></objectSet></filterSet>"
    assert decode_wait(wait_answer(f"<returnval><version>7</version>{filters}</returnval>")) == ("7", True)
    assert decode_wait(wait_answer("<returnval><version>8</version></returnval>")) == ("8", False)


@pytest.mark.parametrize("reference", ["&#xFFFF;", "&#xD800;", "&#0;", "&#x1b;", "&#99999999;"])
def test_a_reference_to_a_character_that_xml_forbids_costs_that_character_alone(reference: str) -> None:
    page = (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><ReadNextEventsResponse xmlns="urn:vim25">'
        '<returnval xsi:type="GeneralUserEvent"><key>7</key><chainId>7</chainId><createdTime>2026-01-31T08:00:00Z'
        f"</createdTime><userName>&#xe4;{reference}b</userName></returnval>"
        "</ReadNextEventsResponse></soapenv:Body></soapenv:Envelope>"
    )
    (decoded,) = decode_page(page.encode())
    assert decoded.data["userName"] == "ä\ufffdb"
