"""The probes: what each check says when, and over HTTP while things go wrong and mend."""

import os
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cloudevents.core.v1.event import CloudEvent

from tests.support.adapter_admin import run_adapter
from tests.support.processes import process, wait_for_line
from tests.support.recording_sink import Answer, recording_sink
from tests.support.simulator_control import LOGIN, control, end_faults
from tests.support.waiting import eventually
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.envelope import Envelope
from vcenter_source.observe.health import Check, VcenterHealth
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.settings.source import load

QUICK = {"HEALTH_STALE_AFTER": "0.5", "RETRY_MAX_DELAY": "0.2", "CHECKPOINT_INTERVAL": "0.1"}


@dataclass
class Judged:
    """A status and its judgement, with a clock that a test holds in its hand."""

    now: float = 1000.0
    status: PipelineStatus = field(init=False)

    def __post_init__(self) -> None:
        self.status = PipelineStatus(lambda: self.now)

    def accept(self, envelope: Envelope) -> None:
        envelope.accepted_at = self.now
        self.status.on_accepted(envelope)

    def check(self, name: str, after: float = 0.0) -> Check:
        self.now += after
        return VcenterHealth(self.status, stale_after=60.0, checkpoint_interval=5.0).run_checks()[name]


def make_envelope() -> Envelope:
    attributes = {"id": "1", "source": "https://vc/sdk", "type": "com.vmware.event.vm.poweredon"}
    return Envelope(CloudEvent(attributes), "vm-1")


def test_vcenter_counts_as_reachable_once_it_was_read_and_until_it_fails_for_long() -> None:
    judged = Judged()
    assert judged.check("vcenter") == Check(ok=False, why="not read yet")
    judged.status.vcenter.record_failure("refused")
    assert judged.check("vcenter") == Check(ok=False, why="not read yet: refused")
    judged.status.vcenter.record_success()
    assert judged.check("vcenter", 9) == Check(ok=True, why="read 9 s ago")
    judged.status.vcenter.record_failure("refused")
    assert judged.check("vcenter", 60).ok
    assert judged.check("vcenter", 1) == Check(ok=False, why="not read for 70 s: refused")
    judged.status.vcenter.record_success()
    assert judged.check("vcenter").ok


def test_for_somebody_who_looks_a_check_fails_with_the_last_call() -> None:
    judged = Judged()
    health = VcenterHealth(judged.status, stale_after=60.0, checkpoint_interval=5.0)
    judged.status.vcenter.record_success()
    judged.accept(make_envelope())
    judged.status.sink.record_failure("503 Service Unavailable")
    judged.status.vcenter.record_failure("refused")
    assert all(check.ok for check in health.run_checks().values())
    assert health.run_checks_now() == {
        "vcenter": Check(ok=False, why="read 0 s ago: refused"),
        "sink": Check(ok=False, why="no event accepted yet: 503 Service Unavailable"),
        "checkpoint": Check(ok=True, why="nothing to save yet"),
    }


def test_a_vcenter_that_neither_answers_nor_fails_is_noticed() -> None:
    judged = Judged()
    judged.status.vcenter.record_success()
    assert judged.check("vcenter", 70).ok
    assert judged.check("vcenter", 1) == Check(ok=False, why="has not answered for 71 s")


def test_vcenter_is_not_blamed_while_the_sink_holds_the_reading() -> None:
    judged = Judged()
    judged.status.vcenter.record_success()
    judged.accept(make_envelope())
    assert judged.check("vcenter", 3600).ok


def test_a_sink_is_ready_while_nothing_waits_for_long() -> None:
    judged, one = Judged(), make_envelope()
    assert judged.check("sink", 3600) == Check(ok=True, why="no event accepted yet")
    judged.accept(one)
    judged.status.on_retrying(one, "503")
    assert judged.check("sink", 60).ok
    assert judged.check("sink", 1) == Check(
        ok=False,
        why="no event accepted yet, and event 1 (com.vmware.event.vm.poweredon) waits for 61 s: 1 failed try: 503",
    )
    judged.status.on_delivered(one)
    assert judged.check("sink", 3) == Check(ok=True, why="the last event was accepted 3 s ago")


