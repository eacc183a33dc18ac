"""Turns: how several vCenters of one process read their backlogs, in virtual time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from tests.support.virtual_time import run_virtually
from vcenter_source.vcenter.turns import LEAST_TURNS, LONGEST_WAIT, SLICE_SECONDS, Turns

PAGE = SLICE_SECONDS / 5
"""Seconds in which a page is delivered here."""


def run(work: Callable[[Turns, Callable[[], float]], Coroutine[Any, Any, None]], busy: float = 1.0) -> None:
    """Do some work with turns, in a process that is so busy."""

    async def main() -> None:
        time = asyncio.get_running_loop().time
        await work(Turns(time, lambda: time() * busy), time)

    run_virtually(main())


def test_a_busy_process_reads_two_at_a_time_each_for_a_slice_and_all_get_their_turn() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        reading: set[int] = set()
        most, pages = 0, [0] * 6

        async def read(number: int) -> None:
            nonlocal most
            while time() < 1000 + 60 * SLICE_SECONDS:
                await turns.take(number)
                reading.add(number)
                most = max(most, len(reading))
                await asyncio.sleep(PAGE)
                reading.discard(number)
                pages[number] += 1
            turns.give_back(number)

        await asyncio.gather(*map(read, range(6)))
        assert most == LEAST_TURNS
        assert min(pages) > 0.8 * max(pages)
        assert sum(pages) >= 0.9 * LEAST_TURNS * 60 * SLICE_SECONDS / PAGE

    run(work)


def test_who_waits_for_the_sink_does_not_keep_the_others_from_reading() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        await turns.take("stuck")
        await turns.take("stuck, too")
        started = time()
        await turns.take("another")
        assert time() - started <= 4 * SLICE_SECONDS

    run(work)


def test_more_read_at_a_time_while_there_is_cpu_to_spare_and_fewer_when_there_is_none() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        async def read(number: int) -> None:
            until = time() + 12 * SLICE_SECONDS
            while time() < until:
                await turns.take(number)
                await asyncio.sleep(PAGE)
            turns.give_back(number)

        await asyncio.gather(*map(read, range(30)))
        assert turns.limit > 3 * LEAST_TURNS
        turns._cpu = time  # from now on, it is busy
        await asyncio.gather(*map(read, range(30)))
        assert turns.limit == LEAST_TURNS

    run(work, busy=0.2)


def test_a_turn_that_is_given_back_is_the_next_ones_at_once() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        await turns.take(1)
        await turns.take(2)
        waiting = asyncio.create_task(turns.take(3))
        await asyncio.sleep(0)
        turns.give_back(1)
        started = time()
        await waiting
        assert time() == started

    run(work)


def test_one_that_is_cancelled_while_it_waits_takes_no_turn() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        await turns.take(1)
        await turns.take(2)
        cancelled, waiting = asyncio.create_task(turns.take(3)), asyncio.create_task(turns.take(4))
        await asyncio.sleep(0)
        cancelled.cancel()
        await asyncio.sleep(0)
        turns.give_back(1)
        await waiting
        assert set(turns._begun) == {2, 4}

    run(work)


def test_nobody_waits_for_ever() -> None:
    async def work(turns: Turns, time: Callable[[], float]) -> None:
        turns.limit = 0  # as a bug would have it
        started = time()
        turns._adjust = lambda: None  # type: ignore[method-assign]
        await turns.take(1)
        assert LONGEST_WAIT <= time() - started < LONGEST_WAIT + 1

    run(work)
