"""What the log says about a sink that does not accept events: a line when it begins, one a minute, one when it ends.

There is one log a sink, however many vCenters share it. Each try is logged at debug::

      0 s  sink did not accept the event, trying again       the first event that fails
     60 s  sink still does not accept events, trying again   how many events wait, and which one for longest
    104 s  sink accepts events again                         how long it took, and how many tries

An event that fails while others pass is named the same way: it is the one that waits for longest.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import structlog

from vcenter_source.core.envelope import Envelope, EventKey, event_key

log = structlog.get_logger()

REPEAT_SECONDS = 60.0
"""Seconds between two lines about the same trouble, at least."""

MAX_MORE = 4
"""How many events a line names beside the one that waits for longest, where others pass."""

MAX_FAILING = 10_000
"""How many events that fail are known, those tried last."""


@dataclass(frozen=True, slots=True)
class Words:
    """How the log says that the trouble goes on, that it goes on while other events pass, and that it has ended."""

    goes_on: str = "sink still does not accept events, trying again"
    others_accepted: str = "sink accepts other events, but not this one, trying again"
    ends: str = "sink accepts events again"


class Failing(NamedTuple):
    """An event that has failed and waits: the number and the time of a try, and the fields of a line about it."""

    first_try: int
    last_tried_at: float
    fields: Mapping[str, Any]


class SinkLog:
    """Logs the trouble with one sink: from the first failed try until the sink has accepted all that had failed.

    A sink that fails now and then begins and ends its trouble often; each kind of beginning is logged once a minute.
    ``clock`` returns seconds and never goes back. Where others do the tries, an event that was not tried for
    ``patience`` seconds counts as given up.
    """

    def __init__(
        self,
        address: str,
        clock: Callable[[], float] = time.monotonic,
        words: Words = Words(),
        patience: float = math.inf,
    ) -> None:
        self._address = address
        self._clock = clock
        self._words = words
        self._patience = patience
        self._failing: OrderedDict[EventKey, Failing] = OrderedDict()
        """The one first whose last try is the longest ago."""
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

    def note_failure(
        self, what: str, envelope: Envelope, why: Exception, seconds: float | None = None, **more: str
    ) -> None:
        """Log a failed try: as a warning, if that is due, else at debug. The next comes in ``seconds``, if known."""
        now = self._clock()
        self._begun_at = now if self._begun_at is None else self._begun_at
        self._tries += 1
        fields = structlog.contextvars.get_contextvars() | more | {"reason": str(why), **log_fields(envelope)}
        self._keep(envelope, now, fields)
        logged_at = self._logged_at.get(what, -math.inf)
        is_news = logged_at < self._begun_at and now - logged_at >= REPEAT_SECONDS
        write = log.warning if is_news else log.debug
        write(what, sink=self._address, **({} if seconds is None else {"seconds": round(seconds, 2)}), **fields)
        if is_news:
            self._is_logged, self._logged_at[what], self._repeated_at = True, now, now
        elif now - self._repeated_at >= REPEAT_SECONDS:
            self._repeat(now - self._begun_at)
            self._is_logged, self._repeated_at, self._tries_before, self._accepted = True, now, self._tries, 0

    def note_success(self, envelope: Envelope) -> None:
        """Count an accepted event; log the end of the trouble if none is left that has failed."""
        now = self._clock()
        self._accepted += 1
        self.forget(envelope)
        self._give_up(now)
        if not self._failing and self._begun_at is not None:
            if self._is_logged:
                seconds = round(now - self._begun_at)
                log.info(self._words.ends, sink=self._address, seconds=seconds, failed_tries=self._tries)
            self._begun_at, self._is_logged = None, False
            self._tries = self._tries_before = self._accepted = 0

    def forget(self, envelope: Envelope) -> None:
        """Forget an event that is not tried any more: a dead letter, or one of a pipeline that stops."""
        self._failing.pop(event_key(envelope.event), None)

    def _keep(self, envelope: Envelope, now: float, fields: Mapping[str, Any]) -> None:
        key = event_key(envelope.event)
        earlier = self._failing.pop(key, None)
        self._failing[key] = Failing(earlier.first_try if earlier else self._tries, now, fields)
        self._give_up(now)

    def _give_up(self, now: float) -> None:
        """Forget the events that nobody seems to try any more, and the oldest of too many."""
        while self._failing:
            key, first = next(iter(self._failing.items()))
            if now - first.last_tried_at < self._patience and len(self._failing) <= MAX_FAILING:
                return
            del self._failing[key]

    def _repeat(self, seconds: float) -> None:
        """Log how it stands: with the event that waits for longest, and the next ones where others pass."""
        oldest, *rest = (each.fields for each in sorted(self._failing.values(), key=lambda each: each.first_try))
        what, passing = self._words.goes_on, dict[str, Any]()
        if self._accepted:
            what = self._words.others_accepted
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
