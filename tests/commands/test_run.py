"""``vcenter-source run`` as its users meet it: a process, its output, its exit code."""

import json
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest
from cloudevents.core.base import BaseCloudEvent

from tests.support.processes import process, process_anew, wait_for_line
from tests.support.recording_sink import Answer, recording_sink
from tests.support.simulator_control import LOGIN, post_events, read_state, set_fault
from tests.support.web_server import web_server
from vcenter_simulator.accounts import PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_simulator.testing import run_simulator


def refusal(*arguments: str, **settings: str) -> tuple[int, str]:
    """The exit code and what is said on standard error: one line, no traceback."""
    with process("vcenter_source", "run", *arguments, **settings) as adapter:
        _, said = adapter.communicate(timeout=40)
    assert said.count("\n") == 1, said
    assert said.startswith("vcenter-source: ")
    assert PASSWORD not in said
    return adapter.returncode, said


@pytest.mark.parametrize("protocol", ["soap", "json"])
def test_a_first_look_prints_one_event_a_line_and_ends_on_sigint(simulator: Simulator, protocol: str) -> None:
    post_events(simulator, 4)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "VCENTER_PROTOCOL": protocol}
    with process_anew("vcenter_source", "run", "--sink", "-", **settings, **LOGIN) as adapter:
        assert adapter.stdout is not None
        events = [json.loads(adapter.stdout.readline()) for _ in range(4)]
        adapter.send_signal(signal.SIGINT)
        _, log = adapter.communicate(timeout=30)
    assert adapter.returncode == 0
    assert "Traceback" not in log
    assert {event["source"] for event in events} == {simulator.url}
    assert [event["id"] for event in events] == [str(event["data"]["key"]) for event in events]


def test_a_reader_who_has_seen_enough_ends_it_quietly(simulator: Simulator) -> None:
    post_events(simulator, 500)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning"}
    with process("vcenter_source", "run", "--sink", "-", **settings, **LOGIN) as adapter:
        assert adapter.stdout is not None
        assert adapter.stderr is not None
        adapter.stdout.readline()
        adapter.stdout.close()
        log = adapter.stderr.read()
        assert adapter.wait(timeout=30) == 0
    assert "Traceback" not in log
    assert "BrokenPipe" not in log


@pytest.mark.parametrize("protocol", ["soap", "json"])
def test_a_new_event_is_at_the_sink_within_a_quarter_of_a_second(simulator: Simulator, protocol: str) -> None:
    delays = []
    settings = {"VCENTER_URL": simulator.url, "VCENTER_PROTOCOL": protocol}
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", **settings, K_SINK=sink.url, **LOGIN) as adapter,
    ):
        wait_for_line(adapter, "reading events")
        post_events(simulator, 1)
        sink.take()
        for _ in range(5):
            post_events(simulator, 1)
            begun = time.perf_counter()  # a client of its own for each post takes its time
            sink.take()
            delays.append(time.perf_counter() - begun)
    assert sorted(delays)[2] < 0.25  # the median, since the machine may pause


def test_start_from_now_leaves_the_past_alone_and_a_time_does_not(simulator: Simulator) -> None:
    post_events(simulator, 3)
    with recording_sink() as sink:
        settings = {"VCENTER_URL": simulator.url, "K_SINK": sink.url} | LOGIN
        with process("vcenter_source", "run", **settings) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator, 1)
            first = sink.take()
        assert first.get_attributes()["eventname"] != "UserLoginSessionEvent"
        newest = int(first.get_id())
        since = first.get_attributes()["time"].isoformat()
        with process("vcenter_source", "run", START_FROM=since, **settings):
            # Two of different objects, the other one this process's own log-in, which may overtake each other.
            assert min(int(sink.take().get_id()) for _ in range(2)) == newest


@pytest.mark.parametrize(
    ("patterns", "types"),
    [
        ("VmPoweredOnEvent", {"com.vmware.event.vm.poweredon"}),
        ("com.vmware.event.vm.*", {"com.vmware.event.vm.poweredon"}),
    ],
    ids=["filtered in vCenter", "filtered here"],
)
def test_only_the_wanted_types_are_sent(simulator: Simulator, patterns: str, types: set[str]) -> None:
    post_events(simulator, 12)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "EVENT_TYPES": patterns}
    with recording_sink() as sink, process("vcenter_source", "run", K_SINK=sink.url, **settings, **LOGIN):
        assert {sink.take().get_type() for _ in range(3)} == types


