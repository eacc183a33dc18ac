"""Some events of one answer, however they came."""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from vcenter_source.core.event import Event

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventPage:
    """The events of one answer, in its order. Each is decoded in its turn, so nothing waits for a whole page.

    An event is never dropped. An event with an unreadable key gets a negative checksum of itself as its key, the same
    each time it is read; an event with an unreadable time gets the time of the event before it (1970 if there is none).
    ``decode`` decodes one of ``items``, given the time of the event before it.
    """

    def __init__(self, items: Sequence[Any], decode: Callable[[Any, datetime], Event], size: int) -> None:
        self._items = items
        self._decode = decode
        self.size = size
        """The bytes of the answer."""
        self.full = False
        """Whether the page holds as many events as were asked for, so that there may be more."""

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[Event]:
        created, decode = _EPOCH, self._decode
        for item in self._items:
            event = decode(item, created)
            created = event.created
            yield event


def parse_created(text: Any) -> datetime | None:
    """Read a time (any precision; without a zone it is UTC) in UTC; None for anything else."""
    try:
        created = datetime.fromisoformat(text)
        return created.astimezone(UTC) if created.tzinfo else created.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError):
        return None
