"""A line in the log while events wait for long: which one holds the stream, how many wait, and for what."""

import time
from collections.abc import Awaitable, Callable

import structlog

from vcenter_source.observe.status import PipelineStatus, Waiting
from vcenter_source.pipeline.dispatcher import log_fields

log = structlog.get_logger()

STALL_SECONDS = 30.0
"""Seconds that an event may wait before it is worth a word. A Broker may take minutes for an answer and say nothing."""

LONGEST_SILENCE = 600.0
"""Seconds between two lines, at most; each silence is twice as long as the one before."""

LOOK_EVERY = 1.0


class Stall:
    """Looks at what is in flight, and logs what has waited for ``patience`` seconds. ``clock`` is monotonic."""

    def __init__(
        self, status: PipelineStatus, clock: Callable[[], float] = time.monotonic, *, patience: float = STALL_SECONDS
    ) -> None:
        self._status = status
        self._patience = patience
        self._clock = clock
        self._silence = 0.0
        self._told_at: float | None = None

    async def keep_looking(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Look until cancelled."""
        while True:
            await sleep(LOOK_EVERY)
            self.look()

    def look(self) -> None:
        """Log the oldest event in flight where it is time to, or that none waits for long any more."""
        oldest, told_at = self._status.oldest, self._told_at
        if oldest is not None and oldest.seconds >= self._patience:
            if told_at is None or self._clock() - told_at >= self._silence:
                self._tell(oldest)
        elif told_at is not None:
            self._told_at, self._silence = None, 0.0
            log.info("no events wait for the sink any more", waiting=self._status.in_flight)

    def _tell(self, oldest: Waiting) -> None:
        self._told_at = self._clock()
        self._silence = min(max(STALL_SECONDS, 2 * self._silence), LONGEST_SILENCE)
        log.warning(
            "events wait for the sink",
            waiting=self._status.in_flight,
            seconds=round(oldest.seconds),
            tries=oldest.failures,
            reason=oldest.reason or "no answer yet",
            **log_fields(oldest.envelope),
        )
