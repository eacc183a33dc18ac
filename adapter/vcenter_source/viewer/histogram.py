"""How many events came in the last quarter of an hour, by family. Pure."""

from collections import Counter
from collections.abc import Callable

BIN_SECONDS = 10
"""The width of a bin."""

BIN_COUNT = 90

SPAN_SECONDS = BIN_SECONDS * BIN_COUNT
"""How far back the histogram reaches."""

MAX_FAMILIES = 40
"""Families that are counted one by one; extensions bring their own, and all that come later count as ``other``."""


class FamilyHistogram:
    """Counts events by time and family. ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._families: set[str] = set()
        self._bins: dict[int, Counter[str]] = {}

    def count(self, family: str, created: float, now: float) -> None:
        """Count an event in the bin of its creation; one that vCenter's clock dates in the future counts as of now."""
        if created < now - SPAN_SECONDS:
            return
        number = int(min(created, now) // BIN_SECONDS)
        counts = self._bins.get(number)
        if counts is not None and family in counts:  # the short way, for nearly all
            counts[family] += 1
            return
        if len(self._families) < MAX_FAMILIES:
            self._families.add(family)
        if number not in self._bins:
            oldest = int(now // BIN_SECONDS) - BIN_COUNT
            self._bins = {each: counts for each, counts in self._bins.items() if each > oldest}
            self._bins[number] = Counter()
        self._bins[number][family if family in self._families else "other"] += 1

    def bins(self, limit: int = BIN_COUNT) -> dict[int, dict[str, int]]:
        """Return the counts of the last bins that are not empty, by when each begins (seconds since 1970)."""
        now = int(self._clock() // BIN_SECONDS)
        return {n * BIN_SECONDS: dict(counts) for n, counts in self._bins.items() if now - limit < n <= now}
