"""Dead letters in a folder: lines of JSON, each a structured CloudEvent, safe whatever is killed.

    dead-letters-00000001.jsonl   numbered, since a clock may step back; the highest number is the newest
    .lock                         held while a file changes, by an adapter that appends or a replay that removes
    .accepted, .replay            of a replay: see ``journal``

At ``FILE_BYTES`` a new file begins: a replay rewrites a file without the lines that were accepted, and small files keep
that cheap, and possible on a disk that is nearly full.
"""

import asyncio
import errno
import fcntl
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core import durable_files
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import DeadLetterFullError, DeadLetterUnavailableError
from vcenter_source.events.codec import CheckedEvent, OrjsonFormat
from vcenter_source.state.dead_letters import Reason, with_error_attributes
from vcenter_source.state.dead_letters.journal import Journal, hash_line, lock_replay

log = structlog.get_logger()

FILE_BYTES = 4 * 1024 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the system says where there is no room."""

FILE_NAME = re.compile(r"dead-letters-(\d{8,})\.jsonl")


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter in its file. ``line`` is the line that it was read from, by which it is removed.

    ``event`` has the attributes of ``with_error_attributes``, and ``deadlettertime``.
    """

    file: Path
    line: bytes
    event: CloudEvent

    @property
    def takers(self) -> tuple[str, ...]:
        """The functions behind the sink that have accepted the event already."""
        named = str(self.event.get_attributes().get("deadlettertakers", ""))
        return tuple(named.split(",")) if named else ()


