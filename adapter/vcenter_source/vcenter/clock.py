"""Notice when vCenter's clock is set back. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vcenter_source.core.errors import ClockSetBackError

TOLERANCE = timedelta(seconds=1)
"""How far two clocks may drift apart between two samples; a collector's overlap makes up for it."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """The time that vCenter reported, between two readings of our monotonic clock, in seconds."""

    before: float
    reported: datetime
    after: float


@dataclass(slots=True)
class ClockMonitor:
    """Compares vCenter's clock with one that never goes back."""

    last: ClockSample | None = None

    def check(self, sample: ClockSample) -> None:
        """Raise ClockSetBackError if less time has passed on vCenter's clock than on ours, since the last sample."""
        last, self.last = self.last, sample
        if last is None:
            return
        back = last.reported + timedelta(seconds=sample.before - last.after) - sample.reported
        if back > TOLERANCE:
            raise ClockSetBackError(
                f"vCenter's clock was set back by {back.total_seconds():.0f} s, to {sample.reported.isoformat()}",
                earliest=sample.reported - timedelta(seconds=sample.after - last.before),
            )
