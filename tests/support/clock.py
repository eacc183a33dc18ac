"""A clock that a test holds in its hand."""

from dataclasses import dataclass


@dataclass
class Clock:
    """Called, it gives the seconds that it stands at."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now
