"""The delay from vCenter's own time of an event to its arrival at the sink."""

import asyncio
import json
import random
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from bench.processes import line_of, simulator
from bench.runs import sink
from bench.senders import Sender

SETTLE_SECONDS = 6.5
"""Seconds in which a sender that has its collector comes to rest: the peers sleep for up to five between two looks."""

PEER_TIMEOUT = 120.0
"""Seconds that the slowest may take for its last event."""


@dataclass(frozen=True)
class Rhythm:
    """``events`` at once, ``times`` over, ``pause`` seconds apart, give or take a third."""

    events: int
    times: int
    pause: float

    async def play(self, vcenter: "Remote") -> None:
        """Post the events. The pauses vary, in the same way each time, so that they keep no step with any timer."""
        chance = random.Random(1)  # noqa: S311  no secret
        for number in range(self.times):
            if number:
                await asyncio.sleep(self.pause * chance.uniform(2 / 3, 4 / 3))
            await vcenter.post(self.events)


@dataclass(frozen=True)
class Remote:
    """A simulated vCenter's remote control."""

    client: aiohttp.ClientSession
    url: str

    async def post(self, count: int) -> None:
        """Post so many events now."""
        async with self.client.post(f"{self.url}/simulator/events", json={"count": count}) as response:
            response.raise_for_status()

    async def has_collectors(self, count: int) -> None:
        """Wait until so many readers are there."""
        while True:
            async with self.client.get(f"{self.url}/simulator/state") as response:
                state: dict[str, Any] = await response.json()
            if state["collectors"] >= count:
                return
            await asyncio.sleep(0.1)


@asynccontextmanager
async def start_senders(senders: Sequence[Sender], events: int) -> AsyncIterator[tuple[Remote, list[Process]]]:
    """Start all senders on one vCenter, each with a sink that expects so many events, and wait until all are idle."""
    async with AsyncExitStack() as stack:
        address = await stack.enter_async_context(simulator("--objects=1000"))
        vcenter = Remote(await stack.enter_async_context(aiohttp.ClientSession()), address.removesuffix("/sdk"))
        sinks = []
        for sender in senders:
            process, url = await stack.enter_async_context(sink(f"--expected={events}"))
            await stack.enter_async_context(sender.start(address, url, backlog=False))
            sinks.append(process)
        await vcenter.has_collectors(len(senders))
        await vcenter.post(1)
        for process in sinks:
            await line_of(process, "sink first:")
        await asyncio.sleep(SETTLE_SECONDS)
        for process in sinks:
            process.send_signal(signal.SIGUSR1)
        await asyncio.sleep(0.1)
        yield vcenter, sinks


async def delays(senders: Sequence[Sender], rhythm: Rhythm) -> dict[str, dict[str, float]]:
    """Measure ``p50`` and ``p99`` by sender, in seconds; all get the same events at the same moments."""
    async with start_senders(senders, rhythm.events * rhythm.times) as (vcenter, sinks):
        await rhythm.play(vcenter)
        async with asyncio.timeout(PEER_TIMEOUT):
            done = [json.loads(await line_of(process, "sink done: ")) for process in sinks]
    return {sender.name: {key: each[key] for key in ("p50", "p99")} for sender, each in zip(senders, done, strict=True)}
