"""A signal that something in vCenter has changed, so that long polls learn it at once."""

import asyncio
import contextlib


class Changes:
    """A counter that can be awaited. It belongs to one asyncio loop."""

    def __init__(self) -> None:
        self.count = 0
        self.closed = False
        self._changed: asyncio.Event | None = None

    def note(self) -> None:
        """Wake all waiting tasks."""
        self.count += 1
        if self._changed is not None:
            self._changed.set()
            self._changed = None

    def close(self) -> None:
        """Shut down: end every wait at once, also later ones."""
        self.closed = True
        self.note()

    async def wait(self, seen: int, seconds: float | None) -> None:
        """Return when ``count`` is no longer ``seen``, or after so many seconds (None: no limit)."""
        if self.closed or self.count != seen:
            return
        self._changed = self._changed or asyncio.Event()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._changed.wait(), seconds)
