"""``python -m bench.vcenters COUNT``: so many simulated vCenters in one process, which takes less CPU."""

import argparse
import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench.processes import line_of, module
from vcenter_simulator.server import Options, Simulator, serve

READY = "vcenters ready: "


@asynccontextmanager
async def run_vcenters(count: int, *options: str) -> AsyncIterator[tuple[Process, list[str]]]:
    """Run so many simulated vCenters in one process; yields it, and the addresses of their SOAP APIs."""
    async with module("bench.vcenters", str(count), *options) as process:
        addresses: list[str] = json.loads(await line_of(process, READY))
        yield process, addresses


async def serve_all(count: int, options: Options) -> None:
    """Serve until SIGTERM; print the addresses once all listen."""
    addresses: list[str] = []

    def note(simulator: Simulator) -> None:
        addresses.append(simulator.url)
        if len(addresses) == count:
            signal.signal(signal.SIGTERM, lambda *_: os._exit(0))  # instead of that of the last one, which ends only it
            print(READY + json.dumps(addresses), flush=True)

    await asyncio.gather(*(serve(options, note) for _ in range(count)))


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.vcenters", description=__doc__.splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--backlog", type=int, default=0, help="events of each at the start (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=0.0, help="events a second of each (default: %(default)s)")
    options = parser.parse_args()
    asyncio.run(serve_all(options.count, Options(backlog=options.backlog, rate=options.rate)))


if __name__ == "__main__":
    main()