class DeadLetterFolder:
    """A folder of at most ``max_bytes``; a full one refuses. Every failure is a DeadLetterUnavailableError."""

    def __init__(self, path: Path, max_bytes: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._now = now
        self._turn = asyncio.Lock()
        self._journal = Journal(path)

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Return when the letter is on the disk."""
        await self.append(with_error_attributes(envelope.event, reason))

    async def append(self, letter: CloudEvent) -> tuple[Path, bytes]:
        """Return the file and the line of the letter when it is on the disk."""
        line = encode_letter(letter, self._now())
        async with self._turn:  # one at a time, so that only one thread waits for the disk
            return await asyncio.to_thread(self._append, line), line

    def check_writable(self) -> None:
        """Check that letters can be stored, but for want of room. Raises DeadLetterUnavailableError."""
        try:
            self._create()
            with lock_folder(self._path):
                pass
        except OSError as exc:
            raise to_unavailable("write", self._path, exc) from exc

    def list_files(self) -> list[Path]:
        """List the files, oldest first; none if the folder does not exist yet."""
        try:
            numbered = [(match[1], path) for path in self._path.iterdir() if (match := FILE_NAME.fullmatch(path.name))]
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise to_unavailable("read", self._path, exc) from exc
        return [path for _, path in sorted(numbered, key=lambda pair: int(pair[0]))]

    def read_letters(self) -> Iterator[StoredLetter]:
        """Read every letter, oldest first. A damaged line is skipped and logged, and stays in its file."""
        for file in self.list_files():
            yield from self.read_letters_of(file)

    def read_letters_of(self, file: Path, size: int | None = None) -> Iterator[StoredLetter]:
        """Read the letters of a file, without those that were accepted in a replay killed before it removed them.

        ``size`` is how many bytes of it are read, None for all.
        """
        accepted = self._journal.read()
        letters = read_letter_file(file, size)
        return (stored for stored in letters if not accepted or hash_line(stored.line) not in accepted)

    def read_lines(self, file: Path) -> dict[bytes, bytes]:
        """Read the whole lines of a file by their digests, without those that were accepted in a replay."""
        accepted = self._journal.read()
        try:
            lines = file.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise to_unavailable("read", file, exc) from exc
        whole = {hash_line(line): line for line in lines if line.endswith(b"}\n")}
        return {digest: line for digest, line in whole.items() if digest not in accepted}

    def measure_files(self) -> list[tuple[Path, int]]:
        """List the files, oldest first, with their sizes in bytes. What is appended later is beyond the size."""
        sizes = []
        for file in self.list_files():
            with suppress(FileNotFoundError):
                sizes.append((file, file.stat().st_size))
        return sizes

    @contextmanager
    def lock_for_replay(self) -> Iterator[None]:
        """Be the only replay. First remove what was accepted in an earlier replay that was killed before it did."""
        try:
            with lock_replay(self._path):
                accepted = self._journal.read()
                for file in self.list_files() if accepted else ():
                    self._filter(file, lambda line: hash_line(line) not in accepted)
                self._journal.clear()
                yield
        except OSError as exc:
            raise to_unavailable("write", self._path, exc) from exc

    def note_accepted(self, letter: StoredLetter) -> None:
        """Note that a letter need not be sent again, whatever happens before it is removed."""
        self._journal.note(letter.line)

    def remove(self, file: Path, lines: Collection[bytes]) -> None:
        """Remove these lines, which a replay has sent, in one step. Lines appended since the file was read stay."""
        if lines:
            self.filter(file, lambda line: line not in lines)
            self._journal.clear()

    def filter(self, file: Path, is_kept: Callable[[bytes], bool]) -> None:
        """Keep these lines of a file; delete the file if none is left."""
        try:
            self._filter(file, is_kept)
        except OSError as exc:
            raise to_unavailable("write", file, exc) from exc

    def _filter(self, file: Path, is_kept: Callable[[bytes], bool]) -> None:
        with lock_folder(self._path):
            if not file.exists():
                return  # another has removed its last letter
            lines = file.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if is_kept(line)]
            if kept and len(kept) < len(lines):
                durable_files.replace(file, b"".join(kept))
            elif not kept:
                file.unlink()
                durable_files.sync_folder(self._path)

    def _append(self, line: bytes) -> Path:
        """Write a line to the disk; return its file. After a failure the folder is as it was."""
        try:
            self._create()
            with lock_folder(self._path):
                files = self.list_files()
                self._check_room(files, len(line))
                file = self._find_newest(files)
                durable_files.append(file, line)
                durable_files.sync_folder(self._path)
                return file
        except OSError as exc:
            raise to_unavailable("write", self._path, exc) from exc

    def _create(self) -> None:
        if not self._path.is_dir():
            self._path.mkdir(parents=True, exist_ok=True)
            durable_files.sync_folder(self._path.parent)

    def _check_room(self, files: Collection[Path], more: int) -> None:
        size = sum(file.stat().st_size for file in files)
        if size + more > self._max_bytes:
            raise DeadLetterFullError(
                f"DEAD_LETTER_PATH: {self._path} is full with {size} bytes of at most {self._max_bytes}, and the event "
                f"needs {more}; run vcenter-source dead-letters replay, or raise DEAD_LETTER_MAX_BYTES"
            )

    def _find_newest(self, files: list[Path]) -> Path:
        """Return the file to append to, its last line complete."""
        if not files:
            return self._path / "dead-letters-00000001.jsonl"
        newest = files[-1]
        cut_torn_line(newest)
        if newest.stat().st_size < FILE_BYTES:
            return newest
        number = int(newest.stem.rpartition("-")[2])
        return self._path / f"dead-letters-{number + 1:08}.jsonl"


def encode_letter(letter: CloudEvent, now: datetime) -> bytes:
    """Write a letter as a line; ``now`` is when it was given up."""
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    stamped = CheckedEvent(letter.get_attributes() | {"deadlettertime": time}, letter.get_data())
    return OrjsonFormat().write(stamped) + b"\n"


def decode_letter(line: bytes) -> CloudEvent:
    """Read the event of a line. Raises ValueError for anything that ``encode_letter`` has not written."""
    try:
        event = OrjsonFormat().read(CloudEvent, line)
    except (ValueError, TypeError, AttributeError, BaseCloudEventException) as exc:
        raise ValueError("not a CloudEvent in JSON") from exc
    if not isinstance(event, CloudEvent):
        raise ValueError("not a CloudEvent 1.0")  # noqa: TRY004  its content is wrong
    return event


def read_letter_file(file: Path, size: int | None = None) -> Iterator[StoredLetter]:
    """Read the letters in the first ``size`` bytes of a file; none if a replay has removed it meanwhile."""
    read = 0
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                read += len(line)
                if size is not None and read > size:
                    return
                if not line.endswith(b"\n"):
                    log.warning("last line is cut off, skipped", file=str(file), line=number, bytes=len(line))
                    return
                try:
                    event = decode_letter(line)
                except ValueError as exc:
                    log.warning("damaged line, skipped", file=str(file), line=number, reason=str(exc))
                    continue
                yield StoredLetter(file, line, event)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise to_unavailable("read", file, exc) from exc


def cut_torn_line(file: Path) -> None:
    """Cut off an incomplete last line: its writer was killed, so it was never acknowledged."""
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        log.warning("last line is cut off, removed", file=str(file), bytes=len(content) - whole)
        os.truncate(file, whole)


@contextmanager
def lock_folder(folder: Path) -> Iterator[None]:
    """Be the only process that changes files in the folder."""
    with (folder / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, or the process ends
        yield


def to_unavailable(what: str, path: Path, exc: OSError) -> DeadLetterUnavailableError:
    """Describe a failure for the operator."""
    kind = DeadLetterFullError if exc.errno in FULL else DeadLetterUnavailableError
    return kind(f"DEAD_LETTER_PATH: cannot {what} {path}: {exc.strerror or exc}")
