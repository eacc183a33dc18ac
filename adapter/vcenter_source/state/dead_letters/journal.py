"""Which letters a replay has had accepted: beside their files, so that a kill before they are removed forgets none.

    .accepted   the digest of each such letter's line, a line each; emptied once the letters are removed
    .replay     held while a replay goes on, so that no other sends the same letters

A digest, not a place in a file: whoever was killed may have rewritten the file already.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import structlog

from vcenter_source.core.errors import DeadLetterUnavailableError

log = structlog.get_logger()

DIGEST_BYTES = 16


class Journal:
    """The digests of a folder's accepted letters.

    They are in the kernel's hands when ``note`` returns, not on the disk: a machine that loses its power may send a
    letter again, and a process that is killed may not.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".accepted"
        self._is_told = False

    def read(self) -> frozenset[bytes]:
        """The digests. One that was cut off counts for nothing."""
        try:
            lines = self._path.read_bytes().splitlines(keepends=True)
        except FileNotFoundError:
            return frozenset()
        except OSError as exc:
            raise DeadLetterUnavailableError(
                f"DEAD_LETTER_PATH: cannot read {self._path}: {exc.strerror}; it says which letters were accepted"
            ) from exc
        return frozenset(line[:-1] for line in lines if len(line) == 2 * DIGEST_BYTES + 1)

    def note(self, line: bytes) -> None:
        """Add a letter's line. Where that cannot be written, the letter may be sent again after a kill."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)  # no secrets are in it
            try:
                os.write(descriptor, digest(line) + b"\n")
            finally:
                os.close(descriptor)
        except OSError as exc:
            if not self._is_told:
                log.warning("cannot note what was accepted", file=str(self._path), reason=exc.strerror)
            self._is_told = True

    def clear(self) -> None:
        """Forget them all, once their letters are removed. What stays after a failure does no harm."""
        self._path.unlink(missing_ok=True)


def digest(line: bytes) -> bytes:
    """What a letter's line is told by."""
    return blake2b(line, digest_size=DIGEST_BYTES).hexdigest().encode()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only replay of a folder. Raises DeadLetterUnavailableError where there is another."""
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder / ".replay", os.O_RDONLY | os.O_CREAT, 0o644)  # also where another user has made it
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released by the end of the process, too
        except BlockingIOError as exc:
            raise DeadLetterUnavailableError(
                f"DEAD_LETTER_PATH: another replay of {folder} is going on; wait for its end"
            ) from exc
        yield