def test_a_pattern_that_matches_nothing_is_warned_of_with_the_right_one(simulator: Simulator) -> None:
    with process(
        "vcenter_source", "run", VCENTER_URL=simulator.url, K_SINK="-", EVENT_TYPES="vm.powredon*", **LOGIN
    ) as adapter:
        line = wait_for_line(adapter, "matches no known event type")
    assert "EVENT_TYPES" in line
    assert "'vm.powredon*'" in line
    assert "did you mean com.vmware.event.vm.poweredon, " in line


def test_the_format_of_vmwares_event_broker(simulator: Simulator) -> None:
    post_events(simulator, 12)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "EVENT_TYPES": "VmPoweredOnEvent"}
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", K_SINK=sink.url, EVENT_FORMAT="veba", **settings, **LOGIN),
    ):
        event = sink.take()
    data = event.get_data()
    assert event.get_type() == "com.vmware.vsphere.VmPoweredOnEvent.v0"
    assert isinstance(data, dict)
    assert data["Vm"]["Vm"]["Type"] == "VirtualMachine"


def test_knatives_overrides_travel_with_every_event(simulator: Simulator) -> None:
    post_events(simulator, 1)
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning"}
    overrides = '{"extensions":{"cluster":"east"}}'
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", K_SINK=sink.url, K_CE_OVERRIDES=overrides, **settings, **LOGIN),
    ):
        assert sink.take().get_attributes()["cluster"] == "east"


@pytest.mark.parametrize("protocol", ["soap", "json"])
def test_an_event_of_an_unknown_class_costs_nothing(simulator: Simulator, protocol: str) -> None:
    settings = {"VCENTER_URL": simulator.url, "VCENTER_PROTOCOL": protocol}
    with (
        recording_sink() as sink,
        process("vcenter_source", "run", **settings, K_SINK=sink.url, **LOGIN) as adapter,
    ):
        wait_for_line(adapter, "reading events")
        set_fault(simulator, fault="unknown-class")
        post_events(simulator, 1)
        # Of two objects, so either may come first.
        both = sorted((sink.take(), sink.take()), key=lambda event: int(event.get_id()))
    assert both[0].get_type() == "com.vmware.event.unknown.vmquantumentangled"
    assert int(both[1].get_id()) == int(both[0].get_id()) + 1


def test_a_failing_sink_gets_every_event_in_the_end(simulator: Simulator) -> None:
    def every_other(request: int) -> Answer:
        return (503, {"Retry-After": "0"}) if request % 2 else (202, {})

    def ids(events: list[BaseCloudEvent]) -> list[int]:
        return sorted(int(event.get_id()) for event in events)

    with (
        recording_sink(every_other) as sink,
        process("vcenter_source", "run", VCENTER_URL=simulator.url, K_SINK=sink.url, **LOGIN) as adapter,
    ):
        wait_for_line(adapter, "reading events")
        post_events(simulator, 10)
        arrived = ids([sink.take(30) for _ in range(10)])
    assert arrived == list(range(arrived[0], arrived[0] + 10))


def test_sigterm_delivers_what_is_on_its_way_and_the_next_run_goes_on_from_there(
    simulator: Simulator, tmp_path: Path
) -> None:
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning"} | LOGIN
    settings["CHECKPOINT"] = f"file://{tmp_path}/checkpoint.json"
    post_events(simulator, 200)
    total = read_state(simulator)["events"]
    with recording_sink() as sink:
        with process("vcenter_source", "run", K_SINK=sink.url, **settings) as adapter:
            sink.take()
            adapter.send_signal(signal.SIGTERM)
            adapter.communicate(timeout=30)
            assert adapter.returncode == 0
        with process("vcenter_source", "run", K_SINK=sink.url, **settings):
            for _ in range(total - 1):
                sink.take()
        ids = [request.headers["ce-id"] for request in sink.requests]
    assert len(ids) == len(set(ids)), "an event was sent twice"


