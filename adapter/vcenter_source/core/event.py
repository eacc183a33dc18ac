"""The event as vCenter reports it: a frozen value, free of pyVmomi."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class ManagedObjectReference:
    """What an event is about, in vSphere's own terms: ``ResourcePool:resgroup-9``."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"


Identity = tuple[int, datetime]
"""An event's key and created time, which together differ from those of every other event of the same vCenter."""

_KEYS = 2**32


def key_step(before: int, after: int) -> int:
    """Return the step from one event key to another, negative for a step back. Keys are int32 and wrap around."""
    return (after - before + _KEYS // 2) % _KEYS - _KEYS // 2


@dataclass(frozen=True, slots=True)
class ClockReading:
    """vCenter's clock and ours at one moment. Two readings show whether vCenter's was set back in between."""

    vcenter: datetime
    ours: datetime

    @property
    def is_plausible(self) -> bool:
        """Whether they are less than a day apart. If our clock is further off, a reading shows nothing."""
        return abs(self.vcenter - self.ours) < timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as vCenter reports it.

    ``class_name`` is the name on the wire (``ResourcePoolCreatedEvent``), also of a class that our tables do not have.
    ``key`` is vCenter's number for the event: an int32 that can be negative and begins anew after a restore, so two
    events differ by ``identity`` only. ``created`` is vCenter's clock, with a time zone. ``subject`` is the object that
    the event is about, None for a login, say. ``data`` has the shape of VI/JSON, VMware's published JSON. ``encoded``
    is its text where vCenter itself wrote it so, and is passed on as it is.
    """

    class_name: str
    key: int
    created: datetime
    subject: ManagedObjectReference | None
    data: dict[str, Any]
    encoded: bytes | None = field(default=None, compare=False, repr=False)

    @property
    def identity(self) -> Identity:
        """What differs from every other event of the same vCenter."""
        return self.key, self.created

    @property
    def name(self) -> str:
        """The class name; for an EventEx or ExtendedEvent its ``eventTypeId``, which says more."""
        event_type_id = self.data.get("eventTypeId")
        return str(event_type_id) if event_type_id else self.class_name


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which events are missing, or may be, as far as a client of vCenter can see.

    ``purged``: vCenter does not hold the last event any more that was read. ``hidden``: this account may not see some
    events, more of them than a page holds. ``rewound``: keys have begun anew, as after a restore from a backup.
    ``compressed``: vCenter itself has stored one event in place of many. ``after`` is the last event before the span,
    None without one; ``before`` is the first event after it.
    """

    reason: Literal["purged", "hidden", "rewound", "compressed"]
    after: Identity | None
    before: Identity
