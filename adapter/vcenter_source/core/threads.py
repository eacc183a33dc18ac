"""Blocking calls beside the event loop."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def run_to_completion(call: Callable[[], T]) -> T:
    """Run a blocking call in a thread; wait for its end even if cancelled, so that no later call overlaps it."""
    job = asyncio.ensure_future(asyncio.to_thread(call))
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        await asyncio.gather(job, return_exceptions=True)
        raise
