"""What to read next, and what has been read before.

``Position`` is the pure core. The generators are nested by lifetime: ``events`` never ends, ``_one_collector`` lives as
long as its collector does, ``Position.fresh`` one page.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from adapter.backoff import Backoff
from adapter.checkpoint import Checkpoint, Identity
from adapter.errors import VcenterSourceError
from adapter.event import Event

log = structlog.get_logger()

OVERLAP = timedelta(seconds=60)
"""How far before the newest event a new collector begins, since vCenter may store events a little out of order."""

WAIT_SECONDS = 10
"""The longest wait for a wake-up before vCenter is asked all the same."""


class Reader(Protocol):
    """One collector."""

    async def read(self) -> list[Event]:
        """The next events, oldest first; empty when there are none just now."""

    async def wait(self, seconds: int) -> None:
        """Return as soon as there may be more to read, or after ``seconds``."""


class EventHistory(Protocol):
    """What the stream needs of a vCenter."""

    def reader(self, since: datetime | None, event_type_ids: Sequence[str]) -> AbstractAsyncContextManager[Reader]:
        """A collector of the events from ``since`` on, of these types (empty: all)."""


@dataclass(slots=True)
class Position:
    """How far the stream has read.

    ``since`` is where the first collector begins (None: at the oldest event that vCenter holds). ``resumed`` is the
    checkpoint that an earlier process left. ``seen`` holds the identities read within the last ``OVERLAP`` before
    ``newest``: what a new collector shows again.
    """

    since: datetime | None
    resumed: Checkpoint | None = None
    newest: datetime | None = None
    seen: dict[Identity, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.resumed is not None:
            self.newest = self.resumed.last[1]

    def begin(self) -> datetime | None:
        """Where a new collector begins."""
        if self.newest is None:
            return self.since
        begin = self.newest - OVERLAP
        # Not before START_FROM, unless an earlier process stood there already.
        return begin if self.since is None or self.resumed is not None else max(begin, self.since)

    def fresh(self, page: Sequence[Event]) -> Iterator[Event]:
        """The events of a page that were not read before; each counts as read when it is taken."""
        for event in page:
            if not self._known(event.identity):
                self._note(event)
                yield event

    def _known(self, identity: Identity) -> bool:
        return identity in self.seen or (self.resumed is not None and self.resumed.covers(identity))

    def _note(self, event: Event) -> None:
        self.seen[event.identity] = None
        self.newest = event.created if self.newest is None else max(self.newest, event.created)
        horizon = self.newest - OVERLAP
        while (oldest := next(iter(self.seen))) != event.identity and oldest[1] < horizon:
            del self.seen[oldest]


async def events(
    history: EventHistory,
    position: Position,
    event_type_ids: Sequence[str],
    backoff: Backoff,
    sleep: Callable[[float], Awaitable[None]],
) -> AsyncGenerator[Event, None]:
    """Every event from ``position`` on, for ever: a lost session or collector is replaced by a new one."""
    failures = 0
    while True:
        try:
            async with aclosing(_one_collector(history, position, event_type_ids)) as one:
                async for event in one:
                    failures = 0
                    yield event
        except VcenterSourceError as exc:
            # Permanent ones too: a password is rotated on both sides at some time, and a stream that waits loses
            # nothing, where a process that exits loses its place.
            delay = backoff.delay(failures)
            failures += 1
            log.warning("reading failed, trying again", reason=str(exc), seconds=round(delay, 1), failures=failures)
            await sleep(delay)


async def _one_collector(
    history: EventHistory, position: Position, event_type_ids: Sequence[str]
) -> AsyncGenerator[Event, None]:
    """Events until the collector fails. It waits only after an empty page, so a backlog is read without a pause."""
    async with history.reader(position.begin(), event_type_ids) as reader:
        while True:
            page = await reader.read()
            for event in position.fresh(page):
                yield event
            if not page:
                await reader.wait(WAIT_SECONDS)
