"""Is vCenter's clock ever set back? Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vcenter_source.core.errors import ClockSetBackError

TOLERANCE = timedelta(seconds=1)
"""How far two clocks may drift apart between two looks; a collector's overlap makes up for it."""


@dataclass(frozen=True, slots=True)
class ClockSample:
    """What vCenter's clock said, and between which two readings of a monotonic clock of ours, in seconds."""

    before: float
    reported: datetime
    after: float


@dataclass(slots=True)
class ClockMonitor:
    """vCenter's clock beside one that never goes back."""

    last: ClockSample | None = None

    def check(self, sample: ClockSample) -> None:
        """Raises ClockSetBackError if less time has passed on vCenter's clock than on ours, since the last sample."""
        last, self.last = self.last, sample
        if last is None:
            return
        back = last.reported + timedelta(seconds=sample.before - last.after) - sample.reported
        if back > TOLERANCE:
            raise ClockSetBackError(
                f"vCenter's clock was set back by {back.total_seconds():.0f} s, to {sample.reported.isoformat()}",
                earliest=sample.reported - timedelta(seconds=sample.after - last.before),
            )
