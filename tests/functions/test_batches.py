"""Batches: what comes together is written together, and one that cannot be stored holds up no other."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence

from vcenter_functions.batches import MAX_ITEMS, Batches
from vcenter_functions.errors import PermanentError, TemporaryError


def in_a_loop(test: Callable[[], Coroutine[None, None, None]]) -> Callable[[], None]:
    return lambda: asyncio.run(test())


class Store:
    """Keeps batches; refuses those with a negative number, and fails ``failures`` times."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.failures: list[Exception] = []
        self.closed = 0
        self.has_begun = asyncio.Event()
        self.has_closed = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    async def store(self, items: Sequence[int]) -> None:
        self.has_begun.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        if min(items) < 0:
            raise PermanentError(f"cannot hold {min(items)}")
        self.batches.append(list(items))

    async def close(self) -> None:
        self.closed += 1
        self.has_closed.set()


@in_a_loop
async def test_what_comes_while_a_batch_is_written_is_the_next() -> None:
    store = Store()
    batches = Batches(store.store, store.close)
    await batches.add(0)
    store.gate.clear()
    adding = [asyncio.create_task(batches.add(n)) for n in range(1, MAX_ITEMS + 10)]
    await asyncio.sleep(0)
    store.gate.set()
    await asyncio.gather(*adding)
    assert store.batches[0] == [0]
    assert sum(store.batches, []) == list(range(MAX_ITEMS + 10))  # noqa: RUF017
    assert len(store.batches) <= 4
    assert store.closed == 0


@in_a_loop
async def test_a_permanent_failure_is_of_its_item_alone_and_any_other_of_all() -> None:
    store = Store()
    batches = Batches(store.store, store.close)
    outcomes = await asyncio.gather(*(batches.add(n) for n in (1, -2, 3)), return_exceptions=True)
    assert [str(each) for each in outcomes] == ["None", "cannot hold -2", "None"]
    for failure in (TemporaryError("away"), ValueError("a bug")):
        store.failures = [failure]
        both = await asyncio.gather(batches.add(4), batches.add(5), return_exceptions=True)
        assert list(both) == [failure, failure]
    await batches.add(6)
    assert store.batches == [[1], [3], [6]]


@in_a_loop
async def test_an_item_that_nobody_waits_for_is_left_out() -> None:
    store = Store()
    batches = Batches(store.store, store.close)
    store.gate.clear()
    first = asyncio.create_task(batches.add(1))
    await store.has_begun.wait()
    late = asyncio.create_task(batches.add(2))
    await asyncio.sleep(0)
    late.cancel()
    await asyncio.wait({late})
    store.gate.set()
    await first
    await batches.add(3)
    assert store.batches == [[1], [3]]


@in_a_loop
async def test_it_closes_when_nothing_comes_and_goes_on_when_something_does() -> None:
    store = Store()
    batches = Batches(store.store, store.close, idle_seconds=0.01)
    for n in range(2):
        await batches.add(n)
        await store.has_closed.wait()
        store.has_closed.clear()
    assert store.batches == [[0], [1]]


def test_the_end_of_the_loop_closes() -> None:
    async def add() -> Store:
        store = Store()
        await Batches(store.store, store.close).add(1)
        return store

    assert asyncio.run(add()).closed == 1
