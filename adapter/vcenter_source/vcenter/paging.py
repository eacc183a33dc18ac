"""Decide how many events to ask vCenter for at once, within a reasonable time and memory. No I/O."""

MAX_PAGE_EVENTS = 1000
"""The most events per read that vCenter allows."""

READ_TIMEOUT, MAX_READ_TIMEOUT = 60.0, 960.0
"""Seconds that a call may take; while nothing smaller can be asked for, each try may take longer, up to the second."""

TARGET_PAGE_BYTES = 4 << 20
"""Bytes that a page should have at most; decoded, it takes several times as much memory."""

MAX_PAGE_BYTES = 16 << 20
"""Bytes that the answer to a read may have. The first pages, of unknown events, may exceed the target."""

FAST_READ_SECONDS, SLOW_READ_SECONDS = READ_TIMEOUT / 3, READ_TIMEOUT * 2 / 3
"""Seconds: after a faster read, the next asks for up to twice as many events; after a slower one, for half."""

SHARED_PAGE_EVENTS = 150
"""The most events of a page where one process reads several vCenters: a page is parsed in one go, in which no other
vCenter gets its turn. 1,000 events take 30 ms, and 6 MiB when decoded."""

FIRST_TRIAL = 8
"""Pages to read before a size that has failed is tried again; twice as many after each failure."""


def share_pages(vcenters: int) -> int:
    """Return the most events that a page may have where one process reads so many vCenters."""
    return MAX_PAGE_EVENTS if vcenters == 1 else SHARED_PAGE_EVENTS


class Paging:
    """The size of the next page, from the reads before it.

    After a failed read the collector is replaced, and the new one begins some time before the last event. A size
    that has failed is tried again only after more and more pages: else reading might never get beyond that time.

    ``largest`` is the most events that a page may have.
    """

    def __init__(self, largest: int = MAX_PAGE_EVENTS) -> None:
        self._largest = largest
        self.size = largest
        self.timeout = self.creation_timeout = READ_TIMEOUT
        self._ceiling = largest
        self._trial_after = FIRST_TRIAL
        self._pages = 0

    def note_success(self, events: int, size: int, seconds: float) -> None:
        """Note a page that came: its events, its size in bytes, and the seconds it took."""
        self._raise_ceiling()
        wanted = self.size
        if seconds < FAST_READ_SECONDS:
            self.timeout = READ_TIMEOUT
            wanted = self.size * 2
        elif seconds > SLOW_READ_SECONDS:
            wanted = self.size // 2
        fitting = TARGET_PAGE_BYTES * events // size if events and size else self._largest
        self.size = max(1, min(wanted, fitting, self._ceiling))

    def _raise_ceiling(self) -> None:
        self._pages += 1
        if self.size == self._largest:
            self._trial_after = FIRST_TRIAL
        if self._pages >= self._trial_after:
            self._pages, self._ceiling = 0, min(self._largest, self._ceiling * 2)

    def note_creation(self, *, in_time: bool) -> None:
        """Note whether a collector was created in time: in a long history that may take a while."""
        longer = min(MAX_READ_TIMEOUT, self.creation_timeout * 2)
        self.creation_timeout = READ_TIMEOUT if in_time else longer

    def note_failure(self) -> None:
        """Note a page that did not come in time, or was too large."""
        if self.size == 1:
            self.timeout = min(MAX_READ_TIMEOUT, self.timeout * 2)
        self.size = self._ceiling = max(1, self.size // 4)
        self._pages, self._trial_after = 0, self._trial_after * 2
