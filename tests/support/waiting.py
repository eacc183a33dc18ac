"""Wait for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(condition: Callable[[], T | None], timeout: float = 30.0) -> T:
    """Poll until the condition gives something true: other processes are at work, so there is nothing to wait on."""
    end = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < end, "not within the time limit"
        time.sleep(0.02)
    return value
