"""The event that travels between the rooms: a frozen value, free of pyVmomi."""

from dataclasses import dataclass
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
"""An event's key and created time: what tells it from every other of the same vCenter."""

_KEYS = 2**32


def key_step(before: int, after: int) -> int:
    """How far apart two event keys are, negative where the second is the smaller. They are int32 and wrap around."""
    return (after - before + _KEYS // 2) % _KEYS - _KEYS // 2


@dataclass(frozen=True, slots=True)
class ClockReading:
    """vCenter's clock and ours at one moment. A later reading beside it tells whether vCenter's was set back."""

    vcenter: datetime
    ours: datetime

    @property
    def is_plausible(self) -> bool:
        """Whether they are less than a day apart: a clock of ours that is further off tells nothing."""
        return abs(self.vcenter - self.ours) < timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Event:
    """One event as vCenter told it.

    ``class_name`` is the name on the wire (``ResourcePoolCreatedEvent``), also of a class that our tables do not
    know. ``key`` is vCenter's number for it: an int32 that can turn negative and rewinds after a restore, so only
    ``identity`` tells two events apart. ``created`` is vCenter's clock, with a time zone. ``subject`` is the object
    it is about, None where there is none (a login, say). ``data`` has the shape of VI/JSON, VMware's published JSON.
    """

    class_name: str
    key: int
    created: datetime
    subject: ManagedObjectReference | None
    data: dict[str, Any]

    @property
    def identity(self) -> Identity:
        """What tells this event from every other of the same vCenter."""
        return self.key, self.created

    @property
    def name(self) -> str:
        """The class name; of an EventEx or ExtendedEvent its ``eventTypeId``, which says more."""
        event_type_id = self.data.get("eventTypeId")
        return str(event_type_id) if event_type_id else self.class_name


@dataclass(frozen=True, slots=True)
class Gap:
    """A span in which events are missing, or may be, as far as can be seen from outside.

    ``purged``: vCenter no longer holds the last event that was read. ``hidden``: there are events that this account may
    not see, and more of them than a page holds. ``rewound``: keys began anew, as after a restore from a backup.
    ``compressed``: vCenter itself has stored one event for many. ``after`` is the last event before the span, None
    where there is none; ``before`` is the first after it.
    """

    reason: Literal["purged", "hidden", "rewound", "compressed"]
    after: Identity | None
    before: Identity
