"""Files that are on the disk, not in a cache, when a call returns."""

import os
from contextlib import suppress
from pathlib import Path


def write_through(path: Path, content: bytes) -> None:
    """Write a whole file."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Put new content in the place of a file: at any moment it has all of the old, or all of the new.

    Who may read it, and whose it is, stay as they were, so far as we may say so.
    """
    new = path.with_name(path.name + ".new")
    old = path.stat()
    try:
        new.unlink(missing_ok=True)  # what was left by a kill, maybe another's
        new.touch(0o600)
        with suppress(PermissionError):
            os.chown(new, old.st_uid, old.st_gid)
        new.chmod(old.st_mode & 0o7777)
        write_through(new, content)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()  # the disk may be full, and this takes its room
        raise
    sync_folder(path.parent)


def append(path: Path, content: bytes) -> None:
    """Add to the end of a file, and make it where there is none. After a failure it is as it was before."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        try:
            write_all(descriptor, content)
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, size)
            raise
    finally:
        os.close(descriptor)


def write_all(descriptor: int, content: bytes) -> None:
    """Write every byte; one call may take a part of them only, such as on a disk that is nearly full."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def sync_folder(folder: Path) -> None:
    """Force a folder's entries to the disk; a rename is durable only after that (POSIX fsync, rationale)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
