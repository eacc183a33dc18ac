"""Dead letters in a folder: lines of JSON, each a structured CloudEvent, that outlive whatever is killed.

    dead-letters-00000001.jsonl   counted, since a clock may step back; the highest number is the newest
    .lock                         held while a file changes, by an adapter that appends or a replay that removes
    .accepted, .replay            a replay's own: see ``journal``

A file begins anew at ``FILE_BYTES``: a replay writes what stays of a file in its place, and small files keep that
cheap, and possible on a disk that is nearly full.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core import durable_files
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.events.codec import OrjsonFormat
from vcenter_source.state.dead_letters import Reason, with_error_attributes
from vcenter_source.state.dead_letters.journal import Journal, alone, digest

log = structlog.get_logger()

FILE_BYTES = 4 * 1024 * 1024
FILE_NAME = re.compile(r"dead-letters-(\d{8,})\.jsonl")


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A letter in its file. ``line`` is what it was read from, and what it is removed by.

    ``event`` has Knative's attributes of the failure and ours: ``deadlettertime``, ``deadletterreason`` and, separated
    by commas, ``deadlettertakers``.
    """

    file: Path
    line: bytes
    event: CloudEvent

    @property
    def takers(self) -> tuple[str, ...]:
        """Those behind the sink that have the event already."""
        named = str(self.event.get_attributes().get("deadlettertakers", ""))
        return tuple(named.split(",")) if named else ()


class DeadLetterFolder:
    """The folder, at most ``max_bytes`` in all; full, it refuses. Every failure is a DeadLetterUnavailableError."""

    def __init__(self, path: Path, max_bytes: int, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._now = now
        self._turn = asyncio.Lock()
        self._journal = Journal(path)

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Return when the letter is on the disk."""
        line = encode(envelope.event, reason, self._now())
        async with self._turn:  # one at a time, so that no more than one thread waits for the disk
            await asyncio.to_thread(self._append, line)

    def files(self) -> list[Path]:
        """The files, oldest first; none where the folder is not there yet."""
        try:
            numbered = [(match[1], path) for path in self._path.iterdir() if (match := FILE_NAME.fullmatch(path.name))]
        except FileNotFoundError:
            return []
        except OSError as exc:
            raise unavailable("read", self._path, exc) from exc
        return [path for _, path in sorted(numbered, key=lambda pair: int(pair[0]))]

    def letters(self) -> Iterator[StoredLetter]:
        """Every letter, oldest first. What is damaged is skipped and logged; it stays in its file."""
        for file in self.files():
            yield from self.letters_of(file)

    def letters_of(self, file: Path) -> Iterator[StoredLetter]:
        """The letters of a file, but for those that a replay has had accepted and could not remove any more."""
        accepted = self._journal.read()
        return (stored for stored in read(file) if not accepted or digest(stored.line) not in accepted)

    @contextmanager
    def lock_for_replay(self) -> Iterator[None]:
        """Be the only replay. What an earlier one had accepted, and was killed before it could, is removed first."""
        try:
            with alone(self._path):
                accepted = self._journal.read()
                for file in self.files() if accepted else ():
                    self._filter(file, lambda line: digest(line) not in accepted)
                self._journal.clear()
                yield
        except OSError as exc:
            raise unavailable("write", self._path, exc) from exc

    def accepted(self, letter: StoredLetter) -> None:
        """Note that a letter needs to be sent no more, whatever happens before it is removed."""
        self._journal.note(letter.line)

    def remove(self, file: Path, lines: Collection[bytes]) -> None:
        """Remove these lines at once. What was appended to the file since it was read stays."""
        if not lines:
            return
        try:
            self._filter(file, lambda line: line not in lines)
            self._journal.clear()
        except OSError as exc:
            raise unavailable("write", file, exc) from exc

    def _filter(self, file: Path, is_kept: Callable[[bytes], bool]) -> None:
        """Keep these lines of a file; none of them, and the file goes."""
        with locked(self._path):
            lines = file.read_bytes().splitlines(keepends=True)
            kept = [line for line in lines if is_kept(line)]
            if kept and len(kept) < len(lines):
                durable_files.replace(file, b"".join(kept))
            elif not kept:
                file.unlink()
                durable_files.sync_folder(self._path)

    def _append(self, line: bytes) -> None:
        """Write a line to the disk. After a failure the folder is as it was."""
        try:
            if not self._path.is_dir():
                self._path.mkdir(parents=True, exist_ok=True)
                durable_files.sync_folder(self._path.parent)
            with locked(self._path):
                files = self.files()
                self._have_room(files, len(line))
                durable_files.append(self._newest(files), line)
                durable_files.sync_folder(self._path)
        except OSError as exc:
            raise unavailable("write", self._path, exc) from exc

    def _have_room(self, files: Collection[Path], more: int) -> None:
        size = sum(file.stat().st_size for file in files)
        if size + more > self._max_bytes:
            raise DeadLetterUnavailableError(
                f"DEAD_LETTER_PATH: {self._path} is full with {size} bytes of at most {self._max_bytes}, and the event "
                f"needs {more}; run vcenter-source dead-letters replay, or raise DEAD_LETTER_MAX_BYTES"
            )

    def _newest(self, files: list[Path]) -> Path:
        """The file to append to, its last line whole."""
        if not files:
            return self._path / "dead-letters-00000001.jsonl"
        newest = files[-1]
        mend(newest)
        if newest.stat().st_size < FILE_BYTES:
            return newest
        number = int(newest.stem.rpartition("-")[2])
        return self._path / f"dead-letters-{number + 1:08}.jsonl"


def encode(event: CloudEvent, reason: Reason, now: datetime) -> bytes:
    """A letter as its line."""
    time = now.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    takers = ",".join(reason.takers)
    letter = with_error_attributes(
        event, reason, deadlettertime=time, deadletterreason=reason.message, deadlettertakers=takers
    )
    return OrjsonFormat().write(letter) + b"\n"


def decode(line: bytes) -> CloudEvent:
    """The event of a line. Raises ValueError for anything that ``encode`` has not written."""
    try:
        event = OrjsonFormat().read(CloudEvent, line)
    except (ValueError, TypeError, AttributeError, BaseCloudEventException) as exc:
        raise ValueError("not a CloudEvent in JSON") from exc
    if not isinstance(event, CloudEvent):
        raise ValueError("not a CloudEvent 1.0")  # noqa: TRY004  its content is wrong, and so says the docstring
    return event


def read(file: Path) -> Iterator[StoredLetter]:
    """The letters of a file; of none where a replay has removed it meanwhile."""
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.endswith(b"\n"):
                    log.warning("last line is cut off, skipped", file=str(file), line=number, bytes=len(line))
                    return
                try:
                    event = decode(line)
                except ValueError as exc:
                    log.warning("damaged line, skipped", file=str(file), line=number, reason=str(exc))
                    continue
                yield StoredLetter(file, line, event)
    except FileNotFoundError:
        return
    except OSError as exc:
        raise unavailable("read", file, exc) from exc


def mend(file: Path) -> None:
    """Cut off a last line without its end: it was torn when its writer was killed, and so never acknowledged."""
    content = file.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        log.warning("last line is cut off, removed", file=str(file), bytes=len(content) - whole)
        os.truncate(file, whole)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Be the only one, of all processes, that changes files in the folder."""
    with (folder / ".lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released when the file is closed, also by the end of the process
        yield


def unavailable(what: str, path: Path, exc: OSError) -> DeadLetterUnavailableError:
    """The failure in the operator's words."""
    return DeadLetterUnavailableError(f"DEAD_LETTER_PATH: cannot {what} {path}: {exc.strerror or exc}")
