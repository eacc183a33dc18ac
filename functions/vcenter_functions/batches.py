"""Many events, one call: what a handler writes for events at the same time, gathered.

add ──▶ waiting ──▶ store([…]) ──▶ each add returns
          ▲ what comes while a batch is on its way is the next one, so that an event alone does not wait
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from vcenter_functions.errors import PermanentError

T = TypeVar("T")

MAX_ITEMS = 500
"""How many items are in a batch at most."""
IDLE_SECONDS = 60.0
"""How long what was opened stays open while nothing comes."""


class Batches(Generic[T]):
    """Gathers items into batches, one at a time.

    ``store`` writes a batch whole or not at all. If it raises PermanentError, each of the items is tried alone, so that
    one that cannot be stored holds up no other. ``close`` is called when nothing has come for a minute, and when the
    event loop ends; the next batch opens things again.
    """

    def __init__(
        self,
        store: Callable[[Sequence[T]], Awaitable[None]],
        close: Callable[[], Awaitable[None]],
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._store = store
        self._close = close
        self._idle_seconds = idle_seconds
        self._waiting: list[tuple[T, asyncio.Future[None]]] = []
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: T) -> None:
        """Return when an item is stored. Raises what ``store`` raises."""
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((item, stored))
        self._arrived.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        await stored

    async def _run(self) -> None:
        """Write batches until the event loop ends, which cancels this."""
        try:
            while True:
                await self._wait()
                await self._write_waiting()
        finally:
            await self._close()

    async def _wait(self) -> None:
        """Wait for an item, and close meanwhile if none comes."""
        try:
            async with asyncio.timeout(self._idle_seconds):
                await self._arrived.wait()
        except TimeoutError:
            await self._close()
            await self._arrived.wait()

    async def _write_waiting(self) -> None:
        while batch := self._waiting[:MAX_ITEMS]:
            del self._waiting[:MAX_ITEMS]
            await self._write([(item, stored) for item, stored in batch if not stored.done()])
        self._arrived.clear()

    async def _write(self, batch: list[tuple[T, "asyncio.Future[None]"]]) -> None:
        failure: Exception | None = None
        try:
            if batch:
                await self._store([item for item, _ in batch])
        except PermanentError as exc:
            failure = exc
            if len(batch) > 1:
                for each in batch:
                    await self._write([each])
        except Exception as exc:  # noqa: BLE001  each event's handler raises it
            failure = exc
        for _, stored in batch:
            if not stored.done():
                stored.set_result(None) if failure is None else stored.set_exception(failure)
