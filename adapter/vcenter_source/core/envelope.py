"""What travels from the processor to the sink: an event with all that its delivery needs, and the sink's receipt."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.tracing.spans import NO_SPAN, Span

Fence = Callable[[], None]
"""Raises LeaseLostError if this process must not deliver any more."""

EventKey = tuple[str, str, str, str]
"""Source, id and time of an event, and the replay id. The time, since vCenter reuses ids after a restore from a backup;
the replay id, empty for the event as it comes by itself, so that a deliberate replay invokes every function anew."""

MAX_REPLAY_ID = 64
"""Characters of a replay id that count."""


@dataclass(slots=True, eq=False)
class Envelope:
    """One CloudEvent on its way to a sink.

    ``ordering_key`` names the events whose order is kept. ``attempt`` counts the tries before this one. ``span`` is the
    root of the event's trace. ``on_done`` is called once, when the event needs no more care: the sink has acknowledged
    it, or the dead letter has stored it. ``replay_id`` names a request to act on the event once more, also where it
    was acted on before; it is empty for an event that comes by itself. ``accepted_at`` is when the dispatcher accepted
    it, in seconds of a clock that never goes back. ``fence`` is asked right before each request with the event.
    ``vcenter`` is the name of the vCenter that it comes from.
    """

    event: CloudEvent
    ordering_key: str = ""
    attempt: int = 0
    span: Span = NO_SPAN
    on_done: Callable[[], None] = lambda: None
    replay_id: str = ""
    accepted_at: float = 0.0
    fence: Fence = lambda: None
    vcenter: str = ""


def event_key(event: BaseCloudEvent, replay_id: str = "") -> EventKey:
    """Return what distinguishes an event from every other."""
    attributes = event.get_attributes()
    return attributes["source"], attributes["id"], str(attributes.get("time")), replay_id[:MAX_REPLAY_ID]


class Receipt(NamedTuple):
    """A sink's acknowledgement.

    ``status`` is the HTTP status of its response, None where there was not one response. ``takers`` are those behind
    the sink that have the event, None where the sink does not know them.
    """

    status: int | None = None
    takers: tuple[str, ...] | None = None


class Sink(Protocol):
    """Delivers events. ``address`` is what an operator calls the sink, free of user info."""

    @property
    def address(self) -> str:  # noqa: D102  the class says it
        ...

    async def send(self, envelope: Envelope) -> Receipt:
        """Return when the sink has acknowledged the event. Raises SinkUnavailableError or EventRefusedError."""