def test_a_checkpoint_of_another_vcenter_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    """The message ends in the command that removes it, and then the adapter begins."""
    checkpoint = tmp_path / "of another" / "checkpoint.json"
    checkpoint.parent.mkdir()
    checkpoint.write_text(
        '{"owner":"x","instanceUuid":"another","last":null,"horizon":"2026-01-31T08:00:00Z","acknowledged":[]}'
    )
    settings = {"VCENTER_URL": simulator.url, "CHECKPOINT": f"file://{checkpoint}", "K_SINK": "http://127.0.0.1:9/"}
    with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
        _, said = adapter.communicate(timeout=30)
    assert adapter.returncode == 2
    assert "vcenter-source: CHECKPOINT: was kept for the vCenter with instance uuid another" in said
    subprocess.run(said.strip().partition("at START_FROM: ")[2], shell=True, check=True)
    with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
        wait_for_line(adapter, "reading events")


def test_a_wrong_setting_is_one_line_where_python_starts_for_it() -> None:
    with process_anew(
        "vcenter_source", "run", VCENTER_URL="ftp://vc", K_SINK="http://127.0.0.1:9/", **LOGIN
    ) as adapter:
        printed, said = adapter.communicate(timeout=30)
    assert (adapter.returncode, printed, said.count("\n")) == (2, "", 1)
    assert said.startswith("vcenter-source: VCENTER_URL: not an address")


def test_a_wrong_password_is_one_line(simulator: Simulator) -> None:
    wrong = LOGIN | {"VCENTER_PASSWORD": "wrong"}
    code, said = refusal("--sink", "-", VCENTER_URL=simulator.url, **wrong)
    assert code == 1
    assert "refuses the user name or password; check VCENTER_USERNAME and VCENTER_PASSWORD" in said


def test_an_unreachable_vcenter_is_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        code, said = refusal("--sink", "-", VCENTER_URL=f"http://127.0.0.1:{taken.getsockname()[1]}", **LOGIN)
    assert code == 1
    assert "cannot be reached: Connection refused; check VCENTER_URL" in said


def test_a_host_that_is_no_vcenter_is_one_line() -> None:
    with web_server(200, b"<html><body>hi</body></html>") as url:
        code, said = refusal("--sink", "-", VCENTER_URL=url, **LOGIN)
    assert code == 1
    assert "check VCENTER_URL" in said


def test_a_self_signed_certificate_is_one_line_with_both_ways_out() -> None:
    with run_simulator(tls=True) as secure:
        code, said = refusal("--sink", "-", VCENTER_URL=secure.url, **LOGIN)
    assert code == 1
    assert "VCENTER_CA_FILE" in said
    assert "VCENTER_INSECURE" in said


@pytest.mark.parametrize("how", ["VCENTER_CA_FILE", "VCENTER_INSECURE"])
def test_each_of_the_two_ways_out_works(tmp_path: Path, how: str) -> None:
    certificate = tmp_path / "vcenter.pem"
    value = {"VCENTER_CA_FILE": str(certificate), "VCENTER_INSECURE": "true"}[how]
    with run_simulator(tls=True, trust_cert=certificate) as secure:
        settings = {"VCENTER_URL": secure.url, how: value}
        with process("vcenter_source", "run", "--sink", "-", START_FROM="beginning", **settings, **LOGIN) as adapter:
            assert adapter.stdout is not None
            assert json.loads(adapter.stdout.readline())["specversion"] == "1.0"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"VCENTER_URL": "ftp://vc"}, "VCENTER_URL: not an address"),
        ({"VCENTER_URL": ""}, "VCENTER_URL: not set"),
        ({"VCENTER_URL": "vc", "EVENT_FORMAT": "xml"}, "EVENT_FORMAT: 'xml'"),
        ({"VCENTER_URL": "vc", "EVENT_TYPES": "VmPowerdOnEvent"}, "VmPoweredOnEvent"),
        ({"VCENTER_URL": "vc", "CHECKPOINT": "s3://bucket"}, "CHECKPOINT: 's3://bucket'"),
        ({"VCENTER_URL": "vc", "K_SINK": ""}, "K_SINK: not set"),
        (
            {"VCENTER_URL": "vc", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://vc", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9999"},
            "OTEL_",
        ),
        (
            {"VCENTER_URL": "vc", "VCENTER_SECRET_PATH": "/no/such"},
            "VCENTER_SECRET_PATH: cannot read /no/such/username",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(settings: dict[str, str], words: str) -> None:
    code, said = refusal(**({"K_SINK": "http://127.0.0.1:9/"} | LOGIN | settings))
    assert code == 2
    assert words in said
