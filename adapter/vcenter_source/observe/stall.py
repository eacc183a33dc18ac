"""A line in the log while events wait for an answer: which event holds the others, how many wait, and for how long."""

import time
from collections.abc import Awaitable, Callable

import structlog

from vcenter_source.core.sink_log import log_fields
from vcenter_source.observe.status import PipelineStatus, WaitingEvent

log = structlog.get_logger()

STALL_SECONDS = 30.0
"""Seconds after which a waiting event is named. A Broker may take minutes to respond, in silence."""

MAX_SILENCE = 600.0
"""Seconds between two lines, at most; each pause is twice as long as the one before."""

CHECK_INTERVAL = 1.0


class StallWatch:
    """Logs the oldest event in flight if it waits for ``after`` seconds without an answer. ``clock`` is monotonic.

    Once its try has failed, the log of the sink names it (``core.sink_log``).
    """

    def __init__(
        self, status: PipelineStatus, clock: Callable[[], float] = time.monotonic, *, after: float = STALL_SECONDS
    ) -> None:
        self._status = status
        self._after = after
        self._clock = clock
        self._silence = 0.0
        self._logged_at: float | None = None

    async def watch(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Check regularly, until cancelled."""
        while True:
            await sleep(CHECK_INTERVAL)
            self.check()

    def check(self) -> None:
        """Log the oldest event in flight if it is time to, or that none waits for long any more."""
        oldest, logged_at = self._status.oldest, self._logged_at
        if oldest is not None and oldest.seconds >= self._after:
            if not oldest.failures and (logged_at is None or self._clock() - logged_at >= self._silence):
                self._log_oldest(oldest)
        elif logged_at is not None:
            self._logged_at, self._silence = None, 0.0
            log.info("no events wait for the sink any more", waiting=self._status.in_flight)

    def _log_oldest(self, oldest: WaitingEvent) -> None:
        self._logged_at = self._clock()
        self._silence = min(max(STALL_SECONDS, 2 * self._silence), MAX_SILENCE)
        log.warning(
            "events wait for the sink",
            waiting=self._status.in_flight,
            seconds=round(oldest.seconds),
            tries=oldest.failures,
            reason="no answer yet",
            **log_fields(oldest.envelope),
        )
