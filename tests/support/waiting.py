"""Wait for what other threads and processes do."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 45.0
"""Seconds to wait for what must happen; a loaded machine takes its time."""


def eventually(condition: Callable[[], T | None], what: Callable[[], object] = lambda: "") -> T:
    """Poll until the condition gives something true: other processes are at work, so there is nothing to wait on.

    ``what`` says more for the failure, such as a program's output.
    """
    begun = time.monotonic()
    while not (value := condition()):
        waited = time.monotonic() - begun
        assert waited < PATIENCE, f"not within {PATIENCE:.0f} s: {what()}"
        # A tenth late at most, since each poll takes time from what is waited for: many are HTTP requests.
        time.sleep(min(max(waited / 10, 0.005), 0.1))
    return value
