"""Many vCenters in one adapter: CPU an event and memory, as the vCenters get more and the events stay as many."""

import asyncio
import json
import math
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.processes import cpu_seconds, line_of, peak, run_process, simulator
from bench.runs import flags, sink
from bench.senders import PASSWORD, USERNAME
from bench.vcenters import run_vcenters

Figures = dict[str, float]

SETTLE_SECONDS = 4.0
"""Seconds after the first event, in which an adapter of fifty vCenters comes to rest."""

SLOW_SINK_MILLISECONDS = 2000
"""A latency with which each vCenter soon holds all the events that it may hold."""

STEADY, BUSY = "b", "a"
"""The names of two vCenters: one with some events a second, and one with a backlog."""

STEADY_RATE = 20
"""Events a second."""


@asynccontextmanager
async def start_adapter(
    entries: Sequence[Mapping[str, str]], address: str, more: Mapping[str, str] = {}
) -> AsyncIterator[Process]:
    """Run an adapter of these vCenters; ``more`` is added to its environment. Its checkpoints are in files."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "vcenters.yaml"
        file.write_text(json.dumps(entries))  # which is YAML, too
        environment = {
            "VCENTERS_FILE": str(file),
            "K_SINK": address,
            "CHECKPOINT": f"file://{folder}/state/",
            "HEALTH_PORT": "0",
            "LOG_LEVEL": "error",
            **more,
        }
        command = (sys.executable, "-m", "vcenter_source", "run")
        async with run_process(*command, environment=environment, stdout=DEVNULL) as process:
            yield process


def build_entry(name: str, url: str, start_from: str) -> dict[str, str]:
    """Return an entry of VCENTERS_FILE for a simulated vCenter."""
    return {"name": name, "url": url, "username": USERNAME, "password": PASSWORD, "startFrom": start_from}


def build_entries(addresses: Sequence[str], start_from: str = "beginning") -> list[dict[str, str]]:
    """Return the entries of vcenter-0, vcenter-1 and so on."""
    return [build_entry(f"vcenter-{n}", url, start_from) for n, url in enumerate(addresses)]


async def measure_backlog(vcenters: int, events: int) -> Figures:
    """Drain so many events of so many vCenters; return the CPU seconds from the start of the process on.

    Each vCenter has one event more, of the adapter's log-in, so that the last one arrives only once all are read.
    """
    options = {"expected": events + vcenters, "seconds": 120}
    async with (
        run_vcenters(vcenters, f"--backlog={events // vcenters}") as (_, addresses),
        sink(*flags(options)) as (receiver, address),
        start_adapter(build_entries(addresses), address) as adapter,
    ):
        counts = json.loads(await line_of(receiver, "sink done: "))
        if counts["identities"] < counts["requests"]:
            raise SystemExit(f"an adapter of {vcenters} vCenters has sent events twice: {counts}")
        return {"events": counts["requests"], "cpu": cpu_seconds(adapter), "peak": peak(adapter)}


async def measure_waiting(vcenters: int, events: int, seconds: float) -> Figures:
    """Return the peak while so many events wait for a slow sink."""
    async with (
        run_vcenters(vcenters, f"--backlog={events // vcenters}") as (_, addresses),
        sink(f"--latency={SLOW_SINK_MILLISECONDS}") as (receiver, address),
        start_adapter(build_entries(addresses), address) as adapter,
    ):
        await line_of(receiver, "sink first:")
        await asyncio.sleep(SETTLE_SECONDS + seconds)
        return {"peak": peak(adapter)}


async def measure_rate(vcenters: int, rate: float, seconds: float) -> Figures:
    """Return the CPU seconds and the delays at so many events a second of all vCenters together, once all are read.

    A rate of 0 leaves them idle.
    """
    window = SETTLE_SECONDS + seconds if rate else math.inf
    async with (
        run_vcenters(vcenters, f"--rate={rate / vcenters}") as (_, addresses),
        sink(f"--seconds={window}") as (receiver, address),
        start_adapter(build_entries(addresses), address) as adapter,
    ):
        await line_of(receiver, "sink first:")
        await asyncio.sleep(SETTLE_SECONDS)
        receiver.send_signal(signal.SIGUSR1)
        before = cpu_seconds(adapter)
        if not rate:
            await asyncio.sleep(seconds)
            return {"cpu": (cpu_seconds(adapter) - before) / seconds, "peak": peak(adapter)}
        counts = json.loads(await line_of(receiver, "sink done: "))
        cpu = cpu_seconds(adapter) - before
        return {"events": counts["requests"], "cpu": cpu, "p99": counts["p99"], "peak": peak(adapter)}


async def measure_fairness(backlog: int, seconds: float) -> Figures:
    """Return the delays of a vCenter with some events a second, beside one with a backlog of so many events."""
    async with (
        simulator(f"--rate={STEADY_RATE}") as steady,
        simulator(f"--backlog={backlog}") as busy,
        sink(f"--seconds={SETTLE_SECONDS + seconds}") as (receiver, address),
        start_adapter([build_entry(STEADY, steady, "now"), build_entry(BUSY, busy, "beginning")], address),
    ):
        await line_of(receiver, "sink first:")
        await asyncio.sleep(SETTLE_SECONDS)
        receiver.send_signal(signal.SIGUSR1)
        counts: dict[str, Any] = json.loads(await line_of(receiver, "sink done: "))
        own = {name: counts[f"{STEADY} {name}"] for name in ("p50", "p99")}
        return own | {"rate": counts["requests"] / seconds}
