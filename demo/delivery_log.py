"""The last events of the local Broker or gateway, and the outcome of their deliveries."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from demo.manifests import Trigger
from demo.message import Message

PENDING, DELIVERED, FAILED = "pending", "delivered", "failed"


@dataclass(slots=True)
class Outcome:
    """The state of one event's delivery to one Trigger's subscriber.

    ``dead_letter`` is the outcome at the deadLetterSink, empty if none is named.
    """

    trigger: str
    where: str
    filter: str
    subscriber: str
    status: str = PENDING
    attempts: int = 0
    code: int | None = None
    reason: str = ""
    dead_letter: str = ""

    @classmethod
    def for_trigger(cls, trigger: Trigger) -> Self:
        """Return a delivery that has not been tried yet."""
        return cls(trigger.name, trigger.where, trigger.filter_text, trigger.subscriber)


@dataclass(slots=True)
class Entry:
    """An accepted event, and an Outcome for each Trigger that wanted it."""

    message: Message
    outcomes: list[Outcome] = field(default_factory=list)


class DeliveryLog:
    """The newest ``size`` events, oldest first. One that comes again replaces its older entry."""

    def __init__(self, size: int = 1000) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._size = size

    def record(self, message: Message, outcomes: list[Outcome]) -> None:
        """Add an event and its deliveries."""
        key = event_key(message.attributes)
        self._entries[key] = Entry(message, outcomes)
        self._entries.move_to_end(key)
        while len(self._entries) > self._size:
            self._entries.popitem(last=False)

    def outcomes(self, message: Message) -> list[Outcome]:
        """Return the deliveries of an event so far; none of an unknown event."""
        entry = self._entries.get(event_key(message.attributes))
        return entry.outcomes if entry else []

    def events(self) -> list[dict[str, Any]]:
        """Return ``[{"attributes": {…}, "data": …}]``, oldest first."""
        return [{"attributes": dict(e.message.attributes), "data": e.message.json} for e in self._entries.values()]

    def deliveries(self) -> dict[str, Any]:
        """Return ``{"SOURCE ID": {"type": …, "triggers": [Outcome, …]}}``; no Outcome if no Trigger matched."""
        return {
            key: {
                "type": entry.message.attributes["type"],
                "triggers": [asdict(outcome) for outcome in entry.outcomes],
            }
            for key, entry in self._entries.items()
        }


def event_key(attributes: Mapping[str, str]) -> str:
    """Return source and id: an id alone, such as vCenter's key, may come from several sources."""
    return f"{attributes['source']} {attributes['id']}"
