"""What a command that goes on running prints."""

import queue
import threading
from collections.abc import Callable
from contextlib import suppress

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
