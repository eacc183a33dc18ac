"""The doctor on the sink, the dead letters and the checkpoint: looked at, and left as they are."""

import re
import socket
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.dead_letters import folder_at, letter, store
from tests.support.doctor import PASSWORD, Doctor, account
from tests.support.kube_api import KubeApi
from tests.support.recording_sink import recording_sink
from vcenter_simulator.server import Simulator
from vcenter_source.commands.doctor import checks
from vcenter_source.commands.doctor import sink as doctor_sink
from vcenter_source.state import kube
from vcenter_source.state.checkpoint import Checkpoint
from vcenter_source.state.checkpoint.configmap import ConfigMapBook, ConfigMapStore
from vcenter_source.state.checkpoint.file import FileStore

NOW = datetime.now(UTC)


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


# --- the sink ---


def test_without_ping_the_sink_is_sent_nothing(doctor: Doctor) -> None:
    with recording_sink() as sink:
        examined = doctor(K_SINK=sink.url)
        assert sink.requests == []
    assert [examined.status(f"sink {step}") for step in ("dns", "tcp", "tls", "ping")] == ["ok"] * 4
    assert "not sent" in examined.found("sink ping")


def test_a_ping_is_a_cloudevent_of_the_adapters_own(doctor: Doctor, simulator: Simulator) -> None:
    with recording_sink() as sink:
        examined = doctor.ping(K_SINK=sink.url, K_CE_OVERRIDES='{"extensions":{"team":"blue"}}')
        event = sink.take()
    assert examined.found("sink ping").startswith("accepted with 202 in ")
    attributes = event.get_attributes()
    assert attributes["type"] == "com.vmware.event.adapter.ping"
    assert attributes["source"] == simulator.url
    assert attributes["team"] == "blue"
    assert event.get_data() == {"sender": "vcenter-source doctor"}
    assert examined.findings["sink ping"]["details"]["id"] == attributes["id"]


@pytest.mark.parametrize("status", [400, 404, 503])
def test_a_sink_that_refuses_is_shown_with_what_it_says(doctor: Doctor, status: int) -> None:
    with recording_sink(lambda _: (status, {})) as sink:
        sink.objection = b"no such broker"
        examined = doctor.ping(K_SINK=sink.url)
        assert len(sink.requests) == 1
    assert examined.of("failed") == ["sink ping"]
    assert f"answers {status} " in examined.found("sink ping")
    assert "no such broker" in examined.found("sink ping")
    assert examined.findings["sink ping"]["details"] == {"sent": True, "status": status}


