"""Reading CloudEvents, and finding the object that each is about."""

import base64
import json
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.functions.json_values import JSON
from tests.support.pytag import binary
from vcenter_functions.cloudevent import PROPERTIES, find_object, read_event
from vcenter_functions.errors import BadRequestError, NoObjectError
from vcenter_functions.reference import ManagedObjectReference

NAMES = st.from_regex(r"[A-Z][A-Za-z]{1,20}", fullmatch=True)
IDS = st.from_regex(r"[a-z]{1,10}-[0-9]{1,6}", fullmatch=True)


def vi(kind: str, moid: str) -> dict[str, Any]:
    """A reference in VI/JSON."""
    return {"_typeName": "ManagedObjectReference", "type": kind, "value": moid}


def found(data: Any, ce_type: str = "com.vmware.event.vm.poweredon", subject: str | None = None) -> str:
    headers = binary(subject, ce_type=ce_type)
    return str(find_object(read_event(headers, json.dumps(data).encode())))


VM = {"_typeName": "VmEventArgument", "name": "web-1", "vm": vi("VirtualMachine", "vm-15")}
HOST = {"_typeName": "HostEventArgument", "name": "esx-1", "host": vi("HostSystem", "host-11")}
CLUSTER = {"name": "Cluster0", "computeResource": vi("ClusterComputeResource", "domain-c7")}
POOL = {"name": "production", "resourcePool": vi("ResourcePool", "resgroup-9")}
PLACE = {"datacenter": {"name": "DC0", "datacenter": vi("Datacenter", "datacenter-2")}, "computeResource": CLUSTER}


def test_the_subject_comes_first() -> None:
    assert found({"vm": VM}, subject="ResourcePool:resgroup-9") == "ResourcePool:resgroup-9"


@pytest.mark.parametrize(
    ("ce_type", "data", "reference"),
    [
        ("vm.poweredon", {**PLACE, "host": HOST, "vm": VM}, "VirtualMachine:vm-15"),
        ("resourcepool.created", {**PLACE, "resourcePool": POOL, "parent": {}}, "ResourcePool:resgroup-9"),
        ("host.connected", {**PLACE, "host": HOST, "vm": VM}, "HostSystem:host-11"),
        ("cluster.dashostfailed", {**PLACE, "host": HOST, "failedHost": HOST}, "ClusterComputeResource:domain-c7"),
        ("datacenter.created", {"parent": {"folder": vi("Folder", "group-d1")}, **PLACE}, "Datacenter:datacenter-2"),
        ("datastore.destroyed", {**PLACE, "datastore": {"datastore": vi("Datastore", "ds-1")}}, "Datastore:ds-1"),
        ("datastore.destroyed", {**PLACE, "ds": {"datastore": vi("Datastore", "ds-1")}}, "Datastore:ds-1"),
        ("dvportgroup.created", {"dvs": {"dvs": vi("X", "dvs-1")}, "net": {"network": vi("N", "net-2")}}, "N:net-2"),
        ("alarm.statuschanged", {"vm": VM, "entity": {"entity": vi("Datastore", "ds-1")}}, "Datastore:ds-1"),
        (
            "task.event",
            {**PLACE, "info": {"task": vi("Task", "task-1"), "entity": vi("ResourcePool", "resgroup-9")}},
            "ResourcePool:resgroup-9",
        ),
        ("task.event", {"vm": VM, "info": {"task": vi("Task", "task-1")}}, "VirtualMachine:vm-15"),
        ("ex.some.id", {**PLACE, "objectType": "HostSystem", "objectId": "host-11"}, "HostSystem:host-11"),
        ("ex.some.id", {"managedObject": vi("Datastore", "ds-1"), "host": HOST}, "Datastore:ds-1"),
        ("unknown.new", {**PLACE, "host": HOST, "vm": VM}, "VirtualMachine:vm-15"),
        ("permission.added", {**PLACE, "entity": {"entity": vi("Folder", "group-v3")}}, "Folder:group-v3"),
    ],
)
def test_the_object_is_the_one_the_class_is_about(ce_type: str, data: dict[str, Any], reference: str) -> None:
    assert found(data, f"com.vmware.event.{ce_type}") == reference


