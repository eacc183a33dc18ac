"""The letters that were accepted in a replay, so that a kill before they are removed does not send them again.

    .accepted   the digest of each such letter's line, one per line; emptied once the letters are removed
    .replay     locked while a replay runs, so that no other sends the same letters

A digest, not a position in a file: the killed replay may have rewritten the file already.
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

    When ``note`` returns, the kernel has the digest, but the disk may not: after a power failure a letter may be sent
    again, after a kill it is not.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / ".accepted"
        self._is_reported = False

    def read(self) -> frozenset[bytes]:
        """Read the digests; an incomplete one is ignored."""
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
        """Add a letter's line. If that cannot be written, the letter may be sent again after a kill."""
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)  # it holds no secrets
            try:
                os.write(descriptor, hash_line(line) + b"\n")
            finally:
                os.close(descriptor)
        except OSError as exc:
            if not self._is_reported:
                log.warning("cannot write the journal of the replay", file=str(self._path), reason=exc.strerror)
            self._is_reported = True

    def clear(self) -> None:
        """Remove all digests, once their letters are removed. A digest left after a failure does no harm."""
        self._path.unlink(missing_ok=True)


def hash_line(line: bytes) -> bytes:
    """Return the digest that identifies a letter's line."""
    return blake2b(line, digest_size=DIGEST_BYTES).hexdigest().encode()


@contextmanager
def lock_replay(folder: Path) -> Iterator[None]:
    """Be the only replay of a folder. Raises DeadLetterUnavailableError if another is running."""
    if not folder.is_dir():
        yield
        return
    descriptor = os.open(folder / ".replay", os.O_RDONLY | os.O_CREAT, 0o644)  # also if another user has created it
    with os.fdopen(descriptor, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # also released when the process ends
        except BlockingIOError as exc:
            raise DeadLetterUnavailableError(
                f"DEAD_LETTER_PATH: another replay of {folder} is running; wait for its end"
            ) from exc
        yield
