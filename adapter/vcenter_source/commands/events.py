"""``vcenter-source events``: the last events of a vCenter, a line each, and those that come. Nothing is sent."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TextIO

import typer

from vcenter_source.commands.event_lines import EventPrinter
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.event import ClockReading, Event, Gap, Identity
from vcenter_source.events.conversion import Converter
from vcenter_source.events.formats import EventFormat
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.cursor import ReadCursor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.settings.events import parse_ago, parse_time_with_zone
from vcenter_source.settings.vcenter import VcenterConfig
from vcenter_source.vcenter.client import About, Vcenter
from vcenter_source.vcenter.newest import BackwardCollector
from vcenter_source.vcenter.paging import MAX_PAGE_EVENTS
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.wire import EventQuery

DEFAULT_COUNT = 20
"""How many events are shown if neither ``count`` nor ``since`` says it."""


@dataclass(frozen=True, slots=True)
class EventsRequest:
    """What to show: at most ``count`` events, the last ones (None: all since ``since``), and if ``follow`` the next."""

    count: int | None = None
    since: str | None = None
    types: Sequence[str] = ()
    follow: bool = False
    as_json: bool = False
    event_format: EventFormat = "vcenter"


async def show_events(config: VcenterConfig, request: EventsRequest, out: TextIO = sys.stdout) -> None:
    """Print events, the newest last, until all are printed, or SIGTERM or SIGINT comes.

    Raises ConfigurationError for a wrong request, and the failures of ``vcenter_source.core.errors``.
    """
    types = TypeFilter(tuple(request.types), setting="--type")
    find_since = parse_since(request.since)
    work = asyncio.ensure_future(_show(config, request, types, find_since, out))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


def parse_since(text: str | None) -> Callable[[datetime], datetime | None]:
    """Return what tells the time that ``--since`` means, from vCenter's clock. Raises ConfigurationError."""
    if text is None:
        return lambda _: None
    try:
        ago = parse_ago(f"-{text.removeprefix('-')}")
        since = ago or parse_time_with_zone(text)
    except ValueError:
        raise ConfigurationError(
            f"--since: {text!r}: set how long ago, such as 1h or 2d12h, or a time such as 2026-01-31T08:00:00Z"
        ) from None
    return lambda now: now - since if isinstance(since, timedelta) else since


async def _show(
    config: VcenterConfig,
    request: EventsRequest,
    types: TypeFilter,
    find_since: Callable[[datetime], datetime | None],
    out: TextIO,
) -> None:
    async with _connect(config) as (vcenter, about):
        for doubt in types.doubts(about.categories):
            typer.echo(f"vcenter-source: --type: {doubt}", err=True)
        converter = Converter(
            config.source, about.api_version, request.event_format, about.categories, vcenter=config.name
        )
        view = EventView(vcenter, types, converter, EventPrinter(out, as_json=request.as_json))
        since = find_since(about.now)
        if request.count is None and since is not None:
            await view.show_since(since)
        else:
            await view.show_last(DEFAULT_COUNT if request.count is None else request.count, since)
        if request.follow:
            await view.follow(about.now)


@asynccontextmanager
async def _connect(config: VcenterConfig) -> AsyncIterator[tuple[Vcenter, About]]:
    """Log in, and log out at the end."""
    vcenter = Vcenter(Session(config.url, config.credentials, config.authorities(), protocol=config.protocol))
    try:
        yield vcenter, await vcenter.connect()
    finally:
        await vcenter.close()


class NoProgress:
    """The progress of a reader that keeps no checkpoint."""

    def note_clock_set_back(self, earliest: datetime) -> None:
        """Keep nothing."""

    def note_ahead(self, identity: Identity) -> None:
        """Keep nothing."""

    def mark_caught_up(self, clock: ClockReading) -> None:
        """Keep nothing."""


@dataclass(slots=True)
class EventView:
    """Prints the events of a vCenter that are of the wanted types."""

    vcenter: Vcenter
    types: TypeFilter
    converter: Converter
    printer: EventPrinter
    _shown: set[Identity] = field(default_factory=set)
    """The events at the end of what was read so far, for what follows."""
    _newest: datetime | None = None

    async def show_since(self, since: datetime) -> None:
        """Print all events since a time, as they are read."""
        async with self.vcenter.reader(since, self._exact_names) as reader:
            while page := await reader.read():
                for event in page:
                    self._note(event)
                    if self._is_wanted(event):
                        self._print(event)

    async def show_last(self, count: int, since: datetime | None) -> None:
        """Print the last events, at most ``count``, none from before ``since``."""
        events: list[Event] = []
        if count > 0:
            events = await self._read_last(count, since)
        converted = [(self.converter.convert(event), event) for event in reversed(events)]
        self.printer.fit(converted)
        for cloudevent, event in converted:
            self.printer.print(cloudevent, event)

    async def _read_last(self, count: int, since: datetime | None) -> list[Event]:
        """Return the last events that are wanted, the newest first."""
        is_exact = not self.types.patterns or self._exact_names
        page_size = count if is_exact else MAX_PAGE_EVENTS
        query = EventQuery(since, self._exact_names)
        collector = await self.vcenter.call(BackwardCollector.create(self.vcenter.session, query, page_size))
        events: list[Event] = []
        try:
            while len(events) < count and (page := await self.vcenter.call(collector.read())):
                for event in page:
                    self._note(event)
                events += filter(self._is_wanted, page)
        finally:
            await collector.destroy()
        return events[:count]

    async def follow(self, now: datetime) -> None:
        """Print what comes, for ever; ``now`` is a time on vCenter's clock from before the first reading."""
        cursor = ReadCursor(self._newest or now, clock=self.vcenter.now)
        backoff = Backoff(longest=30.0)
        reader = EventReader(self.vcenter, cursor, self._exact_names, backoff, asyncio.sleep, NoProgress())
        async with aclosing(reader.events()) as events:
            async for event in events:
                if isinstance(event, Gap):
                    self.printer.print(self.converter.convert_gap(event), event)
                elif event.identity not in self._shown and self._is_wanted(event):
                    self._print(event)

    @property
    def _exact_names(self) -> Sequence[str]:
        return self.types.exact_names() or ()

    def _is_wanted(self, event: Event) -> bool:
        return self.types.accepts(event.class_name, event.name, self.converter.kind_of(event).type)

    def _print(self, event: Event) -> None:
        self.printer.print(self.converter.convert(event), event)

    def _note(self, event: Event) -> None:
        """Remember the newest events that were read: following begins at their time."""
        if self._newest is None or event.created > self._newest:
            self._newest = event.created
            self._shown.clear()
        if event.created == self._newest:
            self._shown.add(event.identity)
