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
    """Receive what happens to events, and do nothing. Subclasses override the methods that they need."""

    def on_start(self, acknowledged: Acknowledged) -> None:
        """Note that the pipeline starts."""

    def on_stop(self) -> None:
        """Note that the pipeline has stopped. Events in flight are not in flight any more."""

    def on_login(self, vcenter_now: datetime) -> None:
        """Note a log-in, at this time on vCenter's clock. Called in the thread that talks to vCenter."""

    def on_read(self, event_type: str) -> None:
        """Note that an event was read from vCenter."""

    def on_late(self) -> None:
        """Note that vCenter stored an event later than half of READ_OVERLAP."""

    def on_filtered(self, event_type: str) -> None:
        """Note that EVENT_TYPES excludes an event that was read."""

    def on_accepted(self, envelope: Envelope) -> None:
        """Note that an event is in flight: the dispatcher has accepted it."""

    def on_retrying(self, envelope: Envelope, reason: str) -> None:
        """Note that a try to send an event failed; another will follow."""

    def on_access_refused(self, reason: str) -> None:
        """Note a response that refuses the sender, not the event. Until an event is delivered, all may be refused."""

    def on_delivered(self, envelope: Envelope) -> None:
        """Note that the sink acknowledged an event."""

    def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:
        """Note that the sink refused an event for good, and that the dead letter stored it."""


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
