"""What is in flight, and when each side last answered: for probes, gauges, the viewer and a line in the log."""

import math
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.observers import Acknowledged, Observer


class WaitingEvent(NamedTuple):
    """An event in flight: for how many seconds, after how many failed tries, and what the last of them said."""

    envelope: Envelope
    seconds: float
    failures: int = 0
    reason: str = ""


class PipelineStatus(Observer):
    """The status of the pipeline. ``clock`` is monotonic, in seconds, and the same as the dispatcher's.

    The event loop writes to it, and the thread that talks to vCenter; any thread reads it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.vcenter, self.sink, self.checkpoint = (
            ConnectionStatus(clock),
            ConnectionStatus(clock),
            ConnectionStatus(clock),
        )
        self.standby_reason = ""
        """What is waited for although the Lease is ours; empty while nothing is."""
        self._in_flight: dict[int, Envelope] = {}
        self._failures: dict[int, tuple[int, str]] = {}
        self._acknowledged: Acknowledged | None = None
        self._vcenter_clock: tuple[datetime, float] | None = None

    def on_start(self, acknowledged: Acknowledged) -> None:
        """Note how far events are acknowledged."""
        self._acknowledged = acknowledged

    def on_stop(self) -> None:
        """Note that nothing is in flight: another adapter may deliver these events now."""
        self._in_flight.clear()
        self._failures.clear()

    def on_login(self, vcenter_now: datetime) -> None:
        """Note vCenter's clock."""
        self._vcenter_clock = vcenter_now, self._clock()

    def on_accepted(self, envelope: Envelope) -> None:
        """Note that the event is in flight."""
        self._in_flight[id(envelope)] = envelope

    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        """Note what the try said."""
        self.sink.record_failure(reason)
        failures, _ = self._failures.get(id(envelope), (0, ""))
        self._failures[id(envelope)] = failures + 1, reason

    def on_access_refused(self, reason: str) -> None:  # noqa: ARG002  the try is a failed one, too
        """Note that the sink may refuse everybody."""
        self.sink.is_access_refused = True

    def on_delivered(self, envelope: Envelope) -> None:
        """Note that the sink takes events."""
        self.sink.record_success()
        self._forget(envelope)

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:  # noqa: ARG002  it is in the log
        """Note that the event is not in flight any more."""
        self._forget(envelope)

    def _forget(self, envelope: Envelope) -> None:
        self._in_flight.pop(id(envelope), None)
        if self._failures:
            self._failures.pop(id(envelope), None)

    @property
    def in_flight(self) -> int:
        """How many events are in flight."""
        return len(self._in_flight)

    @property
    def oldest_in_flight(self) -> float:
        """How many seconds the oldest of them has been in flight; 0 without any."""
        oldest = self.oldest
        return oldest.seconds if oldest else 0.0

    @property
    def oldest(self) -> WaitingEvent | None:
        """The event that has been in flight for longest: in the end it holds the stream. None without any."""
        envelopes = list(self._in_flight.values())  # in one step, since the loop's thread may change it meanwhile
        if not envelopes:
            return None
        envelope = envelopes[0]
        return WaitingEvent(envelope, self._clock() - envelope.accepted_at, *self._failures.get(id(envelope), ()))

    @property
    def lag(self) -> float:
        """Seconds between the last acknowledged event and now, by vCenter's clock. NaN while either is unknown.

        Now is what vCenter's clock showed at the last log-in, and the monotonic time since: never our wall clock.
        """
        last = self._acknowledged.last if self._acknowledged else None
        if last is None or self._vcenter_clock is None:
            return math.nan
        vcenter_now, at = self._vcenter_clock
        return max(0.0, (vcenter_now - last[1]).total_seconds() + self._clock() - at)