def test_one_event_that_the_sink_never_takes_does_not_hide_that_it_takes_the_others() -> None:
    judged, stuck, other = Judged(), make_envelope(), make_envelope()
    judged.accept(stuck)
    judged.now += 3600
    judged.accept(other)
    judged.status.on_retrying(stuck, "500: oh")
    judged.status.on_retrying(stuck, "500: no")
    judged.status.on_retrying(other, "503: later")
    judged.status.on_delivered(other)
    held = "waits for 3660 s: 2 failed tries: 500: no"
    check = judged.check("sink", 60)
    assert (check.ok, held in check.why) == (True, True)
    assert not judged.check("sink", 1).ok


def test_what_holds_the_stream_is_named_also_where_it_has_no_answer_yet() -> None:
    judged = Judged()
    for _ in range(64):
        judged.accept(make_envelope())
    assert judged.check("sink", 61) == Check(
        ok=False,
        why="no event accepted yet, and event 1 (com.vmware.event.vm.poweredon) waits for 61 s, and 63 more: "
        "no answer yet",
    )


def test_what_waits_for_thirty_seconds_is_named_before_it_makes_the_sink_not_ready() -> None:
    judged, stuck, other = Judged(), make_envelope(), make_envelope()
    judged.accept(stuck)
    judged.accept(other)
    judged.status.on_retrying(stuck, "500: no")
    judged.status.on_delivered(other)
    assert judged.check("sink", 29) == Check(ok=True, why="the last event was accepted 29 s ago")
    assert judged.check("sink", 1) == Check(
        ok=True,
        why="the last event was accepted 30 s ago, "
        "and event 1 (com.vmware.event.vm.poweredon) waits for 30 s: 1 failed try: 500: no",
    )


def test_a_sink_that_turns_everybody_away_is_not_ready_at_once() -> None:
    judged, one, other = Judged(), make_envelope(), make_envelope()
    judged.accept(one)
    judged.accept(other)
    judged.status.on_access_refused("403: no")
    judged.status.on_retrying(one, "403: no")
    check = judged.check("sink", 1)
    assert (check.ok, "1 failed try: 403: no" in check.why) == (False, True)
    judged.status.on_delivered(other)
    assert judged.check("sink").ok, "others get through"
    judged.status.on_access_refused("403: no")
    assert not judged.check("sink").ok
    judged.status.on_dead_lettered(one, "403: no")
    assert judged.check("sink").ok, "nothing waits"


def test_a_checkpoint_that_cannot_be_saved_shows_after_a_while() -> None:
    judged = Judged()
    assert judged.check("checkpoint", 3600) == Check(ok=True, why="nothing to save yet")
    judged.status.checkpoint.record_failure("disk full")
    assert judged.check("checkpoint", 60).ok
    assert judged.check("checkpoint", 1) == Check(ok=False, why="not saved for 61 s: disk full")
    judged.status.checkpoint.record_success()
    assert judged.check("checkpoint", 65).ok
    # A store that hangs, on a network file system say, neither succeeds nor fails.
    assert judged.check("checkpoint", 1) == Check(ok=False, why="not saved for 66 s")


def test_readiness_follows_the_sink_and_names_what_it_said() -> None:
    answers: list[Answer] = [(202, {})]

    with (
        run_simulator() as simulator,
        recording_sink(lambda _: answers[-1]) as sink,
        run_adapter(simulator, K_SINK=sink.url, **QUICK) as admin,
    ):
        eventually(admin.is_ready)
        answers.append((503, {}))
        control(simulator, "events", count=1)
        assert f"{sink.url} answers 503" in eventually(lambda: admin.unready("sink"))
        assert admin.get("/healthz").status_code == 200
        answers.append((202, {}))
        eventually(admin.is_ready)
        answers.append((403, {}))
        control(simulator, "events", count=20)
        assert f"{sink.url} answers 403" in eventually(lambda: admin.unready("sink"))
        accepted = len(sink.requests)
        eventually(lambda: len(sink.requests) > accepted + 100)
        answers.append((202, {}))
        eventually(admin.is_ready)
        assert not any(admin.samples("vcenter_source_events_dead_lettered_total").values())


