"""Faults on demand, as a client meets them."""

import http.client
import socket
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pyVmomi import vim, vmodl

from tests.support import loopback
from tests.support.simulator_control import end_faults, post_events, posted_events, read_state
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator, service_instance

Filter = vim.event.EventFilterSpec
VERSIONS = "/sdk/vimServiceVersions.xml"


def fault(simulator: Simulator, name: str, **options: object) -> httpx.Response:
    return loopback.post(f"{simulator.base}/simulator/faults", json={"fault": name, **options})


def state(simulator: Simulator) -> dict[str, Any]:
    counters: dict[str, Any] = read_state(simulator)
    return counters


def collector(service: Any, **options: Any) -> Any:
    return service.content.eventManager.CreateCollectorForEvents(Filter(**options))


def test_sessions_expire_at_both_doors(simulator: Simulator, service: Any) -> None:
    account = ("administrator@vsphere.local", "VMware1!")
    token = loopback.post(f"{simulator.base}/api/session", auth=account).json()
    tags = f"{simulator.base}/api/cis/tagging/category"
    assert loopback.get(tags, headers={"vmware-api-session-id": token}).status_code == 200
    assert fault(simulator, "expire-sessions").status_code == 204
    assert loopback.get(tags, headers={"vmware-api-session-id": token}).status_code == 401
    with pytest.raises(vim.fault.NotAuthenticated):
        service.CurrentTime()
    assert state(simulator)["sessions"] == 0


def test_a_dropped_connection_gives_no_answer_at_all(simulator: Simulator) -> None:
    fault(simulator, "drop-connections", count=2)
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            loopback.get(simulator.base + VERSIONS)
    assert loopback.get(simulator.base + VERSIONS).status_code == 200


def test_cut_connections_end_what_is_under_way_and_the_session_lives_on(simulator: Simulator, service: Any) -> None:
    fault(simulator, "cut-connections", seconds=0.3)
    with pytest.raises((OSError, http.client.HTTPException)):
        service.CurrentTime()
    time.sleep(0.4)  # what is tested is that it passes by itself
    assert service.CurrentTime() is not None
    assert state(simulator)["sessions"] == 1


def test_an_answer_that_is_lost_is_one_of_what_was_carried_out(simulator: Simulator, service: Any) -> None:
    fault(simulator, "lose-answers", method="CreateCollectorForEvents")
    assert service.CurrentTime() is not None
    with pytest.raises(http.client.HTTPException):
        collector(service)
    assert state(simulator)["collectors"] == 1
    assert state(simulator)["faults"] == 0


def test_an_answer_trickles(simulator: Simulator, service: Any) -> None:
    fault(simulator, "trickle", method="CurrentTime", seconds=0.001)
    begun = time.monotonic()
    service.CurrentTime()
    assert time.monotonic() - begun > 0.3, "some hundred bytes"


def test_pages_take_as_long_as_they_are_asked_to_be(simulator: Simulator, service: Any) -> None:
    fault(simulator, "slow-pages", seconds=0.001)
    one = collector(service)
    took = []
    for count in (10, 300):
        begun = time.monotonic()
        one.ReadNextEvents(count)
        took.append(time.monotonic() - begun)
    assert took[0] < 0.3 <= took[1]
    end_faults(simulator)
    assert not simulator.vcenter.faults.per_event


def test_large_events_have_the_bytes_that_were_asked_for(simulator: Simulator, service: Any) -> None:
    fault(simulator, "large-events", count=2, bytes=100_000)
    events = [each for each in collector(service).ReadNextEvents(10) if isinstance(each, vim.event.GeneralUserEvent)]
    assert [len(each.fullFormattedMessage or "") for each in events] == [100_000, 100_000]


