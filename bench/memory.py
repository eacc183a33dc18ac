"""``python -m bench.memory``: the adapter's memory while its sink is down for an hour and 100,000 events wait.

The adapter is the real process, reading from the simulator's; but the hour is virtual: its waits pass at once. Then the
sink comes back and accepts all events. The peaks are the kernel's (VmHWM). Exit code 1 if one exceeds the limit.
"""

import argparse
import asyncio
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from bench.processes import line_of, module, peak, simulator
from bench.virtual import PASSED


class Sink:
    """Refuses every event with a 503 while it is down; keeps the ids of those that it accepts."""

    def __init__(self, expected: int) -> None:
        self.down = True
        self.refusals = 0
        self.asked = asyncio.Event()
        self.taken: set[str] = set()
        self.has_all = asyncio.Event()
        self._expected = expected

    async def take(self, request: web.Request) -> web.Response:
        """Answer a CloudEvent in binary mode."""
        await request.read()
        if self.down:
            self.refusals += 1
            self.asked.set()
            return web.Response(status=503)
        self.taken.add(request.headers["ce-id"])
        if len(self.taken) >= self._expected:
            self.has_all.set()
        return web.Response(status=202)


@asynccontextmanager
async def sink_server(sink: Sink) -> AsyncIterator[str]:
    """Serve the sink on a free port; yields its address."""
    application = web.Application()
    application.router.add_post("/", sink.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}/".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def measure(events: int, limit: float) -> bool:
    """Print the peaks; return whether they stay under the limit."""
    sink = Sink(events)
    async with sink_server(sink) as address, simulator("--backlog", str(events)) as vcenter:
        environment = {
            "VCENTER_URL": vcenter,
            "VCENTER_USERNAME": "administrator@vsphere.local",
            "VCENTER_PASSWORD": "VMware1!",
            "K_SINK": address,
            "START_FROM": "beginning",
            "HEALTH_PORT": "off",
            "LOG_LEVEL": "error",
        }
        with tempfile.TemporaryDirectory() as folder:
            environment["CHECKPOINT"] = f"file://{folder}/checkpoint"
            async with module("bench.virtual", "run", environment=environment) as adapter:
                return await watch(adapter, sink, events, limit)


async def watch(adapter: Process, sink: Sink, events: int, limit: float) -> bool:
    """Let an hour of refusals pass, then all events; return whether both peaks stay under the limit."""
    await sink.asked.wait()
    adapter.send_signal(signal.SIGUSR1)
    await line_of(adapter, PASSED)
    waiting = peak(adapter)
    print(f"sink down for an hour (virtual), {events:,} events waiting, {sink.refusals:,} tries: {waiting:.0f} MiB")
    sink.down = False
    await sink.has_all.wait()
    drained = peak(adapter)
    print(f"then all of them delivered: {drained:.0f} MiB (limit {limit:.0f} MiB)")
    return max(waiting, drained) < limit


def main() -> int:
    """Read the command line; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000, help="how many wait (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=150.0, help="in MiB (default: %(default)s)")
    options = parser.parse_args()
    return 0 if asyncio.run(measure(options.events, options.limit)) else 1


if __name__ == "__main__":
    sys.exit(main())
