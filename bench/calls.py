"""``python -m bench.calls``: how many function calls an event takes, stage by stage; a gate in ``make check``.

Counts, unlike seconds, are the same on a busy machine, so a change that makes an event more expensive shows at once.
Calls of Python's and of C's functions both count. Exit code 1 if a stage exceeds its limit.
"""

import argparse
import gc
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any

from bench.pages import page, page_of_types
from vcenter_source.events.codec import write_binary
from vcenter_source.events.conversion import Converter
from vcenter_source.vcenter.decode import decode_page

LIMITS = {"decode": 60.0, "convert": 14.0, "encode": 10.0}
"""Calls an event. A tenth more than what was counted last on Python 3.11; later ones make fewer."""

CONVERTER = Converter("https://vcenter.example.com/sdk", "8.0.3.0")
EVENTS = 1000


def calls(work: Callable[[], Any]) -> int:
    """Count the function calls in a piece of work: neither itself, nor what clears up after others."""
    count = -2  # the work itself, and the call of setprofile that ends it

    def note(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    gc.disable()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
        gc.enable()
    return count


def per_event(xml: bytes) -> dict[str, float]:
    """Count the calls an event takes by stage, once every cache is warm."""
    events = list(decode_page(xml))
    converted = [CONVERTER.convert(event) for event in events]
    every(write_binary, converted)
    stages: dict[str, Callable[[], Any]] = {
        "decode": lambda: list(decode_page(xml)),
        "convert": lambda: every(CONVERTER.convert, events),
        "encode": lambda: every(write_binary, converted),
    }
    return {name: calls(work) / len(events) for name, work in stages.items()}


def usual_page() -> bytes:
    """Return the page that the gate counts with."""
    return page(EVENTS, objects=50)


def every(work: Callable[[Any], Any], values: Iterable[Any]) -> None:
    """Call a function with each value."""
    for value in values:
        work(value)


def growth() -> dict[str, float]:
    """Count the calls an event takes in all stages, by the types and objects of the events."""
    pages = {"1 type": page_of_types(1), "300 types": page_of_types(300)}
    pages |= {"4 objects": page(objects=4), "1,000 objects": page(objects=1000)}
    return {name: sum(per_event(xml).values()) for name, xml in pages.items()}


def main() -> int:
    """Print the counts; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.calls", description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the limits (default: %(default)s)")
    scale = parser.parse_args().scale
    counts = per_event(usual_page())
    summary = ", ".join(f"{name} {count:.1f} (limit {LIMITS[name] * scale:.0f})" for name, count in counts.items())
    print(f"function calls an event: {summary}")
    dearer = [name for name, count in counts.items() if count > LIMITS[name] * scale]
    if dearer:
        print(
            f"bench.calls: an event takes more calls than it may in: {', '.join(dearer)}. Make it cheaper again, "
            "or raise LIMITS in bench/calls.py and say in the commit what the calls buy.",
            file=sys.stderr,
        )
    return 1 if dearer else 0


if __name__ == "__main__":
    sys.exit(main())
