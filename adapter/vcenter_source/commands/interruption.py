"""How a command ends on SIGTERM and SIGINT."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from contextlib import suppress

STOP_TIMEOUT = 2.0
"""Seconds that a stop waits for the answer to the event in flight; without it that event may be sent again."""


def exit_on_sigint() -> None:
    """End at once on SIGINT, without a traceback, until the command handles it itself."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def run_until_signal(
    work: Coroutine[None, None, object], stop: Callable[[], None], *, is_sending: Callable[[], bool] = lambda: True
) -> None:
    """Work until all is done, or until SIGTERM or SIGINT comes.

    A signal calls ``stop``, so that the work ends after the event in flight. A second signal ends it at once, and so
    does the first one while nothing is being sent.
    """
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(work)
    is_stopping = False

    def handle_signal() -> None:
        nonlocal is_stopping
        if is_stopping or not is_sending():
            task.cancel()
        is_stopping = True
        stop()
        loop.call_later(STOP_TIMEOUT, task.cancel)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle_signal)
    with suppress(asyncio.CancelledError):
        await task