def test_log_ins_are_refused_and_counted_and_five_in_three_minutes_lock_the_account(simulator: Simulator) -> None:
    def log_in(password: str) -> bool:
        answer = loopback.post(f"{simulator.base}/api/session", auth=("administrator@vsphere.local", password))
        return answer.status_code == 201

    fault(simulator, "refuse-logins", count=1)
    assert [log_in("VMware1!") for _ in range(2)] == [False, True]
    fault(simulator, "lock-out", failures=5, seconds=180)
    assert not any(log_in("wrong") for _ in range(4))
    assert log_in("VMware1!")
    assert not log_in("wrong")
    assert not log_in("VMware1!")
    assert state(simulator)["refusedLogins"] == 7


def test_an_esxi_host_says_so(simulator: Simulator) -> None:
    fault(simulator, "esxi-host")
    with service_instance(simulator) as host:
        assert (host.content.about.apiType, host.content.about.instanceUuid) == ("HostAgent", None)


def test_a_status_is_answered_so_many_times_on_its_path(simulator: Simulator) -> None:
    fault(simulator, "status", status=503, count=2, path="/sdk")
    assert loopback.get(f"{simulator.base}/api/cis/tagging/category").status_code == 401
    assert [loopback.get(simulator.base + VERSIONS).status_code for _ in range(3)] == [503, 503, 200]


def test_pyvmomi_sees_a_status_as_an_error(simulator: Simulator, service: Any) -> None:
    fault(simulator, "status", status=503, count=1, path="/sdk")
    with pytest.raises(http.client.HTTPException, match="503"):
        service.CurrentTime()
    assert service.CurrentTime()


def test_a_delay_holds_the_answer_back(simulator: Simulator) -> None:
    fault(simulator, "delay", seconds=0.3, count=1)
    started = time.monotonic()
    loopback.get(simulator.base + VERSIONS)
    assert time.monotonic() - started >= 0.3
    assert state(simulator)["faults"] == 0, "it holds back one"


def test_an_end_waits_for_no_delay() -> None:
    with socket.socket() as client, run_simulator() as own:
        client.connect(("127.0.0.1", int(own.base.rpartition(":")[2])))
        fault(own, "delay", seconds=50)
        client.sendall(f"GET {VERSIONS} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while own.vcenter.faults.pending:
            time.sleep(0.01)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5


def test_pending_faults_can_be_taken_back(simulator: Simulator) -> None:
    fault(simulator, "status", count=5)
    assert state(simulator)["faults"] == 1
    assert loopback.delete(f"{simulator.base}/simulator/faults").status_code == 204
    assert loopback.get(simulator.base + VERSIONS).status_code == 200


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"fault": "earthquake"}, "fault must be one of expire-sessions"),
        ({"fault": "status", "status": 200}, "status must be a whole number from 400 to 599"),
        ({"fault": "drop-connections", "count": "two"}, "count must be"),
        ({"fault": "delay"}, "seconds must be a number"),
        ({"fault": "delay", "seconds": -1}, "seconds must be a number, 0 or more"),
        ({"fault": "step-clock", "seconds": "back"}, "seconds must be a number"),
        ({"fault": "status", "path": 1}, "path must be a string"),
        ({"fault": "hide-events"}, "count must be"),
        ([], "the body must be a JSON object"),
    ],
)
def test_a_wrong_fault_is_refused_with_the_reason(untouched: Simulator, body: object, error: str) -> None:
    answer = loopback.post(f"{untouched.base}/simulator/faults", json=body)
    assert answer.status_code == 400
    assert error in answer.json()["error"]


def test_an_unknown_class_stands_in_the_page_as_raw_xml(simulator: Simulator, service: Any) -> None:
    reader = collector(service)
    fault(simulator, "unknown-class")
    page = read_page(simulator, service, reader, 1000)
    assert '<returnval xsi:type="UserLoginSessionEvent"><key>1</key>' in page
    assert '<returnval xsi:type="VmQuantumEntangledEvent"><key>2</key>' in page
    assert '<powerState xsi:type="VirtualMachinePowerState">superposed</powerState>' in page


