"""Which functions have an event already: what the sink remembers, and for how long."""

import asyncio
from datetime import timedelta

from tests.support.clock import Clock
from tests.support.openfaas import WHEN, pool_created
from vcenter_source.core.envelope import event_key
from vcenter_source.sinks.openfaas.dedup import DeliveryHistory


async def remember(history: DeliveryHistory, key: int) -> bool:
    """Whether the event was known; it is now."""
    state = await history.acquire(pool_created(key))
    known = bool(state.takers)
    state.takers += ("f",)
    history.release(state)
    return known


def test_an_event_is_remembered_for_an_hour() -> None:
    async def run() -> None:
        clock = Clock()
        history = DeliveryHistory(clock)
        assert not await remember(history, 1)
        clock.now = 3599.0
        assert not await remember(history, 2)
        assert await remember(history, 1)
        clock.now = 3599.0 + 3601.0
        assert not await remember(history, 3)
        assert len(history) == 1

    asyncio.run(run())


def test_no_more_events_are_remembered_than_there_is_room_for() -> None:
    async def run() -> None:
        history = DeliveryHistory(events=10)
        for key in range(100):
            await remember(history, key)
        assert len(history) == 10
        assert await remember(history, 99)
        assert not await remember(history, 5)

    asyncio.run(run())


def test_an_event_that_is_under_way_is_not_forgotten_for_another() -> None:
    async def run() -> None:
        history = DeliveryHistory(events=1)
        state = await history.acquire(pool_created(1))
        state.takers += ("f",)
        await remember(history, 2)
        await remember(history, 3)
        assert len(history) == 1
        history.release(state)
        assert await remember(history, 1)

    asyncio.run(run())


def test_an_id_that_vcenter_gives_again_after_a_restore_is_another_event() -> None:
    later = pool_created()
    later.get_attributes()["time"] = WHEN + timedelta(seconds=1)
    assert event_key(later) != event_key(pool_created())
