"""Functions under load: events a second, how long one takes, and the CPU time of the function's process for it."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

from bench import post
from bench.function_spans import binary, measure_spans
from bench.pages import page
from bench.processes import cpu_seconds, line_of, module, simulator
from bench.senders import PASSWORD, USERNAME
from bench.spans import span_receiver
from vcenter_simulator.inventory import NAMES
from vcenter_source.vcenter.decode import decode_page

EMPTY, PYTAG = "an empty handler", "pytag, tag known"

TRACED: Mapping[str, float | None] = {"": None, ", traces sampled at 10 %": 0.1, ", traced": 1.0}
"""What stands behind the name of a function that is traced, and the share of its traces that is sampled."""

CONNECTIONS = 8
"""Events at a function at once."""

EVENTS = 160
"""Different events that are sent again and again."""

WARM_UP = 50
"""Events at first that do not count: they log in, look the tag up, and import."""

SERVED = {"HOST": "127.0.0.1", "PORT": "0", "LOG_LEVEL": "warning"}

Figures = dict[str, float]
Function = tuple[str, Process, float | None]
"""An address, its process, and the share of its events' traces that is sampled."""


def requests(url: str, sampled: float | None) -> list[bytes]:
    """Return requests with events about a simulator's objects, as a Broker would send them."""
    events = decode_page(page(EVENTS, len(NAMES)))
    return [post.request(url, *binary(event, sampled)) for event in events]


@asynccontextmanager
async def empty(environment: Mapping[str, str]) -> AsyncIterator[tuple[str, Process]]:
    """Run a function that does nothing, as a process."""
    handler = str(Path(__file__).with_name("empty"))
    async with module("vcenter_functions", handler, environment={**SERVED, **environment}) as process:
        yield await line_of(process, "empty ready: "), process


@asynccontextmanager
async def pytag(vcenter: str, environment: Mapping[str, str]) -> AsyncIterator[tuple[str, Process]]:
    """Run pytag as a process."""
    settings = {
        "VCENTER_URL": vcenter,
        "VCENTER_USERNAME": USERNAME,
        "VCENTER_PASSWORD": PASSWORD,
        "VCENTER_ALIASES": "vcenter.example.com",  # of which the events are
        "TAG": "events/bench",
        "TAG_CREATE": "true",
    }
    async with module("pytag", environment={**SERVED, **settings, **environment}) as process:
        yield await line_of(process, "pytag ready: "), process


async def measure_functions(events: int, repeats: int) -> dict[str, Figures]:
    """Send so many events to each function in turn, traced and untraced, and return the medians of the repeats.

    Times of answers are in seconds, ``cpu_ms`` is the function's process's, an event.
    """
    async with AsyncExitStack() as stack:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": await stack.enter_async_context(span_receiver())}
        vcenter = await stack.enter_async_context(simulator())
        functions: dict[str, Function] = {}
        for name, sampled in TRACED.items():
            environment = {} if sampled is None else traced
            for function, served in ((EMPTY, empty(environment)), (PYTAG, pytag(vcenter, environment))):
                functions[function + name] = *await stack.enter_async_context(served), sampled
        for each in functions.values():
            await measure(*each, WARM_UP)
        rounds = [
            {name: await measure(*function, events) for name, function in functions.items()} for _ in range(repeats)
        ]
    return {name: find_medians([each[name] for each in rounds]) for name in functions}


async def measure_traced_spans() -> dict[str, dict[str, Figures]]:
    """Return the cost of the spans alone, by TRACED."""
    async with span_receiver() as receiver:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver}
        return {
            name: await measure_spans({} if sampled is None else traced | {"BENCH_SAMPLED": str(sampled)})
            for name, sampled in TRACED.items()
        }


async def measure(url: str, process: Process, sampled: float | None, events: int) -> Figures:
    """Return the figures of so many events."""
    before = cpu_seconds(process)
    figures = await asyncio.to_thread(post.measure, url, requests(url, sampled), count=events, connections=CONNECTIONS)
    if figures["failures"]:
        raise SystemExit(f"a function has refused events: {figures}")
    return figures | {"cpu_ms": (cpu_seconds(process) - before) / events * 1000}


def find_medians(runs: list[Figures]) -> Figures:
    """Return the median of each figure."""
    return {name: median(run[name] for run in runs) for name in runs[0]}
