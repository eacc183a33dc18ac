"""Running something only while a Lease is held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from vcenter_source.core.errors import LeaseLostError, OvertakenError
from vcenter_source.state.lease import Lease


@asynccontextmanager
async def hold(lease: Lease, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Wait for the Lease, and cancel the body as soon as another may have it; LeaseLostError is raised then."""
    try:
        await lease.acquire(meanwhile)
        term = lease.term
        async with supervise() as tasks:
            beside = [tasks.create_task(lease.renew_regularly()), tasks.create_task(lease.watch())]
            try:
                yield
            except OvertakenError:
                await lease.renew()  # who has it now has claimed the checkpoint too, maybe before we looked again
                lease.check_held(term)
                raise
            for task in beside:
                task.cancel()
    finally:
        await lease.release()


class KeptLease:
    """A Lease that is kept from when it was first taken until ``run`` is cancelled."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._taken = asyncio.Event()

    async def take(self) -> None:
        """Wait until the Lease is ours, and have ``run`` keep it."""
        if not self._lease.is_held:
            try:
                await self._lease.acquire()
            except BaseException:
                await self._lease.release()
                raise
        self._taken.set()

    async def run(self) -> None:
        """Renew the Lease once it is taken; release it when cancelled."""
        try:
            while True:
                await self._taken.wait()
                try:
                    await self._lease.renew_regularly()
                except LeaseLostError:
                    self._taken.clear()
        finally:
            await self._lease.release()


def is_stopping() -> bool:
    """Whether this task was cancelled, even if another exception was raised since."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def supervise() -> AsyncIterator[asyncio.TaskGroup]:
    """Yield a group of tasks. The first failure cancels the others and is raised, as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
