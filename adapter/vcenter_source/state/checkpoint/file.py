"""A checkpoint in a file with one owner. The file is whole at any moment, whatever is killed."""

import errno
import fcntl
import glob
import shlex
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import BinaryIO

import structlog

from vcenter_functions.vcenters_file import VCENTER_NAME
from vcenter_source.core import durable_files
from vcenter_source.core.errors import ConfigurationError, OvertakenError, RetryableError
from vcenter_source.state.checkpoint import Checkpoint, NamedCheckpoint
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

log = structlog.get_logger()

FULL = {errno.ENOSPC, errno.EDQUOT}
"""The error numbers of a full disk or quota."""


class FileStore:
    """One JSON file, replaced as a whole; the previous one stays beside it as ``<name>.previous``.

    ``place`` is where the checkpoints of other vCenters lie; None if there is one vCenter alone.

    The process that claims the file writes a unique name into it. The owner before it finds that name at its next save
    or check, and is overtaken. A lock on ``<name>.lock`` makes compare and replace one step.
    """

    def __init__(self, path: Path, place: "CheckpointPlace | None" = None) -> None:
        self.path = path
        self._place = place
        self._previous = path.with_name(path.name + ".previous")
        self._owner = str(uuid.uuid4())
        self._written: StoredCheckpoint | None = None

    def load(self) -> Checkpoint | None:
        """Return the checkpoint saved last, or the previous one if the last is damaged.

        Raises ConfigurationError if both are damaged: beginning anew would silently skip events.
        """
        with self._lock(needed=False):
            stored = self._read()
            if stored is None and (self.path.exists() or self._previous.exists()):
                both = f"{self.path} and {self._previous.name}"
                raise ConfigurationError(f"CHECKPOINT: {both} are damaged; remove both to begin at START_FROM")
        return stored.checkpoint if stored else None

    def claim(self) -> None:
        """Become the owner, and keep the checkpoint that the file holds."""
        with self._lock():
            stored = self._read()
            self._write(StoredCheckpoint(self._owner, stored.checkpoint if stored else None))

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""
        with self._lock():
            self._check_owner()
            self._write(StoredCheckpoint(self._owner, checkpoint))

    def check(self) -> bool:
        """Return whether the file still holds what we wrote. Raises OvertakenError if it was claimed since."""
        with self._lock():
            stored = self._check_owner()
        return stored is not None and stored == self._written

    def list_others(self) -> list[NamedCheckpoint]:
        """List the checkpoints in files beside this one."""
        others = self._place.list_files() if self._place else {}
        return [
            NamedCheckpoint(name, stored.checkpoint)
            for name, path in others.items()
            if path != self.path and (stored := read_checkpoint_file(path)) and stored.checkpoint
        ]

    @property
    def removal_command(self) -> str:
        """The command removes both files: without the last, the previous one would be loaded."""
        return shlex.join(["rm", "-f", str(self.path), str(self._previous)])

    def _check_owner(self) -> StoredCheckpoint | None:
        stored = self._read()
        # A file that has vanished belongs to nobody, and is written anew.
        if stored is not None and stored.owner != self._owner:
            raise OvertakenError(f"CHECKPOINT: another adapter has taken over {self.path}; this one stops")
        return stored

    @contextmanager
    def _lock(self, *, needed: bool = True) -> Iterator[None]:
        """Hold the lock. If it is not ``needed``, a disk too full for the lock's file is no failure."""
        try:
            with self._open_lock_file(needed=needed) as lock:
                if lock is not None:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as exc:
            raise RetryableError(f"CHECKPOINT: cannot use {self.path}: {exc.strerror}") from exc

    def _open_lock_file(self, *, needed: bool) -> AbstractContextManager[BinaryIO | None]:
        try:
            return self.path.with_name(self.path.name + ".lock").open("wb")
        except OSError as exc:
            if needed or exc.errno not in FULL:
                raise
            return nullcontext()

    def _read(self) -> StoredCheckpoint | None:
        return read_checkpoint_file(self.path) or read_checkpoint_file(self._previous)

    def _write(self, record: StoredCheckpoint) -> None:
        """Write a new file through to the disk, keep the old one as the previous, and move the new one into place."""
        new = self.path.with_name(self.path.name + ".new")
        try:
            durable_files.write_through(new, serialize(record))
        except OSError:
            with suppress(OSError):
                new.unlink()  # the disk may be full, and this file takes up room
            raise
        if read_checkpoint_file(self.path) is not None:  # a damaged file must not take the place of a good one
            self.path.replace(self._previous)
        new.replace(self.path)
        self._written = record
        durable_files.sync_folder(self.path.parent)


class CheckpointPlace:
    """Where the checkpoints of several vCenters lie, a file each.

    In a folder that is ``NAME.json``. If ``path`` is no folder and does not end with ``/``, it is the file of an
    adapter with one vCenter, and the others lie beside it: ``checkpoint.NAME.json`` beside ``checkpoint.json``.
    """

    def __init__(self, address: str) -> None:
        path = Path(address)
        self._is_folder = address.endswith("/") or path.is_dir()
        self._folder = path if self._is_folder else path.parent
        self._single = path / "checkpoint.json" if self._is_folder else path

    def create_folder(self) -> None:
        """Create the folder, if the address is one's. Its own is not created: a volume may not be mounted."""
        if self._is_folder:
            with suppress(OSError):  # the first use of a file in it says why
                self._folder.mkdir(exist_ok=True)

    def locate(self, name: str) -> Path:
        """Return the file of a vCenter."""
        single = self._single
        return self._folder / (f"{name}.json" if self._is_folder else f"{single.stem}.{name}{single.suffix}")

    def list_files(self) -> dict[str | None, Path]:
        """List the files that exist by the names of their vCenters; None is that of an adapter with one vCenter."""
        begin, end = (
            "" if self._is_folder else f"{self._single.stem}.",
            ".json" if self._is_folder else self._single.suffix,
        )
        found: dict[str | None, Path] = {None: self._single}
        for file in self._folder.glob(f"{glob.escape(begin)}?*{glob.escape(end)}"):
            name = file.name.removeprefix(begin).removesuffix(end)
            if file != self._single and VCENTER_NAME.fullmatch(name):
                found[name] = file
        return {name: file for name, file in found.items() if file.exists()}


def read_checkpoint_file(path: Path) -> StoredCheckpoint | None:
    """Read a checkpoint file; return None if it is missing or damaged."""
    try:
        return deserialize(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as exc:
        log.warning("checkpoint file is damaged, using the previous one", path=str(path), reason=str(exc))
        return None
