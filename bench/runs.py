"""One run: a sender between a simulated vCenter and a sink, and its cost."""

import json
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from statistics import median
from time import time

from bench.processes import cpu_seconds, line_of, module, peak
from bench.senders import Sender


@dataclass(frozen=True)
class Run:
    """The cost of one run. Times are in seconds, memory in MiB, delays from vCenter's own time of the event on.

    ``rate`` is counted from the first event on. ``wall_first`` and ``cpu_first`` are from the start of the process to
    its first event at the sink, ``cpu`` to its last.
    """

    events: float
    rate: float
    wall_first: float
    cpu_first: float
    cpu: float
    sink_cpu: float
    peak: float
    p50: float
    p99: float


def medians(runs: Sequence[Run]) -> Run:
    """Return the median of each figure."""
    return Run(**{figure.name: median(getattr(run, figure.name) for run in runs) for figure in fields(Run)})


@asynccontextmanager
async def sink(*options: str) -> AsyncIterator[tuple[Process, str]]:
    """Run a sink process; yields it and its address."""
    async with module("bench.sink", *options) as process:
        yield process, await line_of(process, "sink ready: ")


async def measure_drain(sender: Sender, vcenter: str, events: int, *, latency: float = 0, seconds: float = 60) -> Run:
    """Drain the backlog through one sender, until so many events arrived, or ``seconds`` after the first."""
    options = {"expected": events, "latency": latency, "seconds": seconds}
    async with sink(*flags(options)) as (receiver, address):
        before = cpu_seconds(receiver)
        started = time()
        async with sender.start(vcenter, address, backlog=True) as process:
            await line_of(receiver, "sink first:")
            cpu_first = cpu_seconds(process)
            counts = json.loads(await line_of(receiver, "sink done: "))
            if counts["identities"] < counts["requests"]:
                raise SystemExit(f"{sender.name} has sent events twice: {counts}")
            return Run(
                events=counts["requests"],
                rate=(counts["requests"] - 1) / counts["seconds"] if counts["seconds"] else 0.0,
                wall_first=counts["first"] - started,
                cpu_first=cpu_first,
                cpu=cpu_seconds(process),
                sink_cpu=cpu_seconds(receiver) - before,
                peak=peak(process),
                p50=counts["p50"],
                p99=counts["p99"],
            )


def flags(options: Mapping[str, float]) -> Iterable[str]:
    """Return options as a command line has them."""
    return (f"--{name}={value}" for name, value in options.items())
