"""Dead letters in a folder that is torn, full, or killed while it is written."""

import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.support.dead_letters import cloudevent, folder_at, letter, names, store
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.state.dead_letters import without_error_attributes
from vcenter_source.state.dead_letters.folder import FILE_BYTES


def test_letters_are_read_in_the_order_they_were_stored_with_time_and_reason(tmp_path: Path) -> None:
    folder = folder_at(tmp_path / "deep" / "letters")
    assert names(folder) == []
    store(folder, *(letter(str(n)) for n in range(5)))
    assert names(folder) == ["0", "1", "2", "3", "4"]
    first = next(folder.read_letters()).event
    assert first.get_attributes()["deadlettertime"] == "2026-01-31T08:00:00.000Z"
    assert first.get_attributes()["deadletterreason"] == "answers 400: no"
    assert without_error_attributes(first).get_attributes() == cloudevent("0").get_attributes()
    assert first.get_data() == cloudevent().get_data()


def test_each_line_is_a_structured_cloudevent_that_others_can_read(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter())
    line = orjson.loads(folder.list_files()[0].read_bytes())
    assert (line["specversion"], line["id"], line["knativeerrorcode"]) == ("1.0", "1", "400")
    assert all(name.isalnum() and name.islower() and len(name) <= 20 for name in line if name != "data")


def test_a_member_that_is_null_is_as_good_as_left_out(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1", "null"))
    (file,) = folder.list_files()
    file.write_bytes(file.read_bytes()[:-2] + b',"x":null,"tracestate":null}\n')
    (read,) = folder.read_letters()
    assert {"x", "tracestate"} & set(read.event.get_attributes()) == set()
    assert without_error_attributes(read.event).get_attributes() == cloudevent("1").get_attributes()
    assert read.event.get_data() == {"key": 1, "fullFormattedMessage": "null"}


@given(cut=st.integers(1, 400))
def test_a_torn_last_line_is_skipped_and_said_so_and_what_follows_is_whole(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = folder_at(tmp_path_factory.mktemp("letters"))
    store(folder, letter("1"), letter("2"))
    (file,) = folder.list_files()
    file.write_bytes(file.read_bytes()[:-cut])
    with capture_logs() as logged:
        assert names(folder) == ["1"]
    assert [line["event"] for line in logged] == ["last line is cut off, skipped"]
    store(folder, letter("3"))
    with capture_logs() as logged:
        assert names(folder) == ["1", "3"]
    assert logged == []


@pytest.mark.parametrize(
    "damage", [b"\n", b"[]\n", b"null\n", b"\xff\n", b'{"id":"7"}\n', b'{"time":1}\n', b"\0\0\0\n"]
)
def test_a_damaged_line_is_skipped_and_said_so_and_stays(tmp_path: Path, damage: bytes) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1"))
    (file,) = folder.list_files()
    file.write_bytes(damage + file.read_bytes())
    with capture_logs() as logged:
        (only,) = folder.read_letters()
    assert [line["event"] for line in logged] == ["damaged line, skipped"]
    folder.remove(only.file, {only.line})
    assert file.read_bytes() == damage


WRITER = """
import asyncio, sys
from pathlib import Path
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from tests.support.dead_letters import REASON, letter

async def write():
    folder = DeadLetterFolder(Path(sys.argv[1]), 2**30)
    for n in range(100_000):
        await folder.store(letter(str(n), "x" * 20_000), REASON)
        print(n, flush=True)

asyncio.run(write())
"""


def test_what_was_acknowledged_is_there_after_a_kill_in_mid_write(tmp_path: Path) -> None:
    folder, acknowledged = folder_at(tmp_path), list[str]()
    for lines in (1, 17, 40):
        with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path], stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline().strip() for _ in range(lines)]
            writer.kill()
            acknowledged += [line.strip() for line in writer.stdout]
    stored = iter(names(folder))
    assert all(name in stored for name in acknowledged)  # each after the one before it
    store(folder, letter("last"))
    assert names(folder)[-1] == "last"


def test_a_full_folder_refuses_and_says_what_would_help(tmp_path: Path) -> None:
    store(folder_at(tmp_path), letter("1"), letter("2"))
    folder = folder_at(tmp_path, max_bytes=folder_at(tmp_path).list_files()[0].stat().st_size + 100)
    with pytest.raises(DeadLetterUnavailableError, match=r"is full with \d+ bytes of at most \d+.* DEAD_LETTER_MAX_B"):
        store(folder, letter("3"))
    assert names(folder) == ["1", "2"]
    first = next(folder.read_letters())
    folder.remove(first.file, {first.line})
    store(folder, letter("3"))
    assert names(folder) == ["2", "3"]