@pytest.mark.parametrize(
    ("name", "data", "reference"),
    [
        (
            "ResourcePoolCreatedEvent",
            {
                "Key": 7,
                "ComputeResource": {"ComputeResource": {"Type": "ClusterComputeResource", "Value": "domain-c7"}},
                "Vm": None,
                "ResourcePool": {"Name": "p", "ResourcePool": {"Type": "ResourcePool", "Value": "resgroup-9"}},
            },
            "ResourcePool:resgroup-9",
        ),
        (
            "DrsVmPoweredOnEvent",
            {
                "Host": {"Host": {"Type": "HostSystem", "Value": "host-11"}},
                "Vm": {"Name": "web-1", "Vm": {"Type": "VirtualMachine", "Value": "vm-15"}},
            },
            "VirtualMachine:vm-15",
        ),
    ],
)
def test_the_shape_of_vmwares_event_broker_is_read(name: str, data: dict[str, Any], reference: str) -> None:
    # Its subject is the class, not an object.
    assert found(data, f"com.vmware.vsphere.{name}.v0", subject=name) == reference


def test_the_event_router_names_the_class_in_the_subject() -> None:
    host = {"Host": {"Host": {"Type": "HostSystem", "Value": "host-11"}}}
    data = {**host, "Vm": {"Vm": {"Type": "VirtualMachine", "Value": "vm-15"}}}
    assert found(data, "com.vmware.event.router/event", subject="HostConnectedEvent") == "HostSystem:host-11"
    assert found(data, "com.vmware.event.router/event", subject="VmPoweredOnEvent") == "VirtualMachine:vm-15"
    assert found(data, "com.vmware.event.router/eventex", subject="esx.problem.x") == "VirtualMachine:vm-15"


CONNECTORS = {
    "topic": "resource.pool.created",
    "category": "info",
    "source": "vcenter.test",
    "createdTime": "2026-01-31T08:00:00.5Z",
    "managedObjectReference": {"Type": "ResourcePool", "Value": "resgroup-9"},
}


@pytest.mark.parametrize("content_type", [{}, {"content-type": "application/json"}])
def test_the_vcenter_connectors_body_is_an_event_too(content_type: dict[str, str]) -> None:
    body = json.dumps(CONNECTORS).encode()
    event = read_event({**content_type, "x-call-id": "c1"}, body)
    assert str(find_object(event)) == "ResourcePool:resgroup-9"
    assert (event.get_id(), event.get_source(), event.get_type()) == ("c1", "vcenter.test", "resource.pool.created")
    assert read_event({}, body).get_id() == read_event({}, body).get_id()
    assert read_event({}, body).get_id() != read_event({}, body + b" ").get_id()


def test_the_vcenter_connectors_body_without_a_reference_is_about_nothing() -> None:
    with pytest.raises(NoObjectError, match=r"^user\.login\.session names no managed object"):
        find_object(read_event({}, b'{"topic":"user.login.session","category":"info"}'))


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b'{"topic":7}'),
        ({}, b'{"topic":""}'),
        ({}, b'["topic"]'),
        ({}, b'{"specversion":"1.0","topic":"a"}'),
        ({"ce-id": "1"}, b'{"topic":"resource.pool.created"}'),
    ],
)
def test_what_only_looks_like_it_is_refused(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadRequestError, match="not a CloudEvent") as caught:
        read_event(headers, body)
    assert caught.value.status == 400


@pytest.mark.parametrize("data", [None, {}, [], "text", 1, {"vm": None}, {"vm": {"vm": {"type": "VirtualMachine"}}}])
def test_an_event_about_nothing_is_refused(data: Any) -> None:
    with pytest.raises(NoObjectError, match=r"com\.vmware\.event\.session\.login names no managed object"):
        found(data, "com.vmware.event.session.login")


@settings(max_examples=60)
@given(kind=NAMES, moid=IDS, key=st.sampled_from(PROPERTIES).filter(lambda key: key != "info"), noise=JSON)
def test_a_reference_is_found_in_both_shapes_and_among_anything(kind: str, moid: str, key: str, noise: Any) -> None:
    for reference in ({"type": kind, "value": moid}, {"Type": kind, "Value": moid}):
        for argument in (reference, {"name": "x", "what": reference}):
            data = {"zzz": noise, "userName": "", key.title(): argument}
            assert found(data, "com.example.other") == f"{kind}:{moid}"


