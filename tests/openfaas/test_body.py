"""What functions are sent, byte for byte, and what the gateway's answers mean."""

import json
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage
from cloudevents.core.v1.event import CloudEvent

from tests.support.openfaas import TRACE, cloudevent, pool_created, reference, vcenter_event
from vcenter_source.core.event import Event
from vcenter_source.events.codec import parse_event
from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.openfaas.body import build_request, to_connector_body
from vcenter_source.sinks.openfaas.outcomes import InvocationOutcome as Outcome
from vcenter_source.sinks.openfaas.outcomes import InvocationResponse as Response
from vcenter_source.sinks.openfaas.outcomes import classify, describe_response
from vcenter_source.sinks.openfaas.topic_names import BodyForm
from vcenter_source.sinks.openfaas.topics import Function, Match

OWN = {"x-start-time": "1"}


def made(event: CloudEvent, form: BodyForm, topic: str = "topic") -> HTTPMessage:
    return build_request(event, Match(Function("f", (topic,)), topic, form))


def flat(event: Event, **converter: Any) -> dict[str, Any]:
    return to_connector_body(cloudevent(event, **converter), "topic")


def test_a_dotted_topic_is_sent_what_the_vcenter_connector_sends() -> None:
    message = made(pool_created(), "connector")
    assert message.headers == {"content-type": "application/json"}
    assert (
        message.body
        == (
            '{"topic":"resource.pool.created","category":"info","source":"vc.example.com",'
            '"userName":"VSPHERE.LOCAL\\\\jane","createdTime":"2026-01-31T08:00:00.5Z","objectName":"pröd",'
            '"managedObjectReference":{"Type":"ResourcePool","Value":"rg-9"},'
            '"moref":{"Type":"ResourcePool","Value":"rg-9"}}'
        ).encode()
    )


def test_a_class_name_topic_is_sent_what_the_event_router_sends() -> None:
    message = made(pool_created(traceparent=TRACE), "router")
    assert message.headers == {"content-type": "application/cloudevents+json"}
    sent = json.loads(message.body)
    data = sent.pop("data")
    assert sent == {
        "specversion": "1.0",
        "id": "4711",
        "source": "https://vc.example.com/sdk",
        "type": "com.vmware.event.router/event",
        "subject": "ResourcePoolCreatedEvent",
        "time": "2026-01-31T08:00:00.500000Z",
        "datacontenttype": "application/json",
        "eventclass": "event",
        "eventname": "ResourcePoolCreatedEvent",
        "eventancestors": "ResourcePoolCreatedEvent,ResourcePoolEvent,Event",
        "severitytext": "INFO",
        "vsphereapiversion": "8.0.3.0",
        "partitionkey": "ResourcePool:rg-9",
        "traceparent": TRACE,
    }
    assert data["ResourcePool"] == {"Name": "pröd", "ResourcePool": {"Type": "ResourcePool", "Value": "rg-9"}}
    assert (data["Key"], data["UserName"], data["Vm"], data["ChangeTag"]) == (4711, "VSPHERE.LOCAL\\jane", None, "")


def test_our_type_is_sent_the_binary_cloudevent() -> None:
    message = made(pool_created(traceparent=TRACE), "cloudevent")
    assert json.loads(message.body) == pool_created().get_data()
    assert message.body.startswith(b'{"_typeName":"ResourcePoolCreatedEvent","key":4711,')
    assert message.headers == {
        "content-type": "application/json",
        "ce-specversion": "1.0",
        "ce-id": "4711",
        "ce-source": "https://vc.example.com/sdk",
        "ce-type": "com.vmware.event.resourcepool.created",
        "ce-subject": "ResourcePool:rg-9",
        "ce-time": "2026-01-31T08:00:00.500000Z",
        "ce-eventclass": "event",
        "ce-eventname": "ResourcePoolCreatedEvent",
        "ce-eventancestors": "ResourcePoolCreatedEvent,ResourcePoolEvent,Event",
        "ce-severitytext": "INFO",
        "ce-vsphereapiversion": "8.0.3.0",
        "ce-partitionkey": "ResourcePool:rg-9",
        "ce-traceparent": TRACE,
    }


