"""VI/JSON alone: what vCenter may answer, the release that is agreed on, and when SOAP is spoken instead."""

import asyncio
import json
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyVmomi import vim, vmodl
from structlog.testing import capture_logs

from tests.support.simulator_control import post_events, read_state, set_fault
from tests.support.vcenter import Run, read_events, session, vcenter_client
from tests.support.web_server import web_server
from vcenter_functions.vcenters_file import VARIABLES, Protocol
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import (
    AuthenticationError,
    SessionLostError,
    VcenterRefusedError,
    VcenterUnavailableError,
)
from vcenter_source.events.codec import to_binary
from vcenter_source.events.conversion import Converter
from vcenter_source.vcenter.failures import vcenter_errors
from vcenter_source.vcenter.vijson.answers import (
    load_categories,
    load_identities,
    load_page,
    load_partial_page,
    load_version,
    parse_json,
)
from vcenter_source.vcenter.vijson.faults import parse_fault
from vcenter_source.vcenter.vijson.wire import RELEASES, JsonWire
from vcenter_source.vcenter.wire import UnknownFaultError

TIME = datetime(2026, 1, 31, 8, tzinfo=UTC)
EVENT = {"_typeName": "VmPoweredOnEvent", "key": 7, "createdTime": "2026-01-31T08:00:00Z", "userName": "me"}


def page(*events: Any) -> bytes:
    return orjson.dumps(events)


# ---- answers


@pytest.mark.parametrize("body", [b"", b"null", b"[]"])
def test_no_events_are_an_empty_page(body: bytes) -> None:
    assert len(load_page(body)) == 0
    assert load_identities(body) == []


def test_the_data_of_an_event_is_what_vcenter_wrote() -> None:
    strange = EVENT | {"_typeName": "QuantumEvent", "new": {"_typeName": "Box", "x": [1.5, None]}}
    (event,) = load_page(page(strange))
    assert (event.class_name, event.key, event.created, event.data) == ("QuantumEvent", 7, TIME, strange)


def test_what_vcenter_wrote_is_passed_on_as_it_is() -> None:
    text = b'{ "_typeName":"VmPoweredOnEvent", "key":7, "createdTime":"2026-01-31T08:00:00Z", "userName":"\\u00e4/" }'
    (event,) = load_page(b"[" + text + b"]")
    assert to_binary(Converter("https://vc/sdk", "8.0.3.0").convert(event))[1] == text
    veba = to_binary(Converter("https://vc/sdk", "8.0.3.0", "veba").convert(event))[1]
    assert orjson.loads(veba)["UserName"] == "ä/"


def test_what_is_no_json_by_the_book_is_not_passed_on() -> None:
    (event,) = load_page(b'[{"_typeName":"VmEvent","key":7,"x":NaN,"y":"\\ud800"}]')
    body = to_binary(Converter("https://vc/sdk", "8.0.3.0").convert(event))[1]
    assert orjson.loads(body) == event.data == {"_typeName": "VmEvent", "key": 7, "x": "NaN", "y": "�"}


def test_what_cannot_be_read_of_an_event_costs_neither_it_nor_the_page() -> None:
    broken = [EVENT, EVENT | {"key": "x"}, EVENT | {"createdTime": 5}, {}, "text", EVENT | {"key": 9, "_typeName": 3}]
    first, second = (list(load_page(page(*broken))) for _ in range(2))
    assert [event.key for event in first] == [event.key for event in second], "the same each time"
    assert [event.key for event in first][::5] == [7, 9]
    assert all(event.key < 0 for event in (first[1], first[3], first[4]))
    assert {event.created for event in first} == {TIME}
    assert [event.class_name for event in first[3:]] == ["Event", "Event", "Event"]
    assert load_identities(page(*broken)) == [(7, TIME), (9, TIME)]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"NaN", "NaN"),
        (b"-Infinity", "-Infinity"),
        (b"1e999", "1e999"),
        (b'"half \\ud800 a pair"', "half � a pair"),
        (b'"\xff"', "�"),
        (b'"a\tb"', "a\tb"),
    ],
)
def test_what_is_no_json_by_the_book_does_not_cost_the_page(written: bytes, read: str) -> None:
    body = b'[{"_typeName":"VmEvent","key":7,"createdTime":"2026-01-31T08:00:00Z","x":%s},{"key":8}]' % written
    one, other = load_page(body)
    assert (one.key, one.data["x"], other.key) == (7, read, 8)
    assert orjson.loads(orjson.dumps(one.data)) == one.data


@pytest.mark.parametrize("body", [b"hello", b"{}", b"7", b"[", b'"x"'])
def test_what_is_no_page_is_refused(body: bytes) -> None:
    with pytest.raises((ValueError, TypeError)):
        load_page(body)


NAMES = st.text(max_size=5)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | FLOATS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)


