"""Dead letters in the viewer: shown, sent again, and gone from the folder, the row and the count alike."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import loopback
from tests.support.dead_letters import folder_at, letter, names, store
from tests.support.letter_receiver import BODY, receiver_at, refused_by_function
from tests.support.processes import command
from tests.support.recording_sink import recording_sink
from tests.support.simulator_control import post_events
from tests.support.viewer import make_event, run_viewer, run_viewer_alone
from tests.support.waiting import eventually
from vcenter_simulator.server import Simulator
from vcenter_source.core.errors import EventRefusedError
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.viewer import event_stream, letters


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is looked at more often, and the page is told so, than people need."""
    monkeypatch.setattr(letters, "WATCH_SECONDS", 0.05)
    monkeypatch.setattr(event_stream, "STATUS_SECONDS", 0.1)


def filled(path: Path, count: int) -> DeadLetterFolder:
    folder = folder_at(path)
    store(folder, *(letter(str(n)) for n in range(1, count + 1)))
    return folder


def stream_until(url: str, is_enough: Callable[[dict[int, dict[str, Any]], dict[str, Any]], bool]) -> None:
    """Read the page's stream until the rows by number, and the last status, are as they should be."""
    rows: dict[int, dict[str, Any]] = {}
    status: dict[str, Any] = {}
    with loopback.stream("GET", f"{url}api/stream", timeout=15) as response:
        kind = ""
        for line in response.iter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                kind = value
            elif name == "data" and kind == "events":
                for each in json.loads(value)["events"]:
                    rows.setdefault(each["n"], {}).update(each)
            elif name == "data" and kind == "status":
                status = json.loads(value)
            if status and is_enough(rows, status):
                return


def states(rows: dict[int, dict[str, Any]]) -> list[str]:
    return [rows[n]["state"] for n in sorted(rows)]


def replay(url: str, numbers: list[int] | None) -> dict[str, Any]:
    return dict(loopback.post(f"{url}api/letters/replay", json={"numbers": numbers}).json())


def test_the_letters_of_a_folder_are_rows_and_are_counted(tmp_path: Path) -> None:
    with run_viewer_alone(letters=filled(tmp_path, 3)) as viewer:
        stream_until(viewer.url, lambda rows, status: states(rows) == ["dead letter"] * 3 and status["letters"] == 3)
        found = loopback.get(f"{viewer.url}api/events/1").json()
    assert (found["event"]["id"], found["failures"][0][1]) == ("1", "answers 400: no")
    assert not [name for name in found["event"] if name.startswith(("knativeerror", "deadletter"))]


def test_one_some_and_all_are_sent_again_and_gone(tmp_path: Path) -> None:
    folder = filled(tmp_path, 5)
    with run_viewer_alone(letters=folder) as viewer:
        stream_until(viewer.url, lambda rows, _: len(rows) == 5)
        assert loopback.post(f"{viewer.url}api/events/2/replay", json={}).json()["accepted"] is True
        assert names(folder) == ["1", "3", "4", "5"]
        assert replay(viewer.url, [1, 4]) == {"accepted": 2, "refused": 0, "why": ""}
        assert names(folder) == ["3", "5"]
        viewer.sink.refusal, viewer.sink.refused = EventRefusedError("it answers 400: still not"), {"5"}
        assert replay(viewer.url, None) == {"accepted": 1, "refused": 1, "why": "it answers 400: still not"}
        assert names(folder) == ["5"]
        wanted = ["delivered"] * 4 + ["dead letter"]
        stream_until(viewer.url, lambda rows, status: states(rows) == wanted and status["letters"] == 1)
    assert [event.get_id() for event in viewer.sink.events] == ["2", "1", "4", "3"]


def test_what_others_do_to_the_folder_is_seen(tmp_path: Path) -> None:
    folder = filled(tmp_path, 2)
    with run_viewer_alone(letters=folder) as viewer:
        stream_until(viewer.url, lambda rows, _: len(rows) == 2)
        assert command("dead-letters", "discard", "1", DEAD_LETTER_PATH=str(tmp_path)).returncode == 0
        store(folder, letter("3"))
        wanted = ["removed", "dead letter", "dead letter"]
        stream_until(viewer.url, lambda rows, status: states(rows) == wanted and status["letters"] == 2)


def test_a_letter_that_comes_back_makes_its_row_a_dead_letter_again(tmp_path: Path) -> None:
    folder = filled(tmp_path, 1)
    with run_viewer_alone(letters=folder) as viewer:
        stream_until(viewer.url, lambda rows, _: len(rows) == 1)
        assert replay(viewer.url, [1])["accepted"] == 1
        stream_until(viewer.url, lambda rows, _: states(rows) == ["delivered"])
        store(folder, letter("1"))
        stream_until(viewer.url, lambda rows, status: states(rows) == ["dead letter"] and status["letters"] == 1)


