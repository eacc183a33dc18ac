"""The topic map, read from the gateway again and again; the last one is kept while the gateway is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from vcenter_source.core.connection_status import Contact
from vcenter_source.core.errors import SinkUnavailableError
from vcenter_source.sinks.openfaas.topics import TopicMap

log = structlog.get_logger()


class TopicMapReader:
    """Knows which functions there are. ``clock`` is monotonic, in seconds."""

    def __init__(self, read: Callable[[], Awaitable[TopicMap]], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._tried = asyncio.Event()
        self._begun = -1.0
        self._last: TopicMap | None = None
        self.contact = Contact(clock)

    @property
    def last(self) -> TopicMap | None:
        """The last map that was read; None before the first."""
        return self._last

    async def current(self) -> TopicMap:
        """The last map. Raises SinkUnavailableError before there is any: no event is then known to be unwanted."""
        await self._tried.wait()
        if self._last is None:
            raise SinkUnavailableError(f"the functions are not known yet: {self.contact.reason}")
        return self._last

    async def newer(self, moment: float) -> TopicMap:
        """A map whose reading began after this moment. Raises SinkUnavailableError when it cannot be had."""
        async with self._lock:
            if self._begun <= moment:
                await self._read_once()
        if self._begun <= moment:
            raise SinkUnavailableError(f"the functions cannot be read: {self.contact.reason}")
        return await self.current()

    async def keep_reading(self, interval: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read the map every so many seconds, until cancelled."""
        while True:
            async with self._lock:
                await self._read_once()
            await sleep(interval)

    async def _read_once(self) -> None:
        begun = self._clock()
        try:
            found = await self._read()
        except SinkUnavailableError as exc:
            if not self.contact.failing:
                log.warning("functions cannot be read, the last topic map is kept", reason=str(exc))
            self.contact.failed(str(exc))
        else:
            self._changed(found)
            self._last, self._begun = found, begun
            self.contact.succeeded()
        self._tried.set()

    def _changed(self, found: TopicMap) -> None:
        """Log what is new."""
        before = self._last or TopicMap()
        for problem in set(found.problems) - set(before.problems):
            log.warning("annotation has no meaning", problem=problem)
        if self._last is None or found.functions != before.functions:
            log.info("topic map read", functions=len(found.functions))
