"""``python -m bench.openfaas``: the same backlog straight to an HTTP sink, and through OpenFaaS' gateway, side by side.

Straight, ``run --sink openfaas+http://…`` (one process), and ``openfaas-shim`` (a process and an HTTP hop more; also
with BATCH=16), in turn, each so many times; the medians, and what part of the straight rate of the same round they are.
The gateway costs what the sink costs: it is the same process. All of them share this machine's cores.
"""

import argparse
import asyncio
import re
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.processes import run_process, simulator
from bench.runs import Run, measure_drain
from bench.sections import SPREAD, run_interleaved
from bench.senders import Adapter
from bench.table import compare

PORT = re.compile(rb"accepting CloudEvents.*\bport=(\d+)")
STRAIGHT = "straight"


@dataclass(frozen=True)
class OneProcess(Adapter):
    """The adapter, which invokes functions itself."""

    name: str = "one process"

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """With the sink as the gateway."""
        async with Adapter.start(self, vcenter, f"openfaas+{sink}", backlog=backlog) as process:
            yield process


@dataclass(frozen=True)
class Shim(Adapter):
    """The adapter, and the shim behind it."""

    name: str = "shim"

    @asynccontextmanager
    async def start(self, vcenter: str, sink: str, *, backlog: bool) -> AsyncIterator[Process]:
        """With the sink as the shim's gateway. The process is the adapter's."""
        command = 'exec "$0" -m vcenter_source openfaas-shim 2>&1'
        environment = {"OPENFAAS_URL": sink, "HOST": "127.0.0.1", "PORT": "0", **self.more}
        async with run_process("/bin/sh", "-c", command, sys.executable, environment=environment) as shim:
            address = f"http://127.0.0.1:{await port_of(shim)}/"
            async with Adapter.start(self, vcenter, address, backlog=backlog) as process:
                yield process


async def port_of(shim: Process) -> int:
    """Read the shim's port from its log."""
    assert shim.stdout is not None  # noqa: S101  it was asked for
    async for line in shim.stdout:
        match = PORT.search(line)
        if match:
            return int(match[1])
    raise SystemExit("the shim has ended before it named its port")


async def measure_rounds(events: int, repeats: int) -> list[dict[str, dict[str, Any]]]:
    """Run each sender once in every round."""
    senders = (Adapter(STRAIGHT), OneProcess(), Shim(), Shim("shim, BATCH=16", more={"BATCH": "16"}))
    async with simulator(f"--backlog={events}", SPREAD) as vcenter:
        kinds: dict[str, Callable[[], Awaitable[Run]]] = {
            sender.name: partial(measure_drain, sender, vcenter, events) for sender in senders
        }
        return [await run_interleaved(kinds, 1) for _ in range(repeats)]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.openfaas", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=10_000, help="the backlog (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="runs of each (default: %(default)s)")
    options = parser.parse_args()
    print(compare(asyncio.run(measure_rounds(options.events, options.repeats)), STRAIGHT))


if __name__ == "__main__":
    main()