def test_a_sink_that_never_answers(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor_sink, "PING_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        examined = doctor.ping(K_SINK=f"http://127.0.0.1:{silent.getsockname()[1]}/")
    assert examined.of("failed") == ["sink ping"]
    assert "not answered within 0.2 s" in examined.found("sink ping")
    assert "330 s (SINK_TIMEOUT)" in examined.advice("sink ping")


def test_a_secret_in_the_query_is_in_no_finding(doctor: Doctor) -> None:
    with recording_sink(lambda _: (401, {})) as sink:
        sink.objection = b"no such code: s3cret+sign, s3cret%2Bsign"
        examined = doctor.ping(K_SINK=f"{sink.url}?code=s3cret%2Bsign", DEAD_LETTER_SINK=f"{sink.url}?code=0ther")
    assert "no such code: ***, ***" in examined.found("sink ping")
    assert "s3cret" not in str(examined.findings)
    assert "0ther" not in str(examined.findings)


def test_a_sink_that_is_not_there_is_not_pinged(doctor: Doctor) -> None:
    examined = doctor.ping(K_SINK=f"http://127.0.0.1:{closed_port()}/")
    assert examined.of("failed") == ["sink tcp"]
    assert examined.of("not checked") == ["sink tls", "sink ping"]
    assert "K_SINK" in examined.advice("sink tcp")


def test_secrets_that_a_sink_repeats_are_not_printed(doctor: Doctor) -> None:
    with recording_sink(lambda _: (400, {})) as sink:
        sink.objection = f"who is {PASSWORD}, or {quote(PASSWORD, safe='')}?".encode()
        url = sink.url.replace("//", f"//user:{quote(PASSWORD, safe='')}@")
        examined = doctor.ping(K_SINK=url)  # which looks for the password itself
    assert "who is ***, or ***?" in examined.found("sink ping")


def test_a_proxy_is_looked_at_in_the_sinks_place(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{closed_port()}")
    examined = doctor(K_SINK="http://broker.invalid/default")
    assert examined.of("failed") == ["sink proxy tcp"]
    assert "HTTP_PROXY" in examined.advice("sink proxy tcp")


# --- dead letters ---


def test_without_dead_letters_a_refused_event_holds_up_the_stream(doctor: Doctor) -> None:
    examined = doctor()
    assert examined.status("dead letters") == "warning"
    assert "DEAD_LETTER_PATH" in examined.advice("dead letters")


def test_a_folder_that_is_not_there_yet_is_not_made(doctor: Doctor, tmp_path: Path) -> None:
    examined = doctor(DEAD_LETTER_PATH=str(tmp_path / "one" / "two"))
    assert examined.status("dead letters") == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    examined = doctor(DEAD_LETTER_PATH=str(tmp_path / "file" / "folder"))
    assert examined.of("failed") == ["dead letters"]
    assert "Not a directory" in examined.found("dead letters")


@pytest.mark.parametrize(("most", "advice"), [(2**30, "dead-letters list"), (1000, "dead-letters replay")])
def test_letters_that_wait_are_a_warning(doctor: Doctor, tmp_path: Path, most: int, advice: str) -> None:
    store(folder_at(tmp_path), letter("1"), letter("2"))
    examined = doctor(DEAD_LETTER_PATH=str(tmp_path), DEAD_LETTER_MAX_BYTES=str(most))
    assert examined.status("dead letters") == "warning"
    assert advice in examined.advice("dead letters")


def test_the_way_to_a_dead_letter_sink_is_checked(doctor: Doctor) -> None:
    examined = doctor(DEAD_LETTER_SINK=f"http://127.0.0.1:{closed_port()}/")
    assert examined.of("failed") == ["dead letter sink tcp"]
    assert "DEAD_LETTER_SINK" in examined.advice("dead letter sink tcp")
    assert examined.status("dead letters") == "ok"


# --- the checkpoint ---


def saved_by(path: Path, uuid: str, created: datetime) -> FileStore:
    """A running adapter's store."""
    running = FileStore(path)
    running.claim()
    running.save(Checkpoint(uuid, (1, created), frozenset({(1, created)})))
    return running


def test_a_checkpoint_that_a_running_adapter_has_stays_its_own(
    doctor: Doctor, simulator: Simulator, tmp_path: Path
) -> None:
    path = tmp_path / "checkpoint.json"
    running = saved_by(path, simulator.vcenter.instance_uuid, datetime.now(UTC))
    before = path.read_bytes()
    examined = doctor(CHECKPOINT=f"file://{path}")
    assert examined.status("checkpoint") == "ok"
    assert "another adapter has taken" in examined.found("checkpoint")
    assert re.search(r"acknowledged up to .*\b\d+ s ago", examined.found("checkpoint"))
    assert path.read_bytes() == before
    running.check()  # raises OvertakenError otherwise
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "checkpoint.json",
        "checkpoint.json.lock",
        "checkpoint.json.previous",
    ]


def test_no_checkpoint_yet(doctor: Doctor, tmp_path: Path) -> None:
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json")
    assert examined.status("checkpoint") == "ok"
    assert "does not exist yet" in examined.found("checkpoint")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_was_claimed_and_not_saved_yet(doctor: Doctor, tmp_path: Path) -> None:
    FileStore(tmp_path / "checkpoint.json").claim()
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json")
    assert "is empty, another adapter has taken" in examined.found("checkpoint")


def test_memory_is_no_place_for_a_checkpoint(doctor: Doctor) -> None:
    assert "CHECKPOINT=file:///" in doctor(CHECKPOINT="memory:").advice("checkpoint")


def test_a_folder_of_the_checkpoint_that_is_not_there(doctor: Doctor, tmp_path: Path) -> None:
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/none/checkpoint.json")
    assert examined.of("failed") == ["checkpoint"]
    assert "No such file or directory" in examined.found("checkpoint")


def test_a_damaged_checkpoint(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "checkpoint.json").write_text("{")
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json")
    assert examined.of("failed") == ["checkpoint"]
    assert "damaged" in examined.found("checkpoint")
    assert "remove both" in examined.advice("checkpoint")


def test_a_checkpoint_of_another_vcenter(doctor: Doctor, tmp_path: Path) -> None:
    saved_by(tmp_path / "checkpoint.json", "0000-1111", NOW)
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json")
    assert examined.of("failed") == ["checkpoint"]
    assert "instance uuid 0000-1111" in examined.found("checkpoint")


def test_a_checkpoint_that_nothing_is_known_to_compare_with(doctor: Doctor, tmp_path: Path) -> None:
    saved_by(tmp_path / "checkpoint.json", "0000-1111", NOW)
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json", **account(password="wrong"))
    assert examined.of("failed") == ["vcenter login"]
    assert "not compared with vCenter" in examined.found("checkpoint")


def test_a_checkpoint_from_before_all_that_vcenter_still_holds(
    doctor: Doctor, simulator: Simulator, tmp_path: Path
) -> None:
    saved_by(tmp_path / "checkpoint.json", simulator.vcenter.instance_uuid, NOW - timedelta(days=90))
    examined = doctor(CHECKPOINT=f"file://{tmp_path}/checkpoint.json")
    assert examined.status("checkpoint") == "warning"
    assert "the events in between are gone" in examined.found("checkpoint")


def test_a_configmap_is_read_alone_and_its_owner_named(
    doctor: Doctor, simulator: Simulator, cluster_api: KubeApi
) -> None:
    running = ConfigMapStore(ConfigMapBook(kube.connect().locate(kube.CONFIG_MAP, "checkpoint", "CHECKPOINT")), "pod-7")
    running.claim()
    now = datetime.now(UTC)
    running.save(Checkpoint(simulator.vcenter.instance_uuid, (1, now), frozenset({(1, now)})))
    cluster_api.requests.clear()
    examined = doctor(CHECKPOINT="configmap://checkpoint")
    assert examined.status("checkpoint") == "ok"
    assert "another adapter, pod-7, has taken" in examined.found("checkpoint")
    assert set(cluster_api.verbs("configmaps")) == {"get"}
    running.check()


def test_a_configmap_that_may_not_be_read(doctor: Doctor, cluster_api: KubeApi) -> None:
    cluster_api.denied.add(("get", "configmaps"))
    examined = doctor(CHECKPOINT="configmap://checkpoint")
    assert examined.of("failed") == ["checkpoint"]
    assert "get" in examined.found("checkpoint") + examined.advice("checkpoint")
    assert "configmaps" in examined.found("checkpoint") + examined.advice("checkpoint")


def test_a_cluster_that_never_answers(doctor: Doctor, cluster_api: KubeApi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "CHECK_TIMEOUT", 1.0)
    cluster_api.fault = "hang"
    examined = doctor(CHECKPOINT="configmap://checkpoint")
    assert examined.of("failed") == ["checkpoint"]
    assert "no answer within 1 s" in examined.found("checkpoint")


def test_nothing_of_it_outlives_the_examination(doctor: Doctor, simulator: Simulator) -> None:
    doctor()
    assert [thread.name for thread in threading.enumerate() if thread.name == "vcenter_0"] == []
    assert len(simulator.vcenter.sessions) == 0
