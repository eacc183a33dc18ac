"""Events from the stream to the delivery: which are wanted, and each noted until it is acknowledged."""

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

AHEAD = 2048
"""How many events may be taken from the oldest unacknowledged one on. A checkpoint names those of them that are
acknowledged, in some 40 bytes each, and a disk or a ConfigMap has to take it every second."""

TRICKLE = 1.0
"""Seconds after which one more may be taken where so many are: in what others fare shows whether one event is to blame
that the sink fails again and again. It ends at twice as many."""


@dataclass(frozen=True, slots=True)
class EventProcessor:
    """Takes events from the stream to the delivery.

    Where one object's event is stuck, those of other objects go on, but no more than ``ahead`` of them: then reading
    all but stops, or memory and the checkpoint would grow with every event. ``trickle`` is in seconds.
    """

    types: TypeFilter
    converter: Converter
    ledger: OffsetTracker
    delivery: Dispatcher
    observer: Observer
    ahead: int = AHEAD
    trickle: float = TRICKLE
    _moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def take(self, event: Event | Gap) -> None:
        """One event; waits while the window is full, or one event is too far behind the others."""
        if isinstance(event, Gap):
            await self._take_gap(event)
            return
        cloudevents_type = self.converter.type_of(event)
        self.observer.on_read(cloudevents_type)
        if not self.types.accepts(event.class_name, event.name, cloudevents_type):
            self.observer.on_filtered(cloudevents_type)
            self.ledger.skip(event.identity)
            return
        acknowledged = await self._noted(event.identity)
        span = tracing.start_root_span(event, cloudevents_type)
        cloudevent = self.converter.convert(event, **tracing.context_headers(span))
        tracing.set_event_attributes(span, cloudevent)
        await self.delivery.submit(Envelope(cloudevent, ordering_key(event), span=span, on_done=acknowledged))

    async def _take_gap(self, gap: Gap) -> None:
        """Tell of missing events as of any other, so that the checkpoint does not pass a gap that nobody heard of."""
        log.warning("events are missing", reason=gap.reason, after=gap.after, before=gap.before)
        if self.types.accepts("Gap", "Gap", GAP_TYPE):
            acknowledged = await self._noted(None)
            cloudevent = self.converter.convert_gap(gap)
            await self.delivery.submit(Envelope(cloudevent, "adapter", on_done=acknowledged))

    async def _has_moved(self) -> bool:
        """Wait for an acknowledgement; whether there was one within ``trickle``."""
        self._moved.clear()
        try:
            async with asyncio.timeout(self.trickle):
                await self._moved.wait()
        except TimeoutError:
            return False
        return True

    async def _noted(self, identity: Identity | None) -> Callable[[], None]:
        """Note it as read, when there is room; what is returned notes it as acknowledged."""
        while not self.ledger.can_accept(self.ahead):
            if not await self._has_moved() and self.ledger.can_accept(2 * self.ahead):
                break
        entry = self.ledger.track(identity)

        def acknowledged() -> None:
            self.ledger.acknowledge(entry)
            self._moved.set()

        return acknowledged
