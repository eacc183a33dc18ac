"""Polls the topic map from the gateway; the last map stays in use while the gateway is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import structlog

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import SinkUnavailableError
from vcenter_source.sinks.openfaas.topics import TopicMap

log = structlog.get_logger()


class TopicMapPoller:
    """Keeps the newest topic map. ``clock`` is monotonic, in seconds."""

    def __init__(self, read: Callable[[], Awaitable[TopicMap]], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = asyncio.Lock()
        self._first_try = asyncio.Event()
        self._read_since = -1.0
        self._last: TopicMap | None = None
        self.connection = ConnectionStatus(clock)

    @property
    def last(self) -> TopicMap | None:
        """The last map; None before the first."""
        return self._last

    async def current(self) -> TopicMap:
        """Return the last map. Raises SinkUnavailableError before the first: no function is known then."""
        await self._first_try.wait()
        if self._last is None:
            raise SinkUnavailableError(f"the functions are not known yet: {self.connection.reason}")
        return self._last

    async def read_after(self, moment: float) -> TopicMap:
        """Return a map that was read after this moment. Raises SinkUnavailableError if there is none."""
        async with self._lock:
            if self._read_since <= moment:
                await self._read_once()
        if self._read_since <= moment:
            raise SinkUnavailableError(f"the functions cannot be read: {self.connection.reason}")
        return await self.current()

    async def poll(self, interval: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Read the map every ``interval`` seconds, until cancelled."""
        while True:
            async with self._lock:
                await self._read_once()
            await sleep(interval)

    async def _read_once(self) -> None:
        start = self._clock()
        try:
            topics = await self._read()
        except SinkUnavailableError as exc:
            if not self.connection.failing_for:
                log.warning("functions cannot be read, the last topic map stays in use", reason=str(exc))
            self.connection.record_failure(str(exc))
        else:
            self._log_changes(topics)
            self._last, self._read_since = topics, start
            self.connection.record_success()
        self._first_try.set()

    def _log_changes(self, topics: TopicMap) -> None:
        before = self._last or TopicMap()
        for problem in set(topics.problems) - set(before.problems):
            log.warning("ignoring an invalid annotation", problem=problem)
        if self._last is None or topics.functions != before.functions:
            log.info("topic map read", functions=len(topics.functions))