def test_readiness_follows_vcenter_and_names_what_it_said() -> None:
    with (
        run_simulator() as simulator,
        recording_sink() as sink,
        run_adapter(simulator, K_SINK=sink.url, **QUICK) as admin,
    ):
        eventually(admin.is_ready)
        control(simulator, "faults", fault="status", status=503, count=100_000, path="/sdk")
        control(simulator, "events", count=1)  # ends the wait for it
        assert "503" in eventually(lambda: admin.unready("vcenter"))
        assert admin.get("/healthz").status_code == 200
        end_faults(simulator)
        eventually(admin.is_ready)
        sink.take()


def test_readiness_follows_the_checkpoints_store(tmp_path: Path) -> None:
    folder, away = tmp_path / "here", tmp_path / "away"
    folder.mkdir()
    with (
        run_simulator() as simulator,
        recording_sink() as sink,
        run_adapter(simulator, K_SINK=sink.url, CHECKPOINT=f"file://{folder}/checkpoint.json", **QUICK) as admin,
    ):
        eventually(admin.is_ready)
        folder.rename(away)
        control(simulator, "events", count=1)
        assert "No such file or directory" in eventually(lambda: admin.unready("checkpoint"))
        sink.take()  # the stream goes on
        away.rename(folder)
        eventually(admin.is_ready)


def test_probes_are_answered_while_a_stop_drains_and_the_exit_code_is_0() -> None:
    answers: list[Answer] = [(503, {})]

    with (
        run_simulator(backlog=1) as simulator,
        recording_sink(lambda _: answers[-1]) as sink,
        run_adapter(simulator, K_SINK=sink.url, START_FROM="beginning", **QUICK) as admin,
        httpx.Client() as scraper,  # keeps its connection, as Prometheus does
    ):
        eventually(lambda: admin.samples("vcenter_source_events_in_flight")[""])
        assert scraper.get(f"{admin.url}/metrics").status_code == 200
        admin.adapter.send_signal(signal.SIGTERM)
        assert scraper.get(f"{admin.url}/healthz").text == "ok\n"
        answers.append((202, {}))
        assert "undelivered=0" in wait_for_line(admin.adapter, "stopped")
        admin.adapter.communicate(timeout=10)
    assert admin.adapter.returncode == 0


def test_a_port_in_use_is_one_line_that_names_the_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        settings = {
            "HEALTH_HOST": "127.0.0.1",
            "HEALTH_PORT": port,
            "K_SINK": "http://127.0.0.1:9/",
            "VCENTER_URL": "vc",
        }
        with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
            _, said = adapter.communicate(timeout=30)
    assert adapter.returncode == 2
    expected = f"vcenter-source: HEALTH_PORT: cannot listen on 127.0.0.1:{port}: address already in use; set another"
    assert said.startswith(expected)
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("sink", "given_port", "port"),
    [
        ("http://broker/", None, 8081),
        ("http://broker/", "0", 0),
        ("http://broker/", "off", None),
        ("-", None, None),
        ("-", "9000", 9000),
    ],
)
def test_where_it_is_served(
    monkeypatch: pytest.MonkeyPatch, sink: str, given_port: str | None, port: int | None
) -> None:
    for name in [name for name in os.environ if name.startswith("HEALTH_")]:
        monkeypatch.delenv(name)
    for name, value in (LOGIN | {"VCENTER_URL": "vc"}).items():
        monkeypatch.setenv(name, value)
    if given_port is not None:
        monkeypatch.setenv("HEALTH_PORT", given_port)
    assert load(K_SINK=sink).health_port == port


def test_an_admin_server_that_is_off_is_not_there() -> None:
    with run_simulator(backlog=1) as simulator, recording_sink() as sink:
        settings = {"VCENTER_URL": simulator.url, "K_SINK": sink.url, "START_FROM": "beginning", "HEALTH_PORT": "off"}
        with process("vcenter_source", "run", **settings, **LOGIN) as adapter:
            sink.take()
            adapter.terminate()
            _, log = adapter.communicate(timeout=20)
    assert "stopped" in log
    assert "serving" not in log
