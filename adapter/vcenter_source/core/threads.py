"""Blocking calls beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from typing import TypeVar

T = TypeVar("T")


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
