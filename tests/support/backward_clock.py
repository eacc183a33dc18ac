"""``python -m tests.support.backward_clock run``: the adapter's command on a machine whose wall clock runs backwards.

It begins in 1999, and each look at it finds it ten minutes earlier than the last. What the kernel and its timers use
stays as it is, and so do clocks that never go back anyway (``time.monotonic``).
"""

import datetime as dt
import itertools
import sys
import time
from typing import Any

REAL = dt.datetime
_looks = itertools.count()


def seconds() -> float:
    return 946_684_799.0 - 600.0 * next(_looks)


class _AsReal(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, REAL)


class Backward(REAL, metaclass=_AsReal):
    """What every module below takes for ``datetime.datetime``. What it makes is the real one's."""

    def __new__(cls, *parts: Any, **more: Any) -> Any:
        return REAL(*parts, **more)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return REAL.fromtimestamp(seconds(), tz)


if __name__ == "__main__":
    dt.datetime = Backward  # type: ignore[misc]  # which is the point
    time.time = seconds
    time.time_ns = lambda: int(seconds() * 1e9)

    from vcenter_source.cli import main

    sys.argv[0] = "vcenter_source"
    main()
