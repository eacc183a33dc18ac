"""Who hears what happens to events: metrics, the status behind the probes, the viewer's feed.

An event's life, and the hook of each step::

    on_read ─┬─▶ on_accepted ─┬─▶ on_delivered
             │                ├─▶ on_retrying, any number of times ─▶ on_delivered or on_dead_lettered
             └─▶ on_filtered  └─▶ on_dead_lettered
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.event import Identity


class Acknowledged(Protocol):
    """How far events are acknowledged."""

    @property
    def last(self) -> Identity | None:
        """The event up to which all are acknowledged; None before the first."""


class Observer:
    """Hears what happens to events and does nothing about it; subclasses override what they want to hear."""

    def on_start(self, acknowledged: Acknowledged) -> None:
        """The pipeline starts. Events that were in flight in an earlier run are not in flight any more."""

    def on_login(self, vcenter_now: datetime) -> None:
        """A session with vCenter begins, at this time on vCenter's clock. Called in the thread that talks to it."""

    def on_read(self, event_type: str) -> None:
        """An event was read from vCenter."""

    def on_late(self) -> None:
        """An event was stored so late that twice as much would be too late to be read."""

    def on_filtered(self, event_type: str) -> None:
        """EVENT_TYPES does not want an event that was read."""

    def on_accepted(self, envelope: Envelope) -> None:
        """The dispatcher has accepted an event: it is in flight."""

    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        """A try to send an event has failed; another will follow."""

    def on_access_refused(self, reason: str) -> None:
        """A response is about the way to the sink: until an event is delivered, none may get through."""

    def on_delivered(self, envelope: Envelope) -> None:
        """The sink has acknowledged an event."""

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:
        """The sink refuses an event for good, and the dead letter has stored it."""


class Observers(Observer):
    """Several observers as one.

    Each hook calls only those observers that override it, and if that is a single one, the hook is that observer's
    own method: this is called several times an event.
    """

    def __init__(self, *observers: Observer) -> None:
        for name, inherited in vars(Observer).items():
            if name.startswith("on_"):
                hooks = [getattr(each, name) for each in observers if getattr(type(each), name) is not inherited]
                setattr(self, name, hooks[0] if len(hooks) == 1 else call_all(hooks))


def call_all(hooks: Sequence[Callable[..., None]]) -> Callable[..., None]:
    """Return a function that calls each of these with its own arguments."""

    def call(*args: Any) -> None:
        for hook in hooks:
            hook(*args)

    return call
