"""Dead letters from end to end: ``run`` fills the folder, ``dead-letters replay`` empties it, and nothing is lost."""

import asyncio
import json
import random
import signal
import socket
import threading
import time
from pathlib import Path

import pytest
from cloudevents.core.bindings.http import HTTPMessage

from tests.support.dead_letters import TRACEPARENT, cloudevent, folder_at, letter, names, store
from tests.support.http_sink import http_sink
from tests.support.processes import process, wait_for_line
from tests.support.recording_sink import Answer, RecordingSink, recording_sink
from tests.support.simulator_control import LOGIN, post_events, posted_events, read_state
from vcenter_simulator.server import Simulator
from vcenter_source.core.backoff import Backoff
from vcenter_source.pipeline.replay import Replay, ReplaySummary
from vcenter_source.state.dead_letters.folder import DeadLetterFolder


def filled(path: Path, count: int) -> DeadLetterFolder:
    folder = folder_at(path)
    store(folder, *(letter(str(n)) for n in range(count)))
    return folder


def ids(sink: RecordingSink) -> list[str]:
    return [request.headers["ce-id"] for request in sink.requests]


def replayed(folder: Path, sink: str, *arguments: str, **settings: str) -> tuple[int, str, str]:
    """The exit code, standard output and standard error of the command, in an environment without a vCenter."""
    given = {"DEAD_LETTER_PATH": str(folder), "K_SINK": sink, "RETRY_MAX_DELAY": "0.01"} | settings
    with process("vcenter_source", "dead-letters", "replay", *arguments, **given) as command:
        out, said = command.communicate(timeout=30)
    return command.returncode, out, said


# --- replay ---


def test_letters_are_sent_in_order_as_the_events_they_were_and_removed(tmp_path: Path) -> None:
    folder = filled(tmp_path, 5)
    with recording_sink() as sink:
        code, out, said = replayed(tmp_path, sink.url)
        arrived = [sink.take() for _ in range(5)]
    assert (code, out, said) == (0, "5 accepted and removed, 0 refused again and kept.\n", "")
    assert ids(sink) == ["0", "1", "2", "3", "4"]
    assert arrived[0].get_attributes() == cloudevent("0").get_attributes()
    assert arrived[0].get_data() == cloudevent("0").get_data()
    assert folder.list_files() == []


