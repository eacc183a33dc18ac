"""Events from the reader to the dispatcher: filtered, converted, and tracked until they are acknowledged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.event import Event, Gap, Identity
from vcenter_source.core.observers import Observer
from vcenter_source.events.adapter_events import GAP_TYPE
from vcenter_source.events.conversion import Converter, ordering_key
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.dispatcher import Dispatcher
from vcenter_source.state.checkpoint import OffsetTracker

log = structlog.get_logger()

MAX_AHEAD = 2048
"""How many events may be read from the oldest unacknowledged one on. A checkpoint names the acknowledged ones among
them, in some 40 bytes each, and is written to a disk or a ConfigMap every second."""

TRICKLE_SECONDS = 1.0
"""Seconds after which one more event may be read beyond that, up to twice as many. Whether it gets through shows
whether the stuck event itself is to blame or the sink."""


@dataclass(frozen=True, slots=True)
class EventProcessor:
    """Passes events from the reader to the dispatcher.

    If an event is stuck, those of other objects go on, but at most ``ahead`` of them. Then reading almost stops, or
    memory and the checkpoint would grow with every event. ``trickle`` is in seconds.
    """

    types: TypeFilter
    converter: Converter
    tracker: OffsetTracker
    dispatcher: Dispatcher
    observer: Observer
    ahead: int = MAX_AHEAD
    trickle: float = TRICKLE_SECONDS
    _progress: asyncio.Event = field(default_factory=asyncio.Event)

    async def process(self, event: Event | Gap) -> None:
        """Process one event. Wait while the window is full, or one event is too far behind the others."""
        if isinstance(event, Gap):
            await self._process_gap(event)
            return
        kind = self.converter.kind_of(event)
        self.observer.on_read(kind.type)
        if not self.types.accepts(event.class_name, kind.name, kind.type):
            self.observer.on_filtered(kind.type)
            self.tracker.skip(event.identity)
            return
        if tracing.is_crowded():
            await tracing.wait_for_room()
        if not self.tracker.can_accept(self.ahead):
            await self._wait_for_room()
        on_done = self._track(event.identity)
        span = tracing.start_root_span(kind.type)
        context = tracing.context_headers(span)
        cloudevent = self.converter.convert(event, context.get("traceparent"), context.get("tracestate"), kind)
        tracing.describe_root(span, event, cloudevent)
        envelope = Envelope(cloudevent, ordering_key(event), span=span, on_done=on_done, vcenter=self.converter.vcenter)
        await self.dispatcher.submit(envelope)

    async def _process_gap(self, gap: Gap) -> None:
        """Send an event about missing ones, so that the checkpoint does not pass a gap that nobody knows of."""
        log.warning("events are missing", reason=gap.reason, after=gap.after, before=gap.before)
        if self.types.accepts("Gap", "Gap", GAP_TYPE):
            await self._wait_for_room()
            on_done = self._track(None)
            cloudevent = self.converter.convert_gap(gap)
            await self.dispatcher.submit(
                Envelope(cloudevent, "adapter", on_done=on_done, vcenter=self.converter.vcenter)
            )

    async def _wait_for_progress(self) -> bool:
        """Wait for an acknowledgement, at most ``trickle``. Return whether there was one."""
        self._progress.clear()
        try:
            async with asyncio.timeout(self.trickle):
                await self._progress.wait()
        except TimeoutError:
            return False
        return True

    async def _wait_for_room(self) -> None:
        """Wait while one event is too far behind the others."""
        while not self.tracker.can_accept(self.ahead):
            if not await self._wait_for_progress() and self.tracker.can_accept(2 * self.ahead):
                break

    def _track(self, identity: Identity | None) -> Callable[[], None]:
        """Track an event as read; return what marks it as acknowledged."""
        entry = self.tracker.track(identity)

        def acknowledge() -> None:
            self.tracker.acknowledge(entry)
            self._progress.set()

        return acknowledge
