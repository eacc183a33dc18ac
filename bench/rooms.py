"""Where the event loop's time goes, room by room: the adapter under cProfile, which sees this one thread.

A profile slows what it measures, and small functions most, so that only shares mean anything. vCenter's thread, where
pages are decoded, is not in it.
"""

import pstats
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.runs import measure_drain
from bench.senders import Adapter

MIN_SHARE = 0.01
"""The share from which on a room is worth telling of."""

WAITING = "<method 'poll' of 'select.epoll' objects>"

Function = tuple[str, int, str]


async def profile(vcenter: str, events: int, environment: Mapping[str, str]) -> dict[str, float]:
    """Return the share of each room while a backlog is drained, the greatest first, without the start."""
    spent = await seconds(vcenter, events, environment)
    spent.subtract(await seconds(vcenter, 1, environment))
    total = sum(own for own in spent.values() if own > 0)
    return {name: own / total for name, own in spent.most_common() if own / total >= MIN_SHARE}


async def seconds(vcenter: str, events: int, environment: Mapping[str, str]) -> Counter[str]:
    """Return the seconds of the loop's time by room, from the start of the process to its end."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "profile"
        command = (sys.executable, "-m", "cProfile", "-o", str(file), "-m", "vcenter_source", "run")
        await measure_drain(Adapter("adapter", environment, command), vcenter, events)
        return by_room(pstats.Stats(str(file)).stats)  # type: ignore[attr-defined]  # missing in its stubs


def by_room(stats: Mapping[Function, tuple[int, int, float, float, Mapping[Function, Any]]]) -> Counter[str]:
    """Sum functions' own seconds by room, less the waiting. What is written in C counts as its callers'."""
    spent: Any = Counter()  # of floats, which its type does not foresee
    for (file, _, name), (_, _, own, _, callers) in stats.items():
        if file == "~" and name != WAITING:
            for (caller, _, _), (_, _, part, _) in callers.items():
                spent[room(caller)] += part
        elif file != "~":
            spent[room(file)] += own
    return spent  # type: ignore[no-any-return]  # as above


def room(file: str) -> str:
    """Return ``pipeline/dispatcher.py`` for a module of the adapter, else the name of its package or module."""
    path = Path(file)
    if "vcenter_source" in path.parts:
        return "/".join(path.parts[path.parts.index("vcenter_source") + 1 :])
    if "site-packages" in path.parts:
        return path.parts[path.parts.index("site-packages") + 1]
    return path.stem if path.parent.name.startswith("python") else path.parent.name or file
