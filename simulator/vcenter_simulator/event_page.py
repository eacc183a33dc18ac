"""Records in the place of pyVmomi's events: handlers return them, and both wires write them out from ready parts."""

from collections.abc import Iterable

from vcenter_simulator.history import Record
from vcenter_simulator.vmomi import vim


class EventPage(vim.event.Event.Array):  # type: ignore[misc]  # pyVmomi makes its types at run time
    """Records in the place of an array of events."""

    def __init__(self, records: Iterable[Record] = (), *, full_message: bool = True) -> None:
        super().__init__(records)
        self.full_message = full_message


class SingleEvent(vim.event.Event):  # type: ignore[misc]  # as above
    """A record in the place of one event."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        # pyVmomi refuses attributes that the type does not have, and cannot know this one.
        self.__dict__["record"] = record
