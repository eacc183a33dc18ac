"""A checkpoint in a file that is whole at any moment, whatever is killed."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import orjson
import structlog

from adapter.checkpoint import Checkpoint, Identity
from adapter.errors import RetryableError

log = structlog.get_logger()


class FileStore:
    """One JSON file, replaced as a whole; the one before it stays beside it as ``<name>.previous``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._previous = path.with_name(path.name + ".previous")

    def load(self) -> Checkpoint | None:
        """The last checkpoint saved; the one before it where the last cannot be read."""
        for path in (self._path, self._previous):
            try:
                return parse(path.read_bytes())
            except FileNotFoundError:
                continue
            except OSError as exc:
                raise RetryableError(f"CHECKPOINT: cannot read {path}: {exc.strerror}") from exc
            except (ValueError, KeyError, TypeError) as exc:
                log.warning("checkpoint file is damaged, trying the one before it", path=str(path), reason=str(exc))
        return None

    def save(self, checkpoint: Checkpoint) -> None:
        """Write a new file, force it to the disk, put it in place, force the folder's entry to the disk."""
        new = self._path.with_name(self._path.name + ".new")
        try:
            write_through(new, serialise(checkpoint))
            with suppress(FileNotFoundError):
                self._path.replace(self._previous)
            new.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as exc:
            raise RetryableError(f"CHECKPOINT: cannot write {self._path}: {exc.strerror}") from exc


def write_through(path: Path, content: bytes) -> None:
    """Write a file that is on the disk, not in a cache, when this returns."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk; a rename is durable only after that (POSIX fsync, rationale)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def serialise(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as JSON, readable by people too."""
    return orjson.dumps(
        {
            "instanceUuid": checkpoint.instance_uuid,
            "last": checkpoint.last,
            "beyond": sorted(checkpoint.beyond, key=lambda identity: identity[1]),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def parse(content: bytes) -> Checkpoint:
    """The reverse of ``serialise``. Raises ValueError, KeyError or TypeError for anything else."""
    fields = orjson.loads(content)
    return Checkpoint(fields["instanceUuid"], identity(fields["last"]), frozenset(map(identity, fields["beyond"])))


def identity(pair: list[object]) -> Identity:
    """``[key, created]`` from JSON."""
    key, created = pair
    if not isinstance(key, int):
        raise TypeError(f"{key!r} is no event key")
    return key, datetime.fromisoformat(str(created))
