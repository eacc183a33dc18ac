"""A checkpoint in a file that is whole at any moment, whatever is killed, and that has one owner."""

import errno
import fcntl
import shlex
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import structlog

from vcenter_source.core import durable_files
from vcenter_source.core.errors import ConfigurationError, OvertakenError, RetryableError
from vcenter_source.state.checkpoint import Checkpoint
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

log = structlog.get_logger()

FULL = {errno.ENOSPC, errno.EDQUOT}
"""What the system says of a disk or a quota that has no room."""


class FileStore:
    """One JSON file, replaced as a whole; the one before it stays beside it as ``<name>.previous``.

    Who claims it writes a name of its own into it. Whoever had it before finds that name at its next save or check,
    and is overtaken. A lock on ``<name>.lock`` makes comparing and replacing one step.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".previous")
        self._owner = str(uuid.uuid4())
        self._written: StoredCheckpoint | None = None

    def load(self) -> Checkpoint | None:
        """The last checkpoint saved, or the one before it where the last cannot be read.

        Raises ConfigurationError where neither can: beginning anew would pass over events without a word.
        """
        with self._locked(needed=False):
            found = self._read()
            if found is None and (self._path.exists() or self._previous.exists()):
                both = f"{self._path} and {self._previous.name}"
                raise ConfigurationError(f"CHECKPOINT: {both} are damaged; remove both to begin at START_FROM")
        return found.checkpoint if found else None

    def claim(self) -> None:
        """Take the file over, with the checkpoint that it holds."""
        with self._locked():
            found = self._read()
            self._write(StoredCheckpoint(self._owner, found.checkpoint if found else None))

    def save(self, checkpoint: Checkpoint) -> None:
        """Put this checkpoint in the file's place."""
        with self._locked():
            self._must_own()
            self._write(StoredCheckpoint(self._owner, checkpoint))

    def check(self) -> bool:
        """Whether the file still holds what we wrote. Raises OvertakenError if it was claimed since."""
        with self._locked():
            found = self._must_own()
        return found is not None and found == self._written

    @property
    def removal_command(self) -> str:
        """Both go: where there is no file, the one before it serves."""
        return shlex.join(["rm", "-f", str(self._path), str(self._previous)])

    def _must_own(self) -> StoredCheckpoint | None:
        found = self._read()
        # A file that has vanished belongs to nobody, and is made anew.
        if found is not None and found.owner != self._owner:
            raise OvertakenError(f"CHECKPOINT: another adapter has taken {self._path} over; this one stops")
        return found

    @contextmanager
    def _locked(self, *, needed: bool = True) -> Iterator[None]:
        """Hold the lock. Where it is not ``needed``, a disk that is too full for one is no reason to fail."""
        try:
            with self._lock_file(needed=needed) as lock:
                if lock is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as exc:
            raise RetryableError(f"CHECKPOINT: cannot use {self._path}: {exc.strerror}") from exc

    def _lock_file(self, *, needed: bool) -> AbstractContextManager[BinaryIO | None]:
        try:
            return self._path.with_name(self._path.name + ".lock").open("wb")
        except OSError as exc:
            if needed or exc.errno not in FULL:
                raise
            return nullcontext()

    def _read(self) -> StoredCheckpoint | None:
        return read_record(self._path) or read_record(self._previous)

    def _write(self, record: StoredCheckpoint) -> None:
        """Force a new file to the disk, keep the old one under its second name, and put the new one in its place."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            durable_files.write_through(new, serialize(record))
        except OSError:
            with suppress(OSError):
                new.unlink()  # the disk may be full, and this takes its room
            raise
        if read_record(self._path) is not None:  # a damaged file must not take the place of a good one
            self._path.replace(self._previous)
        new.replace(self._path)
        self._written = record
        durable_files.sync_folder(self._path.parent)


def read_record(path: Path) -> StoredCheckpoint | None:
    """What a file holds; None where there is none, and where it is damaged."""
    try:
        return deserialize(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as exc:
        log.warning("checkpoint file is damaged, the one before it serves", path=str(path), reason=str(exc))
        return None
