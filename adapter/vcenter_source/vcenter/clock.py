"""Is vCenter's clock ever set back? Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from vcenter_source.core.errors import ClockSetBackError

TOLERANCE = timedelta(seconds=1)
"""How far two clocks may drift apart between two looks; a collector's overlap makes up for it."""


@dataclass(frozen=True, slots=True)
class Look:
    """What vCenter's clock said, and between which two readings of a monotonic clock of ours, in seconds."""

    before: float
    said: datetime
    after: float


@dataclass(slots=True)
class Clock:
    """vCenter's clock beside one that never goes back."""

    last: Look | None = None

    def look(self, look: Look) -> None:
        """Raises ClockSetBackError if less time has passed on vCenter's clock than on ours, since the last look."""
        last, self.last = self.last, look
        if last is None:
            return
        back = last.said + timedelta(seconds=look.before - last.after) - look.said
        if back > TOLERANCE:
            raise ClockSetBackError(
                f"vCenter's clock was set back by {back.total_seconds():.0f} s, to {look.said.isoformat()}",
                earliest=look.said - timedelta(seconds=look.after - last.before),
            )
