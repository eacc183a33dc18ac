"""``python -m bench.memory``: the adapter's memory while its sink is down for an hour and 100,000 events wait.

The adapter is the real process, reading from the simulator's; but the hour is virtual: its waits pass at once. Then the
sink comes back and takes all the events. The peaks are the kernel's (VmHWM). Exit code 1 when one exceeds the limit.
"""

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from bench.virtual import PASSED

READY = "simulator ready: "


class Sink:
    """Refuses every event with a 503 while it is down; notes the ids of those that it takes."""

    def __init__(self, expected: int) -> None:
        self.down = True
        self.refusals = 0
        self.asked = asyncio.Event()
        self.taken: set[str] = set()
        self.has_all = asyncio.Event()
        self._expected = expected

    async def take(self, request: web.Request) -> web.Response:
        """A CloudEvent in binary mode."""
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
async def serving(sink: Sink) -> AsyncIterator[str]:
    """The sink on a free port; its address."""
    application = web.Application()
    application.router.add_post("/", sink.take)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield "http://{}:{}/".format(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def module(*command: str, environment: Mapping[str, str] = {}) -> AsyncIterator[Process]:
    """A Python module as a process, ended with SIGTERM. Nothing of this environment but the path reaches it."""
    environment = {"PATH": os.environ["PATH"], **environment}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", *command, env=environment, stdout=PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def line_of(process: Process, prefix: str) -> str:
    """What follows the prefix on the first line of its output that begins so."""
    assert process.stdout is not None  # noqa: S101  it was asked for
    async for line in process.stdout:
        text = line.decode().strip()
        if text.startswith(prefix):
            return text.removeprefix(prefix)
    raise SystemExit(f"a process has ended before it said {prefix!r}")


def peak(process: Process) -> float:
    """The most memory that it ever held, in MiB."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def measure(events: int, limit: float) -> bool:
    """Print the peaks; whether they stay under the limit."""
    sink = Sink(events)
    async with serving(sink) as address, module("simulator", "--backlog", str(events)) as simulator:
        environment = {
            "VCENTER_URL": await line_of(simulator, READY),
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
    """An hour of refusals, then all the events; the peaks of both."""
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
    """Read the command line; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__.splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000, help="how many wait (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=150.0, help="in MiB (default: %(default)s)")
    options = parser.parse_args()
    return 0 if asyncio.run(measure(options.events, options.limit)) else 1


if __name__ == "__main__":
    sys.exit(main())
