"""VI/JSON as it stands on the wire: negotiation, sessions, events, properties, faults."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from pyVmomi import vim, vmodl

from tests.simulator.json_session import COLLECTOR, JsonSession, json_session
from tests.support import loopback
from tests.support.simulator_control import post_events, read_state, set_fault
from vcenter_simulator.accounts import READER
from vcenter_simulator.rest.sessions import SESSION_HEADER
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator, service_instance
from vcenter_simulator.vmomi import types


@pytest.fixture
def session(simulator: Simulator) -> Iterator[JsonSession]:
    with json_session(simulator) as session:
        yield session


def say_hello(simulator: Simulator, *releases: str) -> httpx.Response:
    return loopback.post(
        f"{simulator.base}/api/vcenter/system", params={"action": "hello"}, json={"api_releases": releases}
    )


def fault_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["_typeName"]


def test_hello_picks_the_first_release_that_both_sides_have(untouched: Simulator) -> None:
    assert say_hello(untouched, "9.0.0.0", "8.0.2.0", "8.0.3.0").json() == {"api_release": "8.0.2.0"}
    assert say_hello(untouched, "7.0.0.0").json() == {"api_release": ""}
    refused = [say_hello(untouched), say_hello(untouched, *["8"] * 129), say_hello(untouched, "8" * 65)]
    assert [answer.status_code for answer in refused] == [400] * 3


def test_an_older_vcenter_has_no_hello_and_one_before_that_no_json() -> None:
    with run_simulator(releases=("8.0.1.0",)) as simulator, loopback.Client(base_url=simulator.base) as http:
        assert say_hello(simulator, "8.0.1.0").status_code == 404
        assert JsonSession(http, "8.0.1.0").log_in().status_code == 200
        assert JsonSession(http, "8.0.2.0").log_in().status_code == 404
    with run_simulator(releases=()) as simulator, json_session(simulator, log_in=False) as session:
        assert say_hello(simulator, "8.0.1.0").status_code == 404
        assert session.get("ServiceInstance", "ServiceInstance", "content").status_code == 404


def test_a_vcenter_may_lose_its_json_while_it_runs(simulator: Simulator, session: JsonSession) -> None:
    assert read_state(simulator)["wires"] == {"json": 1}  # the login
    set_fault(simulator, fault="soap-only")
    assert say_hello(simulator, "8.0.3.0").status_code == 404
    assert session.post("ServiceInstance", "ServiceInstance", "CurrentTime").status_code == 404
    with service_instance(simulator):
        assert set(read_state(simulator)["wires"]) == {"json", "soap"}


def test_a_session_begins_with_a_login_and_ends_with_a_logout(simulator: Simulator) -> None:
    with json_session(simulator, log_in=False) as session:
        content = session.get("ServiceInstance", "ServiceInstance", "content").json()
        assert content["sessionManager"] == {
            "_typeName": "ManagedObjectReference",
            "type": "SessionManager",
            "value": "SessionManager",
        }
        refused = session.log_in(password="wrong")
        assert fault_of(refused) == (500, "InvalidLogin")
        assert refused.json()["faultstring"].endswith("incorrect user name or password.")
        assert SESSION_HEADER not in refused.headers
        assert fault_of(session.get("EventManager", "EventManager", "maxCollector")) == (500, "NotAuthenticated")
        entered = session.log_in()
        assert (entered.json()["_typeName"], entered.headers["content-type"]) == ("UserSession", "application/json")
        assert session.get("EventManager", "EventManager", "maxCollector").json() == 32
        left = session.post("SessionManager", "SessionManager", "Logout")
        assert (left.status_code, left.content) == (204, b"")
        assert fault_of(session.get("EventManager", "EventManager", "maxCollector")) == (500, "NotAuthenticated")
    assert read_state(simulator)["sessions"] == 0


def test_both_wires_share_sessions_and_their_list(simulator: Simulator, session: JsonSession) -> None:
    with service_instance(simulator) as service:
        agents = {each.userAgent.partition("/")[0] for each in service.content.sessionManager.sessionList}
        session_list = session.get("SessionManager", "SessionManager", "sessionList").json()
    assert {"python-httpx"} < agents
    assert {each["userAgent"].partition("/")[0] for each in session_list} == agents


def test_events_are_read_page_by_page(simulator: Simulator, session: JsonSession) -> None:
    post_events(simulator, 5)
    collector = session.create_collector(type=["VmPoweredOnEvent"])
    (event, *others) = session.read_next(collector, 1000)
    assert (event["_typeName"], event["key"], event["vm"]["vm"]["type"]) == ("VmPoweredOnEvent", 2, "VirtualMachine")
    assert event["createdTime"].endswith("Z")
    assert event["template"] is False
    assert len(others) == 1
    assert session.read_next(collector, 1000) == []
    newest_first = session.get(COLLECTOR, collector, "latestPage").json()
    assert newest_first == [*others, event]
    assert session.post(COLLECTOR, collector, "SetCollectorPageSize", {"maxCount": 1}).status_code == 204
    assert session.get(COLLECTOR, collector, "latestPage").json() == others
    assert session.post(COLLECTOR, collector, "RewindCollector").status_code == 204
    assert session.read_next(collector, 1) == [event]
    assert session.post(COLLECTOR, collector, "DestroyCollector").status_code == 204
    gone = session.post(COLLECTOR, collector, "ReadNextEvents", {"maxCount": 1})
    assert fault_of(gone) == (500, "ManagedObjectNotFound")


def test_a_filter_may_leave_the_full_message_out(simulator: Simulator, session: JsonSession) -> None:
    post_events(simulator, 1)
    set_fault(simulator, fault="unknown-class")
    whole, brief = (
        session.read_next(session.create_collector(disableFullMessage=without), 9)[-2:] for without in (False, True)
    )
    assert all(event.pop("fullFormattedMessage") for event in whole)
    assert whole == brief


def test_a_class_that_nobody_knows_is_as_a_newer_vcenter_writes_it(simulator: Simulator, session: JsonSession) -> None:
    set_fault(simulator, fault="unknown-class")
    event = session.read_next(session.create_collector(), 9)[-1]
    assert event["_typeName"] == "VmQuantumEntangledEvent"
    assert event["entanglement"]["qubits"] == 2
    assert event["vm"]["vm"] == {"_typeName": "ManagedObjectReference", "type": "VirtualMachine", "value": "vm-15"}


def test_what_is_posted_over_soap_comes_back_in_its_types(simulator: Simulator, session: JsonSession) -> None:
    fault = vim.fault.InvalidPowerState(
        requestedState="poweredOn", existingState="poweredOff", msg="It is off.", faultCause=vim.fault.Timedout()
    )
    words = types.GetVmodlType("string[]")(["a", "b"])
    any_typed = {"word": 'a "quoted" <word> \u00e9\n', "number": 7, "truth": True, "words": words}
    event = vim.event.EventEx(
        key=0,
        chainId=0,
        createdTime=datetime.now(UTC),
        userName="",
        eventTypeId="my.own",
        severity="warning",
        fault=fault,
        objectType=vim.VirtualMachine,
        arguments=[vmodl.KeyAnyValue(key=key, value=value) for key, value in any_typed.items()],
    )
    with service_instance(simulator) as service:
        service.content.eventManager.PostEvent(event)
    (read,) = session.read_next(session.create_collector(eventTypeId=["my.own"]), 9)
    assert read["fault"] == {
        "_typeName": "InvalidPowerState",
        "faultCause": {"_typeName": "Timedout"},
        "requestedState": "poweredOn",
        "existingState": "poweredOff",
        "faultstring": "It is off.",
    }
    assert read["objectType"] == "VirtualMachine"
    assert [each["value"] for each in read["arguments"]] == [
        {"_typeName": "string", "_value": any_typed["word"]},
        {"_typeName": "int", "_value": 7},
        {"_typeName": "boolean", "_value": True},
        {"_typeName": "ArrayOfString", "_value": ["a", "b"]},
    ]


def test_the_property_collector_waits_for_the_latest_page(simulator: Simulator, session: JsonSession) -> None:
    collector = session.create_collector()
    own = session.post("PropertyCollector", "propertyCollector", "CreatePropertyCollector").json()["value"]
    spec = {
        "_typeName": "PropertyFilterSpec",
        "objectSet": [{"_typeName": "ObjectSpec", "obj": {"type": COLLECTOR, "value": collector}}],
        "propSet": [{"_typeName": "PropertySpec", "type": COLLECTOR, "pathSet": ["latestPage"]}],
    }
    session.post("PropertyCollector", own, "CreateFilter", {"spec": spec, "partialUpdates": True})

    def wait(version: str) -> httpx.Response:
        options = {"_typeName": "WaitOptions", "maxWaitSeconds": 0}
        return session.post("PropertyCollector", own, "WaitForUpdatesEx", {"version": version, "options": options})

    first = wait("").json()
    assert (first["_typeName"], first["filterSet"][0]["objectSet"][0]["kind"]) == ("UpdateSet", "enter")
    nothing = wait(first["version"])
    assert (nothing.status_code, nothing.content) == (204, b"")
    post_events(simulator, 1)
    (change,) = wait(first["version"]).json()["filterSet"][0]["objectSet"][0]["changeSet"]
    assert (change["name"], change["op"], change["val"]["_typeName"]) == ("latestPage", "assign", "ArrayOfEvent")
    assert change["val"]["_value"] == session.get(COLLECTOR, collector, "latestPage").json()


def test_any_typed_values_are_boxed(session: JsonSession) -> None:
    spec = {
        "_typeName": "PropertyFilterSpec",
        "objectSet": [{"_typeName": "ObjectSpec", "obj": {"type": "VirtualMachine", "value": "vm-15"}}],
        "propSet": [
            {
                "_typeName": "PropertySpec",
                "type": "VirtualMachine",
                "pathSet": ["name", "overallStatus", "parent", "network", "tag", "config.template"],
            }
        ],
    }
    arguments = {"specSet": [spec], "options": {"_typeName": "RetrieveOptions"}}
    answer = session.post("PropertyCollector", "propertyCollector", "RetrievePropertiesEx", arguments).json()
    values = {each["name"]: each["val"] for each in answer["objects"][0]["propSet"]}
    assert values["name"] == {"_typeName": "string", "_value": "web-1"}
    assert values["overallStatus"] == {"_typeName": "ManagedEntityStatus", "_value": "green"}
    assert values["parent"]["_typeName"] == "ManagedObjectReference"
    assert values["network"]["_typeName"] == "ArrayOfManagedObjectReference"
    assert values["network"]["_value"][0]["type"] == "Network"


@pytest.mark.parametrize(
    ("arguments", "fault", "message"),
    [
        ({"filter": {"disableFullMessage": False}}, "InvalidArgument", "Invalid MoRef field: disableFullMessage"),
        ({"filter": {"_typeName": "EventFilterSpec", "colour": 1}}, "InvalidRequest", "has no property colour"),
        ({"filter": {"_typeName": "NoSuchSpec"}}, "InvalidRequest", "unknown type NoSuchSpec"),
        ({"filter": {"_typeName": "EventFilterSpec", "maxCount": "9"}}, "InvalidRequest", "maxCount: '9' is not"),
        ({"filter": {"_typeName": "EventFilterSpec", "maxCount": True}}, "InvalidRequest", "maxCount: True is not"),
        ({"filter": {"_typeName": "EventFilterSpec", "maxCount": 1001}}, "InvalidArgument", "1000 is allowed"),
        ({"filter": {"_typeName": "EventFilterSpec", "type": "VmEvent"}}, "InvalidRequest", "type: not a list"),
        ([], "InvalidRequest", "the arguments must be one JSON object"),
    ],
)
def test_a_wrong_argument_is_refused(session: JsonSession, arguments: Any, fault: str, message: str) -> None:
    answer = session.post("EventManager", "EventManager", "CreateCollectorForEvents", arguments)
    assert fault_of(answer) == (500, fault)
    assert message in answer.json()["faultstring"]


def test_a_method_that_is_not_simulated_is_said_to_be_so(session: JsonSession) -> None:
    assert fault_of(session.post("EventManager", "EventManager", "LogUserEvent")) == (500, "NotSupported")
    assert fault_of(session.post("EventManager", "EventManager", "NoSuchMethod")) == (500, "NotSupported")
    assert fault_of(session.get("EventManager", "EventManager", "noSuchProperty")) == (500, "InvalidProperty")


def test_an_account_that_may_only_read_changes_nothing(simulator: Simulator) -> None:
    with json_session(simulator, log_in=False) as session:
        session.log_in(READER)
        event = {"_typeName": "GeneralUserEvent", "key": 0, "chainId": 0, "createdTime": "2026-01-01T00:00:00Z"}
        arguments = {"eventToPost": {**event, "userName": "", "message": "hello"}}
        refused = session.post("EventManager", "EventManager", "PostEvent", arguments)
        assert (fault_of(refused), refused.json()["privilegeId"]) == ((500, "NoPermission"), "Global.LogEvent")


def test_faults_befall_json_too(simulator: Simulator, session: JsonSession) -> None:
    collector = session.create_collector()
    set_fault(simulator, fault="status", status=503, path="/sdk/vim25/")
    assert session.get("EventManager", "EventManager", "maxCollector").status_code == 503
    set_fault(simulator, fault="lose-answers", method="ReadNextEvents")
    assert session.get("EventManager", "EventManager", "maxCollector").status_code == 200
    with pytest.raises(httpx.TransportError):
        session.read_next(collector, 5)
    assert session.read_next(collector, 5) == []  # the answer was lost, but the collector went on
    set_fault(simulator, fault="trickle", method="Fetch", seconds=0.0)
    assert session.get("EventManager", "EventManager", "maxCollector").json() == 32
    set_fault(simulator, fault="expire-sessions")
    expired = session.post(COLLECTOR, collector, "ReadNextEvents", {"maxCount": 5})
    assert fault_of(expired) == (500, "NotAuthenticated")
