"""What a command prints: line by line while it goes on running, or all of it where it shows it to people."""

import os
import pty
import queue
import struct
import tempfile
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from fcntl import ioctl

from tests.support.fork_server import Forked
from tests.support.waiting import eventually


class Terminal:
    """What a command prints, line by line."""

    def __init__(self, read: Callable[[], str]) -> None:
        self.lines: list[str] = []
        self._queue: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, args=(read,), daemon=True).start()

    def wait_for(self, text: str) -> str:
        """Wait for a line with this text."""

        def find() -> str | None:
            with suppress(queue.Empty):
                while True:
                    self.lines.append(self._queue.get_nowait())
            return next((line for line in self.lines if text in line), None)

        return eventually(find, lambda: self.lines)

    def _read(self, read: Callable[[], str]) -> None:
        with suppress(ValueError):  # closed at the end
            while line := read():
                self._queue.put(line.rstrip("\n"))


def show_at_terminal(environment: Mapping[str, str], *arguments: str, columns: int = 0) -> str:
    """What ``vcenter-source arguments`` shows at a terminal, so wide where it is said; it must end well."""
    ours, theirs = pty.openpty()
    if columns:
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with os.fdopen(ours, "rb", buffering=0), tempfile.TemporaryFile() as errors:
        with os.fdopen(theirs, "wb") as screen:
            running = Forked(environment, "vcenter_source", *arguments, into=(screen, errors))
        with running:
            shown = b"".join(_read_screen(ours)).decode()
        errors.seek(0)
        assert running.returncode == 0, errors.read().decode()
    return shown


def _read_screen(terminal: int) -> Iterator[bytes]:
    with suppress(OSError):  # EIO, once nobody has it any more
        while text := os.read(terminal, 65536):
            yield text
