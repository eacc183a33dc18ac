"""Blocking calls beside the event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")

RunBlocking = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a blocking call beside the event loop, to its end even if cancelled."""


async def run_to_completion(call: Callable[[], T], executor: Executor | None = None) -> T:
    """Run a blocking call in a thread; wait for its end even if cancelled, so that no later call overlaps it.

    The thread is one of ``executor``, by default of the event loop's.
    """
    job = asyncio.get_running_loop().run_in_executor(executor, copy_context().run, call)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.gather(job, return_exceptions=True)
        raise


def create_runner(threads: int, name: str) -> RunBlocking:
    """Return a function that runs blocking calls in threads of its own: many at once would fill the event loop's."""
    executor = ThreadPoolExecutor(threads, name)

    async def run(call: Callable[[], None]) -> None:
        await run_to_completion(call, executor)

    return run