@given(fields=st.dictionaries(NAMES, VALUES, max_size=4), keys=st.integers(1, 3), cut=st.integers(0, 500))
def test_what_comes_before_a_cut_is_read_as_it_was_written(fields: dict[str, Any], keys: int, cut: int) -> None:
    events = [EVENT | fields | {"key": key, "createdTime": EVENT["createdTime"]} for key in range(keys)]
    body = json.dumps(events).encode()[:cut]
    partial = list(load_partial_page(body))
    assert len(partial) <= 1
    for event in partial:
        assert event.data.items() <= events[0].items()
    identities = load_identities(body, cut=True)
    assert identities == [(key, TIME) for key in range(len(identities))]


def test_an_update_says_its_version_also_where_it_is_cut_off() -> None:
    update = (
        b'{"_typeName":"UpdateSet","version":"12","filterSet":[{"_typeName":"PropertyFilterUpdate","x":"' + b"y" * 99
    )
    assert load_version(update, cut=True) == load_version(update + b'"}]}') == "12"
    assert load_version(update[:20], cut=True) is load_version(b"") is load_version(b"null") is None


def test_a_type_is_named_by_its_id_where_it_has_one() -> None:
    details = [
        {"key": "VmPoweredOnEvent", "category": "info"},
        {"key": "EventEx", "category": "warning", "fullFormat": "esx.problem.x|It broke"},
        {"key": "ExtendedEvent", "category": "error", "fullFormat": "com.vmware.y|Too"},
        {"key": "Nameless"},
        "text",
    ]
    expected = {"VmPoweredOnEvent": "info", "esx.problem.x": "warning", "com.vmware.y": "error"}
    assert load_categories({"eventInfo": details}) == expected


# ---- faults


def test_faults_are_mapped_as_those_of_soap() -> None:
    lacking: dict[str, Any] = {"_typeName": "NoPermission", "privilegeId": "System.Read", "faultstring": "no"}
    lacking["object"] = {"_typeName": "ManagedObjectReference", "type": "Folder", "value": "group-d1"}
    with pytest.raises(VcenterRefusedError, match=r"lacks System\.Read on 'vim\.Folder:group-d1'; give it the role"):
        raise_mapped(parse_fault(lacking))
    with pytest.raises(VcenterRefusedError, match="refuses a request: too many"):
        raise_mapped(parse_fault({"_typeName": "InvalidArgument", "faultstring": "too many"}))
    for name in ("NotAuthenticated", "ManagedObjectNotFound"):
        with pytest.raises(SessionLostError):
            raise_mapped(parse_fault({"_typeName": name}))
    with pytest.raises(VcenterUnavailableError, match="answers NewFault: of tomorrow"):
        raise_mapped(parse_fault({"_typeName": "NewFault", "faultstring": "of tomorrow"}))


def raise_mapped(fault: Exception | None) -> None:
    assert fault is not None
    with vcenter_errors("vc.example", VARIABLES):
        raise fault


@pytest.mark.parametrize("body", [None, [], "x", {}, {"_typeName": 5}, {"faultstring": "x"}])
def test_what_is_no_fault(body: Any) -> None:
    assert parse_fault(body) is None


@pytest.mark.parametrize("strange", [None, 5, {"type": "Folder"}, {"type": "NoSuch", "value": "1"}, {"type": "Event"}])
def test_a_fault_about_a_strange_object_is_still_that_fault(strange: Any) -> None:
    fault = parse_fault({"_typeName": "NoPermission", "object": strange, "privilegeId": strange})
    assert isinstance(fault, vim.fault.NoPermission)


def test_the_name_of_what_is_no_fault_is_an_unknown_fault() -> None:
    assert isinstance(parse_fault({"_typeName": "VmEvent"}), UnknownFaultError)
    assert isinstance(parse_fault({"_typeName": "RuntimeFault"}), vmodl.RuntimeFault)


# ---- what is spoken


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("99.0.0.0", "9.1.0.0", "9.0.0.0", "8.0.3.0"), "9.1.0.0"),
        (("8.0.2.0", "8.0.1.0"), "8.0.2.0"),
        (("8.0.1.0",), "8.0.1.0"),  # without hello
    ],
)
@pytest.mark.parametrize("protocol", ["json", "auto"])
def test_the_newest_release_that_both_know_is_spoken(
    offered: tuple[str, ...], chosen: str, protocol: Protocol, run: Run
) -> None:
    with run_simulator(releases=offered) as own, capture_logs() as logs:
        one = session(own.url, protocol=protocol)
        run(one.log_in())
        assert isinstance(one.wire, JsonWire)
        assert (one.wire.release, one.api_version) == (chosen, "8.0.3.0")
        run(one.log_out())
    assert [line["protocol"] for line in logs] == ["json"]


