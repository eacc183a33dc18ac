"""Which functions have an event already: what the sink remembers, and for how long."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from tests.support.openfaas import WHEN, pool_created
from vcenter_source.sinks.openfaas.dedup import Memory, key_of


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def remember(memory: Memory, key: int) -> bool:
    """Whether the event was known; it is now."""
    past = await memory.take(pool_created(key))
    known = bool(past.taken)
    past.taken += ("f",)
    memory.give_back(past)
    return known


def test_an_event_is_remembered_for_an_hour() -> None:
    async def run() -> None:
        clock = Clock()
        memory = Memory(clock)
        assert not await remember(memory, 1)
        clock.now = 3599.0
        assert not await remember(memory, 2)
        assert await remember(memory, 1)
        clock.now = 3599.0 + 3601.0
        assert not await remember(memory, 3)
        assert len(memory) == 1

    asyncio.run(run())


def test_no_more_events_are_remembered_than_there_is_room_for() -> None:
    async def run() -> None:
        memory = Memory(events=10)
        for key in range(100):
            await remember(memory, key)
        assert len(memory) == 10
        assert await remember(memory, 99)
        assert not await remember(memory, 5)

    asyncio.run(run())


def test_an_event_that_is_under_way_is_not_forgotten_for_another() -> None:
    async def run() -> None:
        memory = Memory(events=1)
        past = await memory.take(pool_created(1))
        past.taken += ("f",)
        await remember(memory, 2)
        await remember(memory, 3)
        assert len(memory) == 1
        memory.give_back(past)
        assert await remember(memory, 1)

    asyncio.run(run())


def test_an_id_that_vcenter_gives_again_after_a_restore_is_another_event() -> None:
    later = pool_created()
    later.get_attributes()["time"] = WHEN + timedelta(seconds=1)
    assert key_of(later) != key_of(pool_created())
