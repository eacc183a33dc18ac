"""What the log says about a sink that does not accept events: a line when it begins, one a minute, one when it ends.

There is one log a sink, however many vCenters share it. Each try is logged at debug::

      0 s  sink did not accept the event, trying again       the first event that fails
     60 s  sink still does not accept events, trying again   how many events wait, and which one for longest
    104 s  sink accepts events again                         how long it took, and how many tries

An event that fails while others pass is named the same way: it is the one that waits for longest.
"""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from vcenter_source.core.envelope import Envelope

log = structlog.get_logger()

REPEAT_SECONDS = 60.0
"""Seconds between two lines about the same trouble, at least."""

MAX_MORE = 4
"""How many events a line names beside the one that waits for longest, where others pass."""


class SinkLog:
    """Logs the trouble with one sink: from the first failed try until the sink has accepted all that had failed.

    A sink that fails now and then begins and ends its trouble often; each kind of beginning is logged once a minute.
    ``clock`` returns seconds and never goes back.
    """

    def __init__(self, address: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._clock = clock
        self._failing: dict[Envelope, Mapping[str, Any]] = {}
        """The events that have failed and wait, the longest first, with the fields of a line about each."""
        self._begun_at: float | None = None
        self._is_logged = False
        """Whether a line was logged of this trouble."""
        self._logged_at: dict[str, float] = {}
        """When each kind of beginning was logged last."""
        self._repeated_at = 0.0
        self._tries = self._tries_before = self._accepted = 0

    @property
    def has_trouble(self) -> bool:
        """Whether the sink has not yet accepted an event that it did not accept before."""
        return self._begun_at is not None

    def note_failure(self, what: str, envelope: Envelope, why: Exception, seconds: float, **more: str) -> None:
        """Log a failed try, after which the next comes in ``seconds``: as a warning, if that is due, else at debug."""
        now = self._clock()
        self._begun_at = now if self._begun_at is None else self._begun_at
        self._tries += 1
        fields = structlog.contextvars.get_contextvars() | more | {"reason": str(why), **log_fields(envelope)}
        self._failing[envelope] = fields
        logged_at = self._logged_at.get(what, -math.inf)
        is_news = logged_at < self._begun_at and now - logged_at >= REPEAT_SECONDS
        write = log.warning if is_news else log.debug
        write(what, sink=self._address, seconds=round(seconds, 2), **fields)
        if is_news:
            self._is_logged, self._logged_at[what], self._repeated_at = True, now, now
        elif now - self._repeated_at >= REPEAT_SECONDS:
            self._repeat(now - self._begun_at)
            self._is_logged, self._repeated_at, self._tries_before, self._accepted = True, now, self._tries, 0

    def note_success(self, envelope: Envelope) -> None:
        """Count an accepted event; log the end of the trouble if none is left that has failed."""
        self._accepted += 1
        self._failing.pop(envelope, None)
        if not self._failing and self._begun_at is not None:
            if self._is_logged:
                seconds = round(self._clock() - self._begun_at)
                log.info("sink accepts events again", sink=self._address, seconds=seconds, failed_tries=self._tries)
            self._begun_at, self._is_logged = None, False
            self._tries = self._tries_before = self._accepted = 0

    def forget(self, envelope: Envelope) -> None:
        """Forget an event that is not tried any more: a dead letter, or one of a pipeline that stops."""
        self._failing.pop(envelope, None)

    def _repeat(self, seconds: float) -> None:
        """Log how it stands: with the event that waits for longest, and the next ones where others pass."""
        oldest, *rest = self._failing.values()
        passing: dict[str, Any] = {}
        what = "sink still does not accept events, trying again"
        if self._accepted:
            what = "sink accepts other events, but not this one, trying again"
            passing = {"accepted": self._accepted, "more_event_ids": [each["event_id"] for each in rest[:MAX_MORE]]}
        log.warning(
            what,
            sink=self._address,
            seconds=round(seconds),
            waiting=len(self._failing),
            failed_tries=self._tries - self._tries_before,
            **passing,
            **oldest,
        )


def log_fields(envelope: Envelope) -> dict[str, str]:
    """Return the fields of a log line that name an event; without a trace_id if nothing is traced."""
    trace_id = envelope.span.trace_id
    attributes = envelope.event.get_attributes()
    fields = {"event_id": attributes["id"], "event_type": attributes["type"]}
    return fields | {"trace_id": trace_id.hex()} if trace_id else fields