@given(data=JSON, subject=st.none() | st.from_regex(r"[ -~]{1,20}", fullmatch=True).filter(str.strip))
def test_no_data_makes_it_stumble(data: Any, subject: str | None) -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": data}
    body = json.dumps(attributes | ({"subject": subject} if subject else {})).encode()
    event = read_event({"content-type": "application/cloudevents+json"}, body)
    with suppress(NoObjectError):
        assert isinstance(find_object(event), ManagedObjectReference)


@given(body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_that_is_no_cloudevent_is_refused_as_such(body: bytes) -> None:
    with pytest.raises(BadRequestError) as caught:
        read_event({"content-type": "application/cloudevents+json"}, body)
    assert caught.value.status == 400


def test_a_structured_event_may_hold_its_json_in_base64() -> None:
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    encoded = base64.b64encode(json.dumps({"vm": VM}).encode()).decode()
    body = json.dumps({**attributes, "data_base64": encoded}).encode()
    event = read_event({"content-type": "application/cloudevents+json; charset=utf-8"}, body)
    assert str(find_object(event)) == "VirtualMachine:vm-15"


UNSET = ("subject", "time", "datacontenttype", "dataschema", "data", "data_base64", "traceparent", "eventname")


@pytest.mark.parametrize("names", [*((name,) for name in UNSET), UNSET])
def test_a_member_that_is_null_is_not_set(names: tuple[str, ...]) -> None:
    """CloudEvents' JSON format, 2.2: "it MUST be treated as the equivalent of unset or omitted"."""
    attributes = {"specversion": "1.0", "id": "1", "source": "s", "type": "com.vmware.event.vm.poweredon"}
    body = {**attributes, "data": {"vm": VM}, **dict.fromkeys(names)}
    event = read_event({"content-type": "application/cloudevents+json"}, json.dumps(body).encode())
    assert set(names).isdisjoint(event.get_attributes().keys() - {"time"})  # for which the SDK takes the present
    if "data" not in names:
        assert str(find_object(event)) == "VirtualMachine:vm-15"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_a_required_member_that_is_null_is_missing(name: str) -> None:
    body = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", name: None}
    with pytest.raises(BadRequestError, match=f"the attribute {name} is missing"):
        read_event({"content-type": "application/cloudevents+json"}, json.dumps(body).encode())


LIMITED_DEPTH = pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on, json reads any depth")


@pytest.mark.parametrize(
    ("headers", "body", "status", "message"),
    [
        ({}, b"{}", 400, "specversion and id and source and type is missing"),
        ({"content-type": "application/json"}, b"{}", 400, "is missing"),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", 400, "a batch is not accepted"),
        ({"content-type": "application/cloudevents+xml"}, b"<event/>", 415, "send application/cloudevents"),
        (binary(ce_specversion="0.9"), b"", 400, "specversion"),
        (binary(ce_time="yesterday"), b"", 400, "not a CloudEvent"),
        (binary(ce_id=""), b"", 400, "id"),
        (binary(), b"{", 400, "not a CloudEvent"),
        pytest.param(binary(), b"[" * 2000 + b"]" * 2000, 400, "not a CloudEvent", marks=LIMITED_DEPTH),
        pytest.param(
            {"content-type": "application/cloudevents+json"},
            b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":' + b"[" * 1010 + b"]" * 1010 + b"}",
            400,
            "not a CloudEvent",
            marks=LIMITED_DEPTH,
        ),
        (binary(ce_data="x"), b"", 400, "reserved"),
    ],
)
def test_a_wrong_request_is_named(headers: dict[str, str], body: bytes, status: int, message: str) -> None:
    with pytest.raises(BadRequestError, match=message) as caught:
        read_event(headers, body)
    assert caught.value.status == status
    assert "\n" not in str(caught.value)


def test_a_missing_id_is_never_made_up() -> None:
    headers = binary()
    del headers["ce-id"]
    with pytest.raises(BadRequestError, match="the attribute id is missing"):
        read_event(headers, b"")


def test_data_that_is_not_json_matters_only_without_a_subject() -> None:
    headers = {"content_type": "text/xml"}
    assert str(find_object(read_event(binary(**headers), b"<vm/>"))) == "ResourcePool:resgroup-9"
    with pytest.raises(BadRequestError) as caught:
        find_object(read_event(binary(None, **headers), b"<vm/>"))
    assert caught.value.status == 415