FULL_DISK = """
import resource, sys
from pathlib import Path
from vcenter_source.core.errors import DeadLetterUnavailableError
from tests.support.dead_letters import folder_at, letter, names, store

folder = folder_at(Path(sys.argv[1]))
store(folder, letter("1", "x" * 5000))
resource.setrlimit(resource.RLIMIT_FSIZE, (8000, resource.RLIM_INFINITY))
try:
    store(folder, letter("2", "x" * 5000))
except DeadLetterUnavailableError as exc:
    print(exc)
print(names(folder), folder.list_files()[0].stat().st_size < 8000)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store(folder, letter("3"))
print(names(folder))
"""


def test_a_full_disk_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    said = subprocess.run([sys.executable, "-c", FULL_DISK, tmp_path], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == [
        f"DEAD_LETTER_PATH: cannot write {tmp_path}: File too large",
        "['1'] True",
        "['1', '3']",
    ]


def test_a_folder_that_cannot_be_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    folder = folder_at(tmp_path / "file" / "letters")
    with pytest.raises(DeadLetterUnavailableError, match=r"^DEAD_LETTER_PATH: cannot write .*: Not a directory$"):
        store(folder, letter())
    (tmp_path / "file").unlink()
    store(folder, letter())
    assert names(folder) == ["1"]


def test_large_files_are_followed_by_others_in_order(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    large = "x" * (FILE_BYTES // 2)
    store(folder, *(letter(str(n), large) for n in range(5)))
    assert [file.name for file in folder.list_files()] == [f"dead-letters-0000000{n}.jsonl" for n in (1, 2, 3)]
    assert names(folder) == ["0", "1", "2", "3", "4"]


def test_what_was_appended_while_others_were_sent_again_stays(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1"), letter("2"))
    first, second = folder.read_letters()
    store(folder, letter("3"))
    folder.remove(first.file, {first.line, second.line})
    assert names(folder) == ["3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "dead-letters-00000001.jsonl"]


# --- what a replay notes ---


def test_what_was_accepted_is_known_after_a_kill_and_removed_before_the_next_replay_sends(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, *(letter(str(n)) for n in range(4)))
    first, second, *_ = folder.read_letters()
    for each in (first, second):
        folder.note_accepted(each)
    again = folder_at(tmp_path)
    assert names(again) == ["2", "3"]
    with again.lock_for_replay():
        assert again.list_files()[0].read_bytes().count(b"\n") == 2
    assert not (tmp_path / ".accepted").exists()
    store(again, letter("4"))
    assert names(again) == ["2", "3", "4"]


@given(torn=st.integers(0, 40))
def test_a_note_that_was_cut_off_hides_no_letter_but_its_own(
    tmp_path_factory: pytest.TempPathFactory, torn: int
) -> None:
    path = tmp_path_factory.mktemp("letters")
    folder = folder_at(path)
    store(folder, *(letter(str(n)) for n in range(3)))
    first, second, _ = folder.read_letters()
    folder.note_accepted(first)
    folder.note_accepted(second)
    notes = (path / ".accepted").read_bytes()
    (path / ".accepted").write_bytes(notes[: len(notes) - torn])
    assert names(folder)[-1] == "2"
    assert len(names(folder)) == (1 if torn == 0 else 2 if torn <= 33 else 3)


def test_notes_that_cannot_be_written_stop_no_replay(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1"))
    (one,) = folder.read_letters()
    (tmp_path / ".accepted").mkdir()
    with capture_logs() as logged:
        folder.note_accepted(one)
        folder.note_accepted(one)
    assert [line["event"] for line in logged] == ["cannot write the journal of the replay"]


def test_notes_that_cannot_be_read_are_told_in_a_line(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1"))
    (tmp_path / ".accepted").mkdir()
    with pytest.raises(DeadLetterUnavailableError, match=r"^DEAD_LETTER_PATH: cannot read .*accepted: Is a directory"):
        names(folder)


def test_a_lock_that_another_user_has_made_can_be_had(tmp_path: Path) -> None:
    folder = folder_at(tmp_path)
    store(folder, letter("1"))
    (tmp_path / ".replay").touch(0o444)
    with (
        folder.lock_for_replay(),
        pytest.raises(DeadLetterUnavailableError, match="another replay"),
        folder.lock_for_replay(),
    ):
        pass
