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
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, f"not within {PATIENCE:.0f} s: {what()}"
        time.sleep(0.02)
    return value