def test_a_letter_that_the_history_has_forgotten_is_shown_again(tmp_path: Path) -> None:
    with run_viewer_alone(letters=filled(tmp_path, 2), limit=6) as viewer:
        stream_until(viewer.url, lambda rows, _: len(rows) == 2)
        viewer.post(*(make_event(100 + n) for n in range(6)))
        stream_until(viewer.url, lambda rows, _: states(rows)[-2:] == ["dead letter"] * 2 and max(rows) == 10)


def test_a_letter_that_is_stored_before_its_event_is_known_as_refused_is_one_row(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    with run_viewer_alone(letters=folder) as viewer:
        viewer.post(make_event(7), state="in flight")
        store(folder, viewer.envelopes["7"])
        stream_until(viewer.url, lambda rows, status: states(rows) == ["in flight"] and status["letters"] == 1)
        viewer.do(lambda: viewer.observers.on_dead_lettered(viewer.envelopes["7"], "it answers 400"))
        stream_until(viewer.url, lambda rows, _: states(rows) == ["dead letter"])
        assert loopback.post(f"{viewer.url}api/events/1/replay", json={}).json()["accepted"] is True
        stream_until(viewer.url, lambda rows, status: states(rows) == ["delivered"] and status["letters"] == 0)


def test_a_damaged_line_hides_no_letter(tmp_path: Path) -> None:
    folder = filled(tmp_path, 2)
    (file,) = folder.list_files()
    file.write_bytes(b'{"id":7}\n' + file.read_bytes() + b'{"torn')
    with run_viewer_alone(letters=folder) as viewer:
        stream_until(viewer.url, lambda rows, _: states(rows) == ["dead letter"] * 2)


def test_what_is_no_list_of_numbers_is_refused(tmp_path: Path) -> None:
    with run_viewer_alone(letters=filled(tmp_path, 1)) as viewer:
        for numbers in ("all", ["1"], {"n": 1}):
            answer = loopback.post(f"{viewer.url}api/letters/replay", json={"numbers": numbers})
            assert (answer.status_code, "numbers: a list" in answer.text) == (400, True)
        form = loopback.post(f"{viewer.url}api/letters/replay", headers={"content-type": "text/plain"}, content="{}")
        assert form.status_code == 415


def test_a_dead_letter_that_is_kept_elsewhere_is_not_sent_from_here() -> None:
    """It would stay there, and go out twice with the next replay."""
    with run_viewer_alone() as viewer:
        viewer.post(make_event(7), state="dead letter")
        viewer.do(viewer.feed.flush)
        answer = loopback.post(f"{viewer.url}api/events/1/replay", json={}).json()
        assert answer == {"accepted": False, "why": "it is kept at DEAD_LETTER_SINK: send it again from there"}
        assert replay(viewer.url, None) == {"accepted": 0, "refused": 0, "why": "this adapter sends no events"}
        assert viewer.sink.events == []


def test_an_event_that_the_sink_refuses_is_one_row_and_gone_once_it_is_accepted(
    simulator: Simulator, tmp_path: Path
) -> None:
    folder = folder_at(tmp_path)
    with recording_sink() as sink:
        sink.refuses = lambda _: True
        with run_viewer(simulator, sink.url, DEAD_LETTER_PATH=str(tmp_path)) as url:
            post_events(simulator, 3)
            eventually(lambda: len(names(folder)) == 3)
            stream_until(url, lambda rows, status: states(rows) == ["dead letter"] * 3 and status["letters"] == 3)
            sink.refuses = lambda _: False
            assert replay(url, None) == {"accepted": 3, "refused": 0, "why": ""}
            stream_until(url, lambda rows, status: status["letters"] == 0 and "dead letter" not in states(rows))
            assert names(folder) == []
            assert command("dead-letters", "replay", DEAD_LETTER_PATH=str(tmp_path), K_SINK=sink.url).stdout == (
                "0 accepted and removed, 0 refused again and kept.\n"
            )


def test_the_receiver_shows_its_letters_and_sends_them_to_the_broker(tmp_path: Path) -> None:
    with recording_sink() as broker, receiver_at(tmp_path, VIEWER="0", K_SINK=broker.url) as receiver:
        for content_type, body in (
            ("application/json", BODY),
            ("text/plain", b"a text \xff"),
            ("application/json", b"[]"),
        ):
            headers = refused_by_function(str(len(names(folder_at(tmp_path))))) | {"Content-Type": content_type}
            assert receiver.post(headers, body).status_code == 204
        stream_until(receiver.viewer, lambda rows, status: len(rows) == 3 and status["letters"] == 3)
        assert replay(receiver.viewer, None) == {"accepted": 3, "refused": 0, "why": ""}
        stream_until(receiver.viewer, lambda rows, status: states(rows) == ["delivered"] * 3 and status["letters"] == 0)
        assert [each.body for each in broker.requests][1:] == [b"a text \xff", b"[]"]
    assert names(folder_at(tmp_path)) == []
