"""How many events to ask vCenter for at once: as many as it takes a reasonable time and memory to get. Pure."""

MAX_PAGE_EVENTS = 1000
"""Events a read, the most that vCenter allows."""

READ_TIMEOUT, MAX_READ_TIMEOUT = 60.0, 960.0
"""Seconds that a call may take, and up to which it may take longer each time where there is nothing less to ask for."""

TARGET_PAGE_BYTES = 4 << 20
"""Bytes that a page should have at most; what it takes in memory is some times as much."""

MAX_PAGE_BYTES = 16 << 20
"""Bytes that the answer to a read may have. Before anything is known of the events, a page is larger than its goal."""

FAST_READ_SECONDS, SLOW_READ_SECONDS = READ_TIMEOUT / 3, READ_TIMEOUT * 2 / 3
"""Seconds: after a read that took less, up to twice as many events are asked for; after one that took more, half."""

FIRST_TRIAL = 8
"""Pages to read before a size is tried that has failed; twice as many after each failure."""


class Paging:
    """The size of the next page, by what became of those before.

    After a failed read the collector is replaced, and the new one begins a while before the last event: so a size that
    has failed is tried again after more and more pages, or one might never come beyond that while.
    """

    def __init__(self) -> None:
        self.size = MAX_PAGE_EVENTS
        self.timeout = self.creation_timeout = READ_TIMEOUT
        self._ceiling = MAX_PAGE_EVENTS
        self._trial_after = FIRST_TRIAL
        self._pages = 0

    def note_success(self, events: int, size: int, seconds: float) -> None:
        """A page came: so many events in so many bytes and seconds."""
        self._raise_ceiling()
        wanted = self.size
        if seconds < FAST_READ_SECONDS:
            self.timeout = READ_TIMEOUT
            wanted = self.size * 2
        elif seconds > SLOW_READ_SECONDS:
            wanted = self.size // 2
        fitting = TARGET_PAGE_BYTES * events // size if events and size else MAX_PAGE_EVENTS
        self.size = max(1, min(wanted, fitting, self._ceiling))

    def _raise_ceiling(self) -> None:
        self._pages += 1
        if self.size == MAX_PAGE_EVENTS:
            self._trial_after = FIRST_TRIAL
        if self._pages >= self._trial_after:
            self._pages, self._ceiling = 0, min(MAX_PAGE_EVENTS, self._ceiling * 2)

    def note_creation(self, *, in_time: bool) -> None:
        """A collector was made, or not in time: in a long history that may take a while."""
        longer = min(MAX_READ_TIMEOUT, self.creation_timeout * 2)
        self.creation_timeout = READ_TIMEOUT if in_time else longer

    def note_failure(self) -> None:
        """A page did not come in time, or was too large."""
        if self.size == 1:
            self.timeout = min(MAX_READ_TIMEOUT, self.timeout * 2)
        self.size = self._ceiling = max(1, self.size // 4)
        self._pages, self._trial_after = 0, self._trial_after * 2
