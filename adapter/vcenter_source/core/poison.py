"""Is it the event, or the way to the sink? An event that fails again and again while others get through is the reason.

    event A   try ──✗                        try ──✗   counted: B began after A had failed, and was accepted
    event B             try ── accepted                before A was tried again

A request that was under way already when A failed shows nothing: what A failed for may have begun in between.

The others may go only so far ahead of A. When they have, nothing more is sent but A, and no other can get through
between two of its tries. Those tries count too where many had got through and no other has failed since.
"""

from dataclasses import dataclass

MANY = 100
"""Others that have got through, after which a try counts also where all but the event stands still."""


class Traffic:
    """The requests to one destination, numbered as they begin.

    ``begun`` is the number of the last one; ``accepted`` that of the latest one that was accepted, 0 before the first.
    ``passed`` counts the accepted; ``doubted`` is where ``begun`` stood when an event failed that is not suspected.
    """

    __slots__ = ("accepted", "begun", "doubted", "passed")

    def __init__(self) -> None:
        self.begun = 0
        self.accepted = 0
        self.passed = 0
        self.doubted = 0

    def begin(self) -> int:
        """Number a request that goes out now."""
        self.begun += 1
        return self.begun

    def accept(self, request: int) -> None:
        """Note that this request was accepted."""
        self.accepted = max(self.accepted, request)
        self.passed += 1


@dataclass(slots=True)
class Suspicion:
    """What speaks against one event, at one destination.

    ``tries`` counts its failed tries: the first, and each that others had got through before. While none gets through
    it stays as it is, however often the event is tried; but see above.
    """

    tries: int = 0
    _failed_at: int = 0
    _others_passed: bool = False
    _passed_before: int = 0

    def begin(self, traffic: Traffic) -> None:
        """Note that the event is about to be tried again."""
        self._others_passed = traffic.accepted > self._failed_at or self._stands_alone(traffic)

    def _stands_alone(self, traffic: Traffic) -> bool:
        """Whether many got through since its first failure, and no other event has failed since they did."""
        is_suspected = self.tries > 1 and traffic.passed - self._passed_before >= MANY
        return is_suspected and traffic.accepted > traffic.doubted

    def fail(self, traffic: Traffic) -> int:
        """Note that the try has failed; returns ``tries``."""
        if not self.tries:
            self._passed_before = traffic.passed
        if not self.tries or self._others_passed:
            self.tries += 1
        if self.tries == 1:
            traffic.doubted = traffic.begun
        self._failed_at = traffic.begun
        return self.tries

    def clear(self) -> None:
        """Begin to count anew: the event fails for another reason now."""
        self.tries = 0
