"""How many events to ask vCenter for at once: as many as it takes a reasonable time and memory to get. Pure."""

MOST = 1000
"""Events a read, the most that vCenter allows."""

PATIENCE, LONGEST_PATIENCE = 60.0, 960.0
"""Seconds that a call may take, and up to which it may take longer each time where there is nothing less to ask for."""

GOAL = 4 << 20
"""Bytes that a page should have at most; what it takes in memory is some times as much."""

LIMIT = 16 << 20
"""Bytes that the answer to a read may have. Before anything is known of the events, a page is larger than its goal."""

QUICK, SLOW = PATIENCE / 3, PATIENCE * 2 / 3
"""Seconds: after a read that took less, up to twice as many events are asked for; after one that took more, half."""

FIRST_TRIAL = 8
"""Pages to read before a size is tried that has failed; twice as many after each failure."""


class Paging:
    """The size of the next page, by what became of those before.

    After a failed read the collector is replaced, and the new one begins a while before the last event: so a size that
    has failed is tried again after more and more pages, or one might never come beyond that while.
    """

    def __init__(self) -> None:
        self.size = MOST
        self.patience = self.creation_patience = PATIENCE
        self._ceiling = MOST
        self._trial_after = FIRST_TRIAL
        self._pages = 0

    def succeeded(self, events: int, size: int, seconds: float) -> None:
        """A page came: so many events in so many bytes and seconds."""
        self._raise_ceiling()
        wanted = self.size
        if seconds < QUICK:
            self.patience = PATIENCE
            wanted = self.size * 2
        elif seconds > SLOW:
            wanted = self.size // 2
        fitting = GOAL * events // size if events and size else MOST
        self.size = max(1, min(wanted, fitting, self._ceiling))

    def _raise_ceiling(self) -> None:
        self._pages += 1
        if self.size == MOST:
            self._trial_after = FIRST_TRIAL
        if self._pages >= self._trial_after:
            self._pages, self._ceiling = 0, min(MOST, self._ceiling * 2)

    def created(self, *, in_time: bool) -> None:
        """A collector was made, or not in time: in a long history that may take a while."""
        longer = min(LONGEST_PATIENCE, self.creation_patience * 2)
        self.creation_patience = PATIENCE if in_time else longer

    def failed(self) -> None:
        """A page did not come in time, or was too large."""
        if self.size == 1:
            self.patience = min(LONGEST_PATIENCE, self.patience * 2)
        self.size = self._ceiling = max(1, self.size // 4)
        self._pages, self._trial_after = 0, self._trial_after * 2
