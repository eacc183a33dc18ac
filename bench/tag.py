"""pytag under load: events a second, and how long one takes, with the tag looked up once and cached."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bench import post
from bench.calls import CONVERTER
from bench.pages import page
from bench.processes import cpu_seconds, line_of, module, simulator
from bench.senders import PASSWORD, USERNAME
from vcenter_simulator.inventory import NAMES
from vcenter_source.events.codec import to_binary
from vcenter_source.vcenter.decode import decode_page

CONNECTIONS = 8
"""Events at pytag at once."""

WARM_UP = 50
"""Events at first that do not count: they log in, look the tag up, and import."""


def requests(url: str) -> list[bytes]:
    """Return requests with events about a simulator's objects, as a Broker would send them."""
    events = map(CONVERTER.convert, decode_page(page(16, len(NAMES))))
    return [post.request(url, *to_binary(event)) for event in events]


@asynccontextmanager
async def pytag(vcenter: str) -> AsyncIterator[tuple[str, Process]]:
    """Run pytag as a process."""
    environment = {
        "VCENTER_URL": vcenter,
        "VCENTER_USERNAME": USERNAME,
        "VCENTER_PASSWORD": PASSWORD,
        "VCENTER_ALIASES": "vcenter.example.com",  # of which the events are
        "TAG": "events/bench",
        "TAG_CREATE": "true",
        "HOST": "127.0.0.1",
        "PORT": "0",
        "LOG_LEVEL": "warning",
    }
    async with module("pytag", environment=environment) as process:
        yield await line_of(process, "pytag ready: "), process


async def measure_pytag(events: int) -> dict[str, float]:
    """Return events a second, pytag's CPU milliseconds an event, and quantiles of its answers' times in seconds."""
    async with simulator() as vcenter, pytag(vcenter) as (url, process):
        ready = requests(url)
        await asyncio.to_thread(post.measure, url, ready, count=WARM_UP, connections=CONNECTIONS)
        before = cpu_seconds(process)
        figures = await asyncio.to_thread(post.measure, url, ready, count=events, connections=CONNECTIONS)
        if figures["failures"]:
            raise SystemExit(f"pytag has refused events: {figures}")
        return figures | {"cpu_ms": (cpu_seconds(process) - before) / events * 1000}
