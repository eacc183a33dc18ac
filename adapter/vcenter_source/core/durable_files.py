"""Write files so that they are on the disk, not in a cache, when a call returns."""

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
    """Replace a file's content: at any moment the file has all of the old content, or all of the new.

    Its permissions and its owner stay the same, as far as this process may set them.
    """
    new = path.with_name(path.name + ".new")
    old = path.stat()
    try:
        new.unlink(missing_ok=True)  # left behind by a kill, maybe of another process
        new.touch(0o600)
        with suppress(PermissionError):
            os.chown(new, old.st_uid, old.st_gid)
        new.chmod(old.st_mode & 0o7777)
        write_through(new, content)
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink()  # the disk may be full, and this file takes up room
        raise
    sync_folder(path.parent)


def append(path: Path, content: bytes) -> None:
    """Append to a file, and create it if it is missing. After a failure the file is as it was before."""
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
    """Write every byte; one call may write only a part of them, for example on a disk that is nearly full."""
    left = memoryview(content)
    while left:
        left = left[os.write(descriptor, left) :]


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk; only then is a rename durable (POSIX fsync, rationale)."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