def test_the_trace_goes_on_as_it_began(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    with recording_sink() as sink:
        assert replayed(tmp_path, sink.url)[0] == 0
    headers = sink.requests[0].headers
    assert headers["traceparent"] == headers["ce-traceparent"] == TRACEPARENT
    assert [name for name in headers if name.startswith(("ce-knative", "ce-deadletter"))] == []


def test_flags_that_an_earlier_version_has_stored_do_not_go_out(tmp_path: Path) -> None:
    stored = letter("0")
    stored.event.get_attributes()["traceparent"] = f"{TRACEPARENT[:-2]}03"
    store(folder_at(tmp_path), stored)
    with recording_sink() as sink:
        assert replayed(tmp_path, sink.url)[0] == 0
    headers = sink.requests[0].headers
    assert headers["traceparent"] == headers["ce-traceparent"] == TRACEPARENT


def test_what_is_refused_again_stays_and_the_exit_code_says_so(tmp_path: Path) -> None:
    folder = filled(tmp_path, 5)
    with recording_sink() as sink:
        sink.refuses = lambda message: message.headers["ce-id"] in {"1", "3"}
        code, out, said = replayed(tmp_path, sink.url)
        assert (code, out) == (1, "3 accepted and removed, 2 refused again and kept.\n")
        assert said.count("refused the dead letter again") == 2
        assert names(folder) == ["1", "3"]
        assert folder.list_files()[0].stat().st_size > 0
        sink.refuses = lambda _: False
        assert replayed(tmp_path, sink.url)[0] == 0
    assert ids(sink) == ["0", "1", "2", "3", "4", "1", "3"]
    assert names(folder) == []


def test_one_event_can_be_picked_and_the_sink_be_named(tmp_path: Path) -> None:
    folder = filled(tmp_path, 3)
    with recording_sink() as sink:
        code, out, _ = replayed(tmp_path, "http://127.0.0.1:9/", "--id", "1", "--sink", sink.url)
        assert (code, ids(sink)) == (0, ["1"])
        assert out == "1 accepted and removed, 0 refused again and kept.\n"
        assert names(folder) == ["0", "2"]


def test_a_letter_over_the_limit_stays_until_the_limit_is_raised(tmp_path: Path) -> None:
    filled(tmp_path, 1)
    with recording_sink() as sink:
        assert replayed(tmp_path, sink.url, MAX_EVENT_BYTES="100")[0] == 1
        assert sink.requests == []
        assert replayed(tmp_path, sink.url)[0] == 0


async def replay(folder: DeadLetterFolder, url: str, delays: list[float]) -> ReplaySummary:
    async def note(seconds: float) -> None:
        delays.append(seconds)

    backoff = Backoff(base=1.0, longest=30.0, random=lambda: 1.0)
    async with http_sink(url) as sink:
        return await Replay(folder, sink, backoff, sleep=note).run()


def test_a_letter_that_the_sink_puts_off_is_tried_again_and_given_up_after_a_while(tmp_path: Path) -> None:
    def first_twice_second_for_ever(request: int) -> Answer:
        return (202, {}) if request in {2, 7} else (503, {"Retry-After": "3"} if request == 0 else {})

    folder, delays = filled(tmp_path, 3), list[float]()
    with recording_sink(first_twice_second_for_ever) as sink:
        summary = asyncio.run(replay(folder, sink.url, delays))
        assert ids(sink) == ["0", "0", "0", "1", "1", "1", "1", "2"]
    assert (summary.accepted, summary.refused, summary.stopped) == (2, 1, None)
    assert delays == [3, 2, 1, 2, 4]
    assert names(folder) == ["1"]


def test_a_sink_that_is_away_ends_the_replay_and_every_letter_stays(tmp_path: Path) -> None:
    folder = filled(tmp_path, 3)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
        code, out, _ = replayed(tmp_path, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert code == 1
    assert out.startswith("0 accepted and removed, 0 refused again and kept; stopped early: http://127.0.0.1")
    assert names(folder) == ["0", "1", "2"]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_replay_that_is_broken_off_sends_no_letter_again_that_was_accepted(
    tmp_path: Path, end: signal.Signals
) -> None:
    folder, third, go_on = filled(tmp_path, 4), threading.Event(), threading.Event()

    def hang_at_the_third(request: int) -> Answer:
        if request == 2:
            third.set()
            go_on.wait(20)
        return 202, {}

    settings = {"DEAD_LETTER_PATH": str(tmp_path)}
    with recording_sink(hang_at_the_third) as sink:
        with process("vcenter_source", "dead-letters", "replay", K_SINK=sink.url, **settings) as command:
            assert third.wait(20)
            command.send_signal(end)
            out, said = command.communicate(timeout=20)
        go_on.set()
        assert "Traceback" not in said
        if end is not signal.SIGKILL:
            assert command.returncode == 1
            words = "2 accepted and removed, 0 refused again and kept; stopped early: interrupted by a signal.\n"
            assert out == words
        assert names(folder) == ["2", "3"]
        assert replayed(tmp_path, sink.url)[0] == 0
        assert ids(sink) == ["0", "1", "2", "2", "3"]
    assert names(folder) == []
    assert {path.name for path in tmp_path.iterdir()} == {".lock", ".replay"}


def test_a_stop_waits_for_the_answer_that_is_on_its_way(tmp_path: Path) -> None:
    folder, third = filled(tmp_path, 4), threading.Event()

    def take_time_at_the_third(request: int) -> Answer:
        if request == 2:
            third.set()
            time.sleep(0.3)
        return 202, {}

    with recording_sink(take_time_at_the_third) as sink:
        settings = {"DEAD_LETTER_PATH": str(tmp_path), "K_SINK": sink.url}
        with process("vcenter_source", "dead-letters", "replay", **settings) as command:
            assert third.wait(20)
            command.terminate()
            out, _ = command.communicate(timeout=20)
        assert out.startswith("3 accepted and removed")
        assert names(folder) == ["3"]
        assert ids(sink) == ["0", "1", "2"]


def killed_again_and_again(path: Path, letters: int, kills: int, seed: int) -> tuple[int, int, int]:
    """How many letters were sent, how many of them first; and how many replays it took."""
    chance, runs = random.Random(seed), 0
    folder = filled(path, letters)
    reached = threading.Event()
    until = [0]

    def answer(request: int) -> Answer:
        if request >= until[0]:
            reached.set()
        return 202, {}

    with recording_sink(answer) as sink:
        while names(folder):
            runs += 1
            until[0] = len(sink.requests) + chance.randrange(1, 2 * letters // kills) if runs <= kills else 10**9
            reached.clear()
            given = {"DEAD_LETTER_PATH": str(path), "K_SINK": sink.url}
            with process("vcenter_source", "dead-letters", "replay", **given) as command:
                while not reached.wait(0.01) and command.poll() is None:
                    pass
                if runs <= kills:
                    command.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
                command.communicate(timeout=60)
        sent = ids(sink)
    assert [int(name) for name in dict.fromkeys(sent)] == list(range(letters)), "one is missing, or came too late"
    return len(sent), len(set(sent)), runs


def test_killed_at_random_moments_each_kill_costs_one_letter_at_most(tmp_path: Path) -> None:
    sent, first, runs = killed_again_and_again(tmp_path, letters=200, kills=4, seed=7)
    assert first == 200
    assert sent <= 200 + runs


@pytest.mark.guarantees
@pytest.mark.timeout(600)
def test_three_thousand_letters_and_twenty_five_kills(tmp_path: Path) -> None:
    sent, first, runs = killed_again_and_again(tmp_path, letters=3000, kills=25, seed=1)
    print(f"{sent} sends for {first} letters in {runs} replays")  # noqa: T201  a measurement
    assert first == 3000
    assert sent <= 3000 + runs


def test_two_replays_at_once_are_refused_and_the_first_goes_on(tmp_path: Path) -> None:
    folder, first, go_on = filled(tmp_path, 3), threading.Event(), threading.Event()

    def hang_at_the_first(request: int) -> Answer:
        if request == 0:
            first.set()
            go_on.wait(20)
        return 202, {}

    settings = {"DEAD_LETTER_PATH": str(tmp_path)}
    with recording_sink(hang_at_the_first) as sink:
        with process("vcenter_source", "dead-letters", "replay", K_SINK=sink.url, **settings) as command:
            assert first.wait(20)
            code, out, said = replayed(tmp_path, sink.url)
            assert (code, out, said.count("\n")) == (1, "", 1)
            assert f"another replay of {tmp_path} is running" in said
            go_on.set()
            assert command.communicate(timeout=20)[0].startswith("3 accepted and removed")
        assert ids(sink) == ["0", "1", "2"]
    assert names(folder) == []


def test_a_file_keeps_its_mode_when_letters_are_removed_from_it(tmp_path: Path) -> None:
    folder = filled(tmp_path, 4)
    (file,) = folder.list_files()
    assert file.stat().st_mode & 0o777 == 0o600
    with recording_sink() as sink:
        sink.refuses = lambda message: message.headers["ce-id"] == "2"
        assert replayed(tmp_path, sink.url)[0] == 1
        assert file.stat().st_mode & 0o777 == 0o600
        file.chmod(0o640)
        sink.refuses = lambda message: message.headers["ce-id"] == "3"
        store(folder, letter("3"))
        assert replayed(tmp_path, sink.url)[0] == 1
    assert file.stat().st_mode & 0o777 == 0o640
    assert names(folder) == ["3"]


def test_a_sink_that_turns_every_letter_away_ends_the_replay_after_a_few(tmp_path: Path) -> None:
    folder = filled(tmp_path, 9)
    with recording_sink(lambda _: (403, {})) as sink:
        code, out, _ = replayed(tmp_path, sink.url)
        assert (code, len(sink.requests)) == (1, 5)
        assert "5 refused again and kept; stopped early:" in out
        assert "403" in out
    assert len(names(folder)) == 9


def test_letters_that_are_refused_for_themselves_do_not_make_one_that_is_turned_away_the_last(tmp_path: Path) -> None:
    folder = filled(tmp_path, 9)
    with recording_sink(lambda request: (400 if request < 4 else 403 if request == 4 else 202, {})) as sink:
        code, out, _ = replayed(tmp_path, sink.url)
        assert (code, len(sink.requests)) == (1, 9)
        assert "4 accepted and removed, 5 refused again and kept" in out
    assert len(names(folder)) == 5


# --- run ---


def is_one_in_five(message: HTTPMessage) -> bool:
    return int(message.headers["ce-id"]) % 5 == 0


def test_a_refused_event_is_in_the_folder_and_all_others_at_the_sink(simulator: Simulator, tmp_path: Path) -> None:
    post_events(simulator, 12)
    total = read_state(simulator)["events"]
    fives, others = set(range(5, total + 1, 5)), {number for number in range(1, total + 1) if number % 5}
    settings = {"VCENTER_URL": simulator.url, "START_FROM": "beginning", "DEAD_LETTER_PATH": str(tmp_path)} | LOGIN
    with recording_sink() as sink:
        sink.refuses, sink.objection = is_one_in_five, b"no fives"
        with process("vcenter_source", "run", K_SINK=sink.url, **settings) as adapter:
            while others:  # the adapter's own log-in is an event too
                others.discard(int(sink.take().get_id()))
            adapter.send_signal(signal.SIGTERM)
            adapter.communicate(timeout=20)
        letters = [stored.event.get_attributes() for stored in folder_at(tmp_path).read_letters()]
        assert {int(one["id"]) for one in letters} >= fives
        assert {one["knativeerrordest"] for one in letters} == {sink.url}
        assert {one["deadletterreason"] for one in letters} == {f"{sink.url} answers 400 Bad Request: no fives"}
        accepted = [number for number in ids(sink) if int(number) % 5]
        assert len(accepted) == len(set(accepted)), "an event was sent twice"
        sink.refuses = lambda _: False
        assert replayed(tmp_path, sink.url)[0] == 0
        assert ids(sink)[-len(letters) :] == [one["id"] for one in letters]


@pytest.mark.parametrize("status", [500, 403])
def test_an_event_that_fails_while_all_others_pass_goes_to_the_folder(
    simulator: Simulator, tmp_path: Path, status: int
) -> None:
    settings = {"VCENTER_URL": simulator.url, "DEAD_LETTER_PATH": str(tmp_path), "RETRY_MAX_DELAY": "0.1"} | LOGIN
    with recording_sink() as sink:
        poison: list[str] = []
        sink.refuses = lambda message: message.headers["ce-id"] in poison
        sink.refusal = status
        with process("vcenter_source", "run", K_SINK=sink.url, POISON_MAX_TRIES="3", **settings) as adapter:
            wait_for_line(adapter, "reading events")
            newest = max(int(event["key"]) for event in posted_events(simulator))
            poison.append(str(newest + 2))
            post_events(simulator, 1)
            end = time.monotonic() + 20
            while not names(folder_at(tmp_path)):
                post_events(simulator, 1)
                assert time.monotonic() < end
            adapter.send_signal(signal.SIGTERM)
            adapter.communicate(timeout=20)
        assert names(folder_at(tmp_path)) == poison
        accepted = {number for number in ids(sink) if number not in poison}
        assert len(accepted) > 3


def test_an_event_that_no_folder_takes_holds_the_stream_until_one_does(simulator: Simulator, tmp_path: Path) -> None:
    blocker = tmp_path / "blocker"
    blocker.touch()
    settings = {"VCENTER_URL": simulator.url, "RETRY_MAX_DELAY": "0.05", "MAX_IN_FLIGHT": "1"} | LOGIN
    settings |= {"DEAD_LETTER_PATH": str(blocker / "letters"), "LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
    with recording_sink() as sink:
        refused: list[str] = []
        sink.refuses = lambda message: not refused or message.headers["ce-id"] in refused
        with process("vcenter_source", "run", K_SINK=sink.url, **settings) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator, 3)
            held = json.loads(wait_for_line(adapter, "no dead letter can store it"))
            refused.append(held["event_id"])
            assert held["dead_letter"].startswith("DEAD_LETTER_PATH: cannot write ")
            wait_for_line(adapter, "no dead letter can store it")
            assert sink.events.empty()
            blocker.unlink()
            wait_for_line(adapter, "it is a dead letter now")
            assert {sink.take().get_id(), sink.take().get_id()}.isdisjoint(refused)
    assert names(folder_at(blocker / "letters")) == refused


def test_with_no_dead_letter_at_all_the_log_says_what_to_set_and_the_event_is_delivered_in_the_end(
    simulator: Simulator,
) -> None:
    settings = {"VCENTER_URL": simulator.url, "RETRY_MAX_DELAY": "0.05", "LOG_LEVEL": "debug"} | LOGIN
    with recording_sink(lambda request: (400, {}) if request < 3 else (202, {})) as sink:
        with process("vcenter_source", "run", K_SINK=sink.url, **settings) as adapter:
            wait_for_line(adapter, "reading events")
            post_events(simulator, 1)
            for _ in range(3):
                wait_for_line(adapter, "set DEAD_LETTER_SINK or DEAD_LETTER_PATH to let the stream go on")
            assert sink.take().get_id() == ids(sink)[0]
        assert len(set(ids(sink))) == 1


def test_the_dead_letter_sink_comes_first_and_an_event_that_is_only_put_off_goes_there_after_its_time(
    simulator: Simulator, tmp_path: Path
) -> None:
    settings = {"VCENTER_URL": simulator.url, "DEAD_LETTER_PATH": str(tmp_path), "RETRY_MAX_DURATION": "0.3"} | LOGIN
    with recording_sink(lambda _: (503, {})) as sink, recording_sink() as letters:
        sink.objection = b"later"
        with process("vcenter_source", "run", K_SINK=sink.url, DEAD_LETTER_SINK=letters.url, **settings) as adapter:
            wait_for_line(adapter, "reading events")
            begun = time.monotonic()
            post_events(simulator, 1)
            event = letters.take()
            took = time.monotonic() - begun
        attributes = event.get_attributes()
        assert (attributes["knativeerrorcode"], attributes["knativeerrordest"]) == ("503", sink.url)
        assert attributes["knativeerrordata"] == "bGF0ZXI="
        assert took >= 0.3
        assert names(folder_at(tmp_path)) == []