@pytest.mark.parametrize("form", ["connector", "router"])
def test_the_veba_format_makes_the_same_of_it(form: BodyForm) -> None:
    made_of_veba = json.loads(made(pool_created(event_format="veba"), form).body)
    assert made_of_veba == json.loads(made(pool_created(), form).body)


def test_what_the_vcenter_connector_does_not_know_is_left_out() -> None:
    login = vcenter_event("UserLoginSessionEvent", userName="jane")
    assert flat(login) == {
        "topic": "user.login.session",
        "category": "info",
        "source": "vc.example.com",
        "userName": "jane",
        "createdTime": "2026-01-31T08:00:00.5Z",
    }


VM = {"_typeName": "VmEventArgument", "name": "web", "vm": reference("VirtualMachine", "vm-1")}
HOST = {"_typeName": "HostEventArgument", "name": "esx", "host": reference("HostSystem", "host-1")}
CLUSTER = {"_typeName": "ComputeResourceEventArgument", "name": "c", "computeResource": reference("Cluster", "c-1")}
ALARM = {"_typeName": "AlarmEventArgument", "name": "hot", "alarm": reference("Alarm", "alarm-1")}
STORE = {"_typeName": "DatastoreEventArgument", "name": "nfs", "datastore": reference("Datastore", "ds-1")}


@pytest.mark.parametrize(
    ("event", "name", "found"),
    [
        (vcenter_event("VmPoweredOnEvent", vm=VM, host=HOST), "web", ("VirtualMachine", "vm-1")),
        (vcenter_event("HostConnectedEvent", vm=None, host=HOST), "esx", ("HostSystem", "host-1")),
        # The alarm itself, as the vcenter-connector has it, and not what it is about.
        (vcenter_event("AlarmCreatedEvent", ("Folder", "g-1"), alarm=ALARM), "hot", ("Alarm", "alarm-1")),
        (vcenter_event("DatastoreRenamedEvent", datastore=STORE), "nfs", ("Datastore", "ds-1")),
        # Where the vcenter-connector knew none: what the CloudEvent is about.
        (vcenter_event("ClusterCreatedEvent", ("Cluster", "c-1"), computeResource=CLUSTER), "c", ("Cluster", "c-1")),
        (vcenter_event("TaskEvent", ("VirtualMachine", "vm-9"), vm=VM), None, ("VirtualMachine", "vm-9")),
        (vcenter_event("VmPoweredOnEvent", vm="broken"), None, None),
    ],
)
@pytest.mark.parametrize("event_format", ["vcenter", "veba"])
def test_the_object(event: Event, name: str | None, found: tuple[str, str] | None, event_format: str) -> None:
    body = flat(event, event_format=event_format)
    assert body.get("objectName") == name
    assert body.get("managedObjectReference") == (found and {"Type": found[0], "Value": found[1]})
    assert body.get("moref") == body.get("managedObjectReference")


@pytest.mark.parametrize(
    ("event", "converter", "category"),
    [
        (vcenter_event("VmPoweredOnEvent"), {}, "info"),
        (vcenter_event("VmPoweredOnEvent"), {"categories": {"VmPoweredOnEvent": "warning"}}, "warning"),
        (vcenter_event("VmFailedToPowerOnEvent"), {}, "error"),
        (vcenter_event("GeneralUserEvent"), {"categories": {"GeneralUserEvent": "user"}}, "user"),
        (vcenter_event("EventEx", eventTypeId="a.b", severity="user"), {}, "user"),
        (vcenter_event("EventEx", eventTypeId="a.b.error"), {"overrides": {"severitytext": "LOUD"}}, "error"),
    ],
)
def test_the_category_is_vcenters_own(event: Event, converter: dict[str, Any], category: str) -> None:
    assert flat(event, **converter)["category"] == category