def test_the_releases_are_those_of_soap_from_the_first_with_json_on() -> None:
    assert RELEASES[-4:] == ("8.0.3.1", "8.0.3.0", "8.0.2.0", "8.0.1.0")
    assert list(RELEASES) == sorted(RELEASES, reverse=True)


@pytest.mark.parametrize("offered", [(), ("99.0.0.0",)], ids=["before 8.0 U1", "of tomorrow"])
def test_auto_speaks_soap_where_there_is_no_json_and_says_so_once(offered: tuple[str, ...], run: Run) -> None:
    with run_simulator(releases=offered) as own, capture_logs() as logs:
        one = session(own.url, protocol="auto")
        for _ in range(2):
            run(one.log_in())
            assert one.wire.name == "soap"
        run(one.log_out())
    said = [line for line in logs if line["event"] == "vCenter does not offer VI/JSON, speaking SOAP"]
    assert len(said) == 1


@pytest.mark.parametrize(
    "path", ["SessionManager", "ServiceInstance/ServiceInstance/CurrentTime", "EventManager", "EventHistoryCollector"]
)
@pytest.mark.parametrize("status", [400, 404, 405, 500])
def test_auto_speaks_soap_where_json_is_offered_and_does_not_work(path: str, status: int) -> None:
    async def read(own: Simulator) -> list[int]:
        async with vcenter_client(own.url, "auto") as vcenter, aclosing(read_events(vcenter)) as events:
            return [(await anext(events)).key for _ in range(10)]  # type: ignore[union-attr]  # no gap is told here

    with run_simulator() as own, capture_logs() as logs:
        post_events(own, 10)
        set_fault(own, fault="status", status=status, path=f"/sdk/vim25/8.0.3.0/{path}", count=1000)
        assert asyncio.run(read(own)) == list(range(1, 11))
        state = read_state(own)
        assert (state["sessions"], state["collectors"]) == (0, 0)
    said = [line for line in logs if line["event"] == "VI/JSON does not work with this vCenter, speaking SOAP"]
    assert len(said) == 1
    assert f"answers {status}" in said[0]["reason"]


@pytest.mark.parametrize("status", [401, 403])
def test_a_login_that_is_refused_by_a_status_alone_is_a_refusal(status: int, run: Run) -> None:
    with run_simulator() as own:
        set_fault(own, fault="status", status=status, path="/sdk/vim25/8.0.3.0/SessionManager")
        one = session(own.url, protocol="auto")
        with pytest.raises(AuthenticationError, match="refuses the user name or password"):
            run(one.log_in())
        with pytest.raises(AuthenticationError, match="not tried again unless they change"):
            run(one.log_in())


def test_a_status_without_a_fault_is_a_lost_session_in_a_session(run: Run) -> None:
    with run_simulator() as own:
        one = session(own.url, protocol="json")
        run(one.log_in())
        set_fault(own, fault="status", status=401, path="/sdk/vim25/8.0.3.0/ServiceInstance")
        with pytest.raises(SessionLostError):
            run(one.current_time())
        run(one.log_out())


def test_json_alone_says_what_to_do_where_there_is_none(run: Run) -> None:
    expected = r"does not offer VI/JSON: it answers 404 Not Found to release 8\.0\.1\.0; set VCENTER_PROTOCOL to"
    with run_simulator(releases=()) as own, pytest.raises(VcenterUnavailableError, match=expected):
        run(session(own.url, protocol="json").log_in())
    expected = f"none of the releases {', '.join(RELEASES)}; set"
    with run_simulator(releases=("99.0.0.0",)) as own, pytest.raises(VcenterUnavailableError, match=expected):
        run(session(own.url, protocol="json").log_in())


@pytest.mark.parametrize("protocol", ["json", "auto"])
@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_vcenter_that_has_not_started_is_named_as_by_soap(status: int, protocol: Protocol, run: Run) -> None:
    expected = f"answers {status} .*and that vCenter has started"
    with capture_logs() as logs, web_server(status, b"") as url, pytest.raises(VcenterUnavailableError, match=expected):
        run(session(url, protocol=protocol).log_in())
    assert logs == []


def test_auto_comes_back_to_json_where_it_was_not_there_for_a_while(run: Run) -> None:
    with run_simulator() as own:
        one = session(own.url, protocol="auto")
        set_fault(own, fault="status", status=503, path="/sdk/vim25")
        for expected in ("soap", "json"):
            run(one.log_in())
            assert one.wire.name == expected
        run(one.log_out())


def test_a_hello_that_is_not_answered_costs_the_newer_releases_alone(run: Run) -> None:
    with run_simulator() as own:
        set_fault(own, fault="status", status=503, path="/api/vcenter/system")
        one = session(own.url, protocol="auto")
        run(one.log_in())
        assert isinstance(one.wire, JsonWire)
        assert one.wire.release == "8.0.1.0"
        run(one.log_out())


def test_an_answer_that_is_not_json_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="Expecting value"):
        parse_json(b"<html>")
