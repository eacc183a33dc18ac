"""An event loop whose time passes only while all of it waits: an hour of sleeping takes a moment."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class VirtualClock(selectors.BaseSelector):
    """Where a loop would wait for its next timer, time jumps there; what runs in threads takes no time of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.busy_threads = 0
        self._selector = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Let time pass, unless something is ready now."""
        if self.busy_threads or timeout is None:
            return self._selector.select(timeout if timeout == 0 else None)
        ready = self._selector.select(0)
        if not ready:
            self.now += timeout
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        """As that of a real one."""
        return self._selector.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        """As that of a real one."""
        return self._selector.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        """As that of a real one."""
        return self._selector.get_map()

    def close(self) -> None:
        """As that of a real one."""
        self._selector.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, in seconds."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(self.clock)

    def time(self) -> float:
        """Return the virtual time."""
        return self.clock.now

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run a call in a thread, and let no time pass until it has ended."""
        job = super().run_in_executor(executor, func, *args)
        self.clock.busy_threads += 1
        job.add_done_callback(self._count_down)
        return job

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109  as asyncio's
        """Wait for the threads for as long as they take: in virtual time, any limit would be over at once."""
        await super().shutdown_default_executor()

    def _count_down(self, _: "asyncio.Future[Any]") -> None:
        self.clock.busy_threads -= 1


def run_virtually(work: Coroutine[Any, Any, T], loop: Callable[[], VirtualLoop] = VirtualLoop) -> T:
    """Run it to its end in virtual time."""
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)