def test_an_event_that_is_not_vcenters_goes_out_as_it_is() -> None:
    named = {"ce-id": "1", "ce-source": "https://s/x", "ce-type": "org.example", "ce-specversion": "1.0"}
    event = parse_event(named | {"content-type": "text/plain"}, b"text")
    assert made(event, "cloudevent").body == b"text"
    assert json.loads(made(event, "connector", "org.example").body) == {"topic": "org.example", "source": "s"}
    assert json.loads(made(event, "router").body)["type"] == "org.example"


def test_a_source_that_looks_like_an_address_and_is_none_is_left_out() -> None:
    event = parse_event({"ce-id": "1", "ce-source": "http://[x", "ce-type": "t", "ce-specversion": "1.0"}, b"")
    assert json.loads(made(event, "connector", "t").body) == {"topic": "t"}


# --- answers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("invocation", "answer", "outcome"),
    [
        ("async", Response(202, {}), Outcome.ACCEPTED),
        ("async", Response(200, OWN, b"done"), Outcome.HELD),
        ("async", Response(404, {}), Outcome.NOT_FOUND),
        *(("async", Response(status, OWN), Outcome.RETRY) for status in (408, 429, 502, 503, 504)),
        *(("async", Response(status, OWN), Outcome.HELD) for status in (301, 401, 403, 407, 500, 501)),
        *(("async", Response(status, OWN), Outcome.REFUSED) for status in (400, 413, 422)),
        ("async", Response(500, OWN, b"nats: maximum payload exceeded\n"), Outcome.HELD),
        *(("sync", Response(status, OWN), Outcome.ACCEPTED) for status in (200, 202, 204)),
        *(("sync", Response(status, OWN), Outcome.RETRY) for status in (408, 425, 429, 502, 503, 504)),
        *(("sync", Response(status, OWN), Outcome.FAILED) for status in (500, 501, 507)),
        *(("sync", Response(status, OWN), Outcome.REFUSED) for status in (302, 400, 401, 403, 409, 413, 422)),
        *(("sync", Response(status, {}), Outcome.HELD) for status in (302, 401, 403, 407, 421)),
        *(("sync", Response(status, {}), Outcome.REFUSED) for status in (400, 413)),
        ("sync", Response(404, OWN), Outcome.NOT_FOUND),
        ("sync", Response(200, {}, b""), Outcome.FAILED),
        ("sync", Response(200, {}, b"done"), Outcome.ACCEPTED),
        (
            "sync",
            Response(200, OWN, b'{"status": "500", "message": "could not tag"}\n'),
            Outcome.FAILED,
        ),
        ("sync", Response(200, OWN, b'{"statusCode": "400"}'), Outcome.REFUSED),
        ("sync", Response(200, OWN, b'{"status": 404}'), Outcome.REFUSED),
        ("sync", Response(200, OWN, b'{"status": 503}'), Outcome.RETRY),
        ("sync", Response(200, OWN, b'connected\n{"status": "500"}\nNone\n'), Outcome.FAILED),
        ("sync", Response(200, OWN, b'{"status": "200", "message": "tagged"}'), Outcome.ACCEPTED),
        ("sync", Response(200, OWN, b'{"status": "ok"}'), Outcome.ACCEPTED),
        ("sync", Response(200, OWN, b'[{"status": "500"}]'), Outcome.ACCEPTED),
        ("sync", Response(200, OWN, b'{"status": "5\xb2\xb200"'), Outcome.ACCEPTED),
    ],
)
def test_what_an_answer_means(invocation: Invocation, answer: Response, outcome: Outcome) -> None:
    assert classify(invocation, answer) is outcome


def test_an_answer_is_told_with_the_functions_name() -> None:
    assert (
        describe_response("tag.fn", "sync", Response(422, OWN, b"no\n such   tag"))
        == "function tag.fn answers 422: no such tag"
    )
    assert describe_response("tag.fn", "sync", Response(500, OWN)) == "function tag.fn answers 500"
    assert "not called" in describe_response("tag.fn", "sync", Response(200, {}))