def test_a_gap_that_no_page_reaches_across_is_silent_for_ever(simulator: Simulator, service: Any) -> None:
    reader, wide = collector(service), collector(service)
    fault(simulator, "hide-events", count=50)
    post_events(simulator, 4)
    assert [event.key for event in reader.ReadNextEvents(1)] == [1]
    for _ in range(3):
        assert list(reader.ReadNextEvents(50)) == []
    assert [event.key for event in reader.latestPage] == [55, 54, 53, 52]
    assert [event.key for event in wide.ReadNextEvents(1000)] == [1, 52, 53, 54, 55]


def test_keys_rewind_and_times_do_not(simulator: Simulator, service: Any) -> None:
    post_events(simulator, 3)
    fault(simulator, "rewind-keys", to=2)
    post_events(simulator, 2)
    fault(simulator, "rewind-keys", to=2**31 - 1)
    post_events(simulator, 2)
    events = list(collector(service).ReadNextEvents(1000))
    assert [event.key for event in events] == [1, 2, 3, 4, 2, 3, 2**31 - 1, -(2**31)]
    times = [event.createdTime for event in events]
    assert times == sorted(set(times))


def test_the_clock_is_set_back_and_what_is_held_is_told(simulator: Simulator, service: Any) -> None:
    post_events(simulator, 2)
    fault(simulator, "step-clock", seconds=-3600)
    fault(simulator, "hide-events", count=1)
    assert service.CurrentTime() < datetime.now(UTC) - timedelta(minutes=59)
    held = posted_events(simulator)
    assert [(event["key"], event["class"], event["hidden"]) for event in held] == [
        (1, "UserLoginSessionEvent", False),
        (2, "VmPoweredOnEvent", False),
        (3, "TaskEvent", False),
        (4, "ResourcePoolCreatedEvent", True),
    ]
    created = [datetime.fromisoformat(event["createdTime"]) for event in held]
    assert created[2] - created[3] > timedelta(minutes=59)


def test_collectors_are_destroyed_and_their_session_lives(simulator: Simulator, service: Any) -> None:
    reader = collector(service)
    fault(simulator, "destroy-collectors")
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        reader.ReadNextEvents(1)
    assert list(collector(service).ReadNextEvents(1))


def test_a_purge_forgets_the_oldest(simulator: Simulator, service: Any) -> None:
    reader = collector(service)
    post_events(simulator, 20)
    fault(simulator, "purge", keep=5)
    assert [event.key for event in reader.ReadNextEvents(1000)] == [17, 18, 19, 20, 21]
    assert state(simulator)["events"] == 5


def test_the_state_counts_the_calls(simulator: Simulator, service: Any) -> None:
    service.CurrentTime()
    service.CurrentTime()
    counters = state(simulator)
    assert (counters["requests"]["CurrentTime"], counters["sessions"], counters["collectors"]) == (2, 1, 0)


def test_latency_is_added_to_each_answer() -> None:
    with run_simulator(latency=0.2) as simulator:
        started = time.monotonic()
        loopback.get(simulator.base + VERSIONS)
        assert time.monotonic() - started >= 0.2


def read_page(simulator: Simulator, service: Any, reader: Any, count: int, client: httpx.Client | None = None) -> str:
    """ReadNextEvents as raw XML: pyVmomi's decoding is what takes the time."""
    call = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><ReadNextEvents xmlns="urn:vim25">'
        f'<_this type="EventHistoryCollector">{reader._moId}</_this><maxCount>{count}</maxCount>'
        "</ReadNextEvents></e:Body></e:Envelope>"
    )
    cookie = {"cookie": service._stub.cookie.partition(";")[0]}
    return (client or httpx).post(simulator.url, content=call, headers=cookie, timeout=30).text


@pytest.mark.guarantees
def test_a_hundred_thousand_events_are_held_and_read_in_pages() -> None:
    with (
        run_simulator(backlog=100_000) as simulator,
        service_instance(simulator) as service,
        loopback.Client() as client,
    ):
        reader = collector(service)
        sizes = []
        while size := read_page(simulator, service, reader, 1000, client).count("<returnval "):
            sizes.append(size)
        assert sizes == [1000] * 100 + [1]  # the one is the login
        assert state(simulator)["events"] == 100_001
