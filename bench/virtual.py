"""``python -m bench.virtual ARGUMENTS``: ``vcenter-source ARGUMENTS``, for which hours of waiting pass at once.

From SIGUSR1 on, that is, and an hour later it prints a line.
"""

import asyncio
import selectors
import signal
from collections.abc import Coroutine
from functools import partial
from typing import Any, TypeVar

from vcenter_source import cli
from vcenter_source.core import event_loop

GRACE = 0.002
"""Real seconds without anything from outside, after which time is moved on to the next timer."""
HOUR = 3600.0
PASSED = "an hour has passed"

T = TypeVar("T")


class MovingSelector(selectors.DefaultSelector):
    """Waits for what comes from outside, ``GRACE`` at most. What it skips is added up in ``skipped``, in seconds."""

    skips = False
    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready."""
        if not self.skips or timeout is None or timeout <= GRACE:
            return super().select(timeout)
        ready = super().select(GRACE)
        if not ready:
            self.skipped += timeout - GRACE
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its clock is the real one, and all that was skipped."""

    def __init__(self) -> None:
        self._moving = MovingSelector()
        super().__init__(self._moving)

    def time(self) -> float:
        """Seconds; never goes back."""
        return super().time() + self._moving.skipped

    def skip(self) -> None:
        """Let waits pass at once from now on."""
        self._moving.skips = True
        self.call_later(HOUR, partial(print, PASSED, flush=True))


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run like ``event_loop.run_loop``, in such a loop."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, VirtualLoop)  # noqa: S101  just made
        loop.add_signal_handler(signal.SIGUSR1, loop.skip)
        return runner.run(main)


if __name__ == "__main__":
    event_loop.run_loop = run
    cli.main()
