"""Functions under load: events a second, how long one takes, and the CPU time of the function's process for it."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median

from bench import post
from bench.calls import CONVERTER
from bench.pages import page
from bench.processes import cpu_seconds, line_of, module, simulator
from bench.senders import PASSWORD, USERNAME
from vcenter_simulator.inventory import NAMES
from vcenter_source.events.codec import to_binary
from vcenter_source.vcenter.decode import decode_page

EMPTY, PYTAG = "an empty handler", "pytag, tag known"

CONNECTIONS = 8
"""Events at a function at once."""

WARM_UP = 50
"""Events at first that do not count: they log in, look the tag up, and import."""

SERVED = {"HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "warning"}

Figures = dict[str, float]


def requests(url: str) -> list[bytes]:
    """Return requests with events about a simulator's objects, as a Broker would send them."""
    events = map(CONVERTER.convert, decode_page(page(16, len(NAMES))))
    return [post.request(url, *to_binary(event)) for event in events]


@asynccontextmanager
async def empty() -> AsyncIterator[tuple[str, Process]]:
    """Run a function that does nothing, as a process."""
    handler = str(Path(__file__).with_name("empty"))
    async with module("vcenter_functions", handler, environment=SERVED) as process:
        yield await line_of(process, "empty ready: "), process


@asynccontextmanager
async def pytag(vcenter: str) -> AsyncIterator[tuple[str, Process]]:
    """Run pytag as a process."""
    environment = SERVED | {
        "VCENTER_URL": vcenter,
        "VCENTER_USERNAME": USERNAME,
        "VCENTER_PASSWORD": PASSWORD,
        "VCENTER_ALIASES": "vcenter.example.com",  # of which the events are
        "TAG": "events/bench",
        "TAG_CREATE": "true",
    }
    async with module("pytag", environment=environment) as process:
        yield await line_of(process, "pytag ready: "), process


async def measure_functions(events: int, repeats: int) -> dict[str, Figures]:
    """Send so many events to each function in turn, and return the medians of the repeats.

    Times of answers are in seconds, ``cpu_ms`` is the function's process's, an event.
    """
    async with simulator() as vcenter, empty() as nothing, pytag(vcenter) as tagging:
        functions = {EMPTY: nothing, PYTAG: tagging}
        for function in functions.values():
            await measure(*function, WARM_UP)
        rounds = [
            {name: await measure(*function, events) for name, function in functions.items()} for _ in range(repeats)
        ]
    return {name: find_medians([each[name] for each in rounds]) for name in functions}


async def measure(url: str, process: Process, events: int) -> Figures:
    """Return the figures of so many events."""
    before = cpu_seconds(process)
    figures = await asyncio.to_thread(post.measure, url, requests(url), count=events, connections=CONNECTIONS)
    if figures["failures"]:
        raise SystemExit(f"a function has refused events: {figures}")
    return figures | {"cpu_ms": (cpu_seconds(process) - before) / events * 1000}


def find_medians(runs: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: median(run[name] for run in runs) for name in runs[0]}
