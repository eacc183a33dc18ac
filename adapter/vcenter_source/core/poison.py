"""Find out whether the event or the way to the sink is at fault: an event that fails while others get through is.

    event A   try ──✗                        try ──✗   counted: B began after A had failed, and was accepted
    event B             try ── accepted                before A was tried again

A request that was sent before A failed proves nothing: the cause of A's failure may have begun in between.

The others may only go so far ahead of A. Then nothing but A is sent, and no other event can get through between two of
its tries. Those tries count, too, if many events had got through and none has failed since.
"""

from dataclasses import dataclass

MIN_OTHERS_PASSED = 100
"""Events that have to get through before a try counts although all others stand still."""


class Traffic:
    """The requests to one destination, numbered as they begin.

    ``begun`` is the number of the last request; ``accepted`` that of the latest accepted one, 0 before the first.
    ``passed`` counts the accepted ones; ``doubted`` is the value of ``begun`` when an unsuspected event failed last.
    """

    __slots__ = ("accepted", "begun", "doubted", "passed")

    def __init__(self) -> None:
        self.begun = 0
        self.accepted = 0
        self.passed = 0
        self.doubted = 0

    def begin(self) -> int:
        """Number a request that is sent now."""
        self.begun += 1
        return self.begun

    def accept(self, request: int) -> None:
        """Note that this request was accepted."""
        self.accepted = max(self.accepted, request)
        self.passed += 1


@dataclass(slots=True)
class Suspicion:
    """The evidence against one event, at one destination.

    ``tries`` counts its failed tries: the first, and each one before which another event got through. While none gets
    through it stays the same, however often the event is tried, except as described above.
    """

    tries: int = 0
    _failed_at: int = 0
    _others_passed: bool = False
    _passed_before: int = 0

    def begin(self, traffic: Traffic) -> None:
        """Note that the event is about to be tried again."""
        self._others_passed = traffic.accepted > self._failed_at or self._stands_alone(traffic)

    def _stands_alone(self, traffic: Traffic) -> bool:
        """Return whether many got through since its first failure, and no other event has failed since."""
        is_suspected = self.tries > 1 and traffic.passed - self._passed_before >= MIN_OTHERS_PASSED
        return is_suspected and traffic.accepted > traffic.doubted

    def fail(self, traffic: Traffic) -> int:
        """Note that the try has failed, and return ``tries``."""
        if not self.tries:
            self._passed_before = traffic.passed
        if not self.tries or self._others_passed:
            self.tries += 1
        if self.tries == 1:
            traffic.doubted = traffic.begun
        self._failed_at = traffic.begun
        return self.tries

    def clear(self) -> None:
        """Start counting again: the event fails for another reason now."""
        self.tries = 0
