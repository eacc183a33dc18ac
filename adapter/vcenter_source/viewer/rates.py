"""How many events came, by family, in the last quarter of an hour. Pure."""

from collections import Counter
from collections.abc import Callable

STEP = 10
"""Seconds that are counted together."""

STEPS = 90

SPAN = STEP * STEPS
"""Seconds that are looked back at."""

MAX_FAMILIES = 40
"""Families that are told apart; extensions bring their own, and what comes after these counts as ``other``."""


class Rates:
    """Counts events in steps. ``clock`` gives seconds since 1970."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._families: set[str] = set()
        self._steps: dict[int, Counter[str]] = {}

    def count(self, family: str, created: float, now: float) -> None:
        """One event, by when it was created; what vCenter's clock has in the future counts as of now."""
        if created < now - SPAN:
            return
        step = int(min(created, now) // STEP)
        known = self._steps.get(step)
        if known is not None and family in known:  # the short way, for nearly all
            known[family] += 1
            return
        if len(self._families) < MAX_FAMILIES:
            self._families.add(family)
        if step not in self._steps:
            oldest = int(now // STEP) - STEPS
            self._steps = {each: found for each, found in self._steps.items() if each > oldest}
            self._steps[step] = Counter()
        self._steps[step][family if family in self._families else "other"] += 1

    def steps(self, most: int = STEPS) -> dict[int, dict[str, int]]:
        """The counts of the last steps up to now, by when each began (seconds since 1970); those with events only."""
        now = int(self._clock() // STEP)
        return {step * STEP: dict(found) for step, found in self._steps.items() if now - most < step <= now}
