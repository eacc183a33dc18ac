"""``vcenter-source dead-letters receive`` keeps what it has answered, and each letter once."""

import random
import resource
import threading
from functools import partial
from pathlib import Path

import httpx
from cloudevents.core.bindings.http import HTTPMessage

from tests.support import loopback
from tests.support.dead_letters import folder_at, names
from tests.support.letter_receiver import BODY, LetterReceiver, receiver_at, refused_by_function, run
from tests.support.recording_sink import recording_sink
from tests.support.waiting import eventually

# --- once ---


def test_a_letter_that_comes_again_is_there_once_also_after_a_restart(tmp_path: Path) -> None:
    with receiver_at(tmp_path) as receiver:
        assert [receiver.post(refused_by_function(name)).status_code for name in ("1", "2", "1")] == [204] * 3
        assert sorted(names(folder_at(tmp_path))) == ["1", "2"]
        receiver.process.kill()
    with receiver_at(tmp_path) as receiver:
        assert receiver.post(refused_by_function("2")).status_code == 204
    assert names(folder_at(tmp_path)) == ["1", "2"]


def test_a_letter_that_was_sent_again_and_comes_back_meanwhile_stays(receiver: LetterReceiver) -> None:
    """A Broker in memory answers when the function has refused the event once more, and its letter is stored."""
    receiver.post(refused_by_function("1"))
    receiver.post(refused_by_function("2"))

    def come_back(message: HTTPMessage) -> bool:
        receiver.post(refused_by_function(message.headers["ce-id"]))
        return False

    with recording_sink() as broker:
        broker.refuses = come_back
        code, out, _ = run(receiver.folder, "replay", K_SINK=broker.url)
        assert [each.headers["ce-id"] for each in broker.requests] == ["1", "2"], "once each, though they came back"
    assert (code, out) == (0, "2 accepted and removed, 0 refused again and kept.\n")
    assert names(folder_at(receiver.folder)) == ["1", "2"]


def test_a_letter_that_was_removed_and_comes_back_is_stored(receiver: LetterReceiver) -> None:
    receiver.post(refused_by_function("1"))
    assert run(receiver.folder, "discard", "--all") == (0, "1 discarded.\n", "")
    receiver.post(refused_by_function("1"))
    assert names(folder_at(receiver.folder)) == ["1"]


# --- what is answered is kept ---


def send_until_it_dies(url: str, name: str, answered: list[str]) -> None:
    with loopback.Client() as client:
        for number in range(10_000):
            each = f"{name}-{number}"
            try:
                if client.post(url, content=BODY, headers=refused_by_function(each)).status_code == 204:
                    answered.append(each)
            except httpx.TransportError:
                return


def test_what_was_answered_is_there_after_kills_in_the_middle(tmp_path: Path) -> None:
    answered: list[str] = []

    def has_answered(many: int) -> bool:
        return len(answered) >= many

    for kill in range(3):
        with receiver_at(tmp_path) as receiver:
            senders = [
                threading.Thread(target=send_until_it_dies, args=(receiver.url, f"{kill}{n}", answered)) for n in "ab"
            ]
            for sender in senders:
                sender.start()
            eventually(partial(has_answered, len(answered) + random.randint(1, 40)))
            receiver.process.kill()
            for sender in senders:
                sender.join()
    stored = names(folder_at(tmp_path))
    assert set(answered) <= set(stored)
    assert len(stored) == len(set(stored))


def test_a_full_disk_is_said_and_nothing_is_lost(receiver: LetterReceiver) -> None:
    assert receiver.post(refused_by_function("1")).status_code == 204
    unlimited = resource.prlimit(receiver.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(receiver.process.pid, resource.RLIMIT_FSIZE, (100, unlimited[1]))
    answer = receiver.post(refused_by_function("2"))
    assert (answer.status_code, answer.text) == (
        507,
        f"DEAD_LETTER_PATH: cannot write {receiver.folder}: File too large\n",
    )
    assert receiver.get("readyz").status_code == 200, "it is the sender who has to know"
    resource.prlimit(receiver.process.pid, resource.RLIMIT_FSIZE, unlimited)
    assert receiver.post(refused_by_function("2")).status_code == 204
    assert names(folder_at(receiver.folder)) == ["1", "2"]


def test_a_folder_that_has_reached_its_limit_is_full(tmp_path: Path) -> None:
    with receiver_at(tmp_path, DEAD_LETTER_MAX_BYTES="1000") as receiver:
        assert receiver.post(refused_by_function("1")).status_code == 204
        answer = receiver.post(refused_by_function("2"))
        assert answer.status_code == 507
        assert "run vcenter-source dead-letters replay, or raise DEAD_LETTER_MAX_BYTES" in answer.text
        assert run(tmp_path, "discard", "1")[0] == 0
        assert receiver.post(refused_by_function("2")).status_code == 204


def test_a_folder_that_cannot_be_written_is_said_by_answer_and_probe(tmp_path: Path) -> None:
    with receiver_at(tmp_path / "file" / "letters") as receiver:
        (tmp_path / "file").touch()
        assert receiver.post(refused_by_function("1")).status_code == 503
        assert receiver.get("readyz").status_code == 503
        assert receiver.get("healthz").status_code == 200
        (tmp_path / "file").unlink()
        assert receiver.get("readyz").status_code == 200
        assert receiver.post(refused_by_function("1")).status_code == 204
