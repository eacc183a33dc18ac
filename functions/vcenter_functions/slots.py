"""How many events of one vCenter are handled at the same time: MAX_CONCURRENCY."""

import asyncio
from contextvars import ContextVar
from typing import Any, Self

from vcenter_functions.errors import TemporaryError

_WAITING_PER_SLOT = 16
"""How many events wait for a slot, for each that there is: their bodies are in memory."""


class Slots:
    """Slots for events: ``async with slots`` waits for one. Raises TemporaryError where too many wait already."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._semaphore = asyncio.Semaphore(size)
        self._waiting = 0
        self._kept = 0
        self.in_progress = 0

    async def __aenter__(self) -> Self:
        if self._waiting >= self._size * _WAITING_PER_SLOT:
            raise TemporaryError(f"MAX_CONCURRENCY={self._size} events are being handled, and {self._waiting} wait")
        self._waiting += 1
        try:
            await self._semaphore.acquire()
        finally:
            self._waiting -= 1
        self.in_progress += 1
        _present.set(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._kept:
            self._kept -= 1
        else:
            self._release()

    def keep(self, work: "asyncio.Future[Any]") -> None:
        """Keep the slot that is held until this work ends as well."""
        self._kept += 1
        work.add_done_callback(self._release)

    def _release(self, work: "asyncio.Future[Any] | None" = None) -> None:
        if work is not None and not work.cancelled():
            work.exception()  # nobody waits for it any more, which asyncio would log
        self.in_progress -= 1
        self._semaphore.release()


_present: ContextVar[Slots] = ContextVar("slots")
"""The slots of which the event in hand has one."""


def keep_slot(work: "asyncio.Future[Any]") -> None:
    """Keep the slot of the event in hand until this work ends as well: a thread cannot be cancelled."""
    _present.get().keep(work)


class SlotsByVcenter:
    """Slots for the events of each vCenter, ``size`` each: one that is away, or slow, takes none from another."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._slots: dict[str, Slots] = {}

    def of(self, vcenter: str) -> Slots:
        """Return the slots of the vCenter of this name, which is empty for a single one."""
        if vcenter not in self._slots:
            self._slots[vcenter] = Slots(self._size)
        return self._slots[vcenter]

    @property
    def in_progress(self) -> int:
        """How many events are being handled."""
        return sum(slots.in_progress for slots in self._slots.values())
