"""The event history and the collectors that read it. Pure: no wire, no pyVmomi, the clock is passed in.

What is followed, from the vSphere Web Services API reference (HistoryCollector, EventHistoryCollector):

* "The items in a collector are always ordered by date and time of creation."
* RewindCollector moves the scrollable view to the oldest item, "the default setting": so a new collector reads from
  the oldest matching event. (govmomi's vcsim skips the oldest after a rewind.)
* ResetCollector moves it "to the item immediately preceding the viewable latest page": ReadPreviousEvents then gives
  everything but the latest page, newest to oldest, and ReadNextEvents the latest page and what came since.
* ReadNextEvents returns nothing at the end and never blocks, and goes on when more events arrive. A maxCount out of
  range (below 1, above 1000) is an InvalidArgument.
* latestPage is unordered by the reference; here it is newest first, which clients have come to expect.
* SetCollectorPageSize changes latestPage alone. (In vcsim it breaks the reading position.)

Where the clock was set back, "ordered by date and time" would put new events before what a collector has given out.
Here they come after it, in the order of their keys, as in a database that pages by them; and a collector whose filter
begins at a time never has what is dated before that time, even if it was posted later.

What the reference does not say but real ones do (govmomi issue 3450): events that the reader may not see are taken out
after paging, so a page that falls wholly into such a gap is empty, and stays so. ``Record.hidden`` marks them.
"""

import bisect
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

MAX_PAGE = 1000
DEFAULT_PAGE = 10
_TICK = timedelta(microseconds=1)
_FULL_MESSAGE = re.compile(r"<fullFormattedMessage>.*?</fullFormattedMessage>", re.DOTALL)
_FULL_MESSAGE_JSON = re.compile(r',"fullFormattedMessage":"[^"\\]*(?:\\.[^"\\]*)*"')
_KEY_SPAN = 2**32
_KEY_MAX = 2**31 - 1

Recursion = Literal["self", "children", "all"]
Change = Literal["posted", "rewound", "purged"]


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """All that an event says apart from its own three numbers, ready for the wire; events of a load share bodies.

    ``tail`` is the XML after ``createdTime``, ``json_tail`` the JSON. ``names`` are what eventTypeId matches exactly
    (the class, and the eventTypeId of an EventEx), ``kinds`` the class and its ancestors. ``about`` is the id of the
    object it pertains to, ``within`` the ids of the objects above that one.
    """

    class_name: str
    tail: str
    json_tail: str
    names: frozenset[str]
    kinds: frozenset[str]
    user: str = ""
    category: str = "info"
    about: str | None = None
    within: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """One event as posted. ``sequence`` is its place in the history, which unlike ``key`` never rewinds."""

    sequence: int
    key: int
    chain_id: int
    created: datetime
    body: Body
    hidden: bool = False

    @property
    def time_text(self) -> str:
        """When it was created, as it stands on the wire."""
        return self.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def xml(self, tag: str, *, full_message: bool = True) -> str:
        """The event as an element of this name; without its full message where a filter says disableFullMessage."""
        tail = self.body.tail if full_message else _FULL_MESSAGE.sub("", self.body.tail, count=1)
        return (
            f'<{tag} xsi:type="{self.body.class_name}"><key>{self.key}</key><chainId>{self.chain_id}</chainId>'
            f"<createdTime>{self.time_text}</createdTime>{tail}</{tag}>"
        )

    def json(self, *, full_message: bool = True) -> str:
        """The event as a JSON object, likewise."""
        tail = self.body.json_tail if full_message else _FULL_MESSAGE_JSON.sub("", self.body.json_tail, count=1)
        return (
            f'{{"_typeName":"{self.body.class_name}","key":{self.key},"chainId":{self.chain_id},'
            f'"createdTime":"{self.time_text}"{tail}'
        )


def utc_now() -> datetime:
    """The wall clock."""
    return datetime.now(UTC)


def _int32(key: int) -> int:
    return key if key <= _KEY_MAX else key - _KEY_SPAN


class History:
    """Events in the order of posting, with keys that behave like an int32.

    Their times strictly increase, unless the clock is set back. ``on_change`` is called with every change: the
    record that was posted, the next key, how many events a purge has kept.
    """

    def __init__(self, clock: Callable[[], datetime] = utc_now) -> None:
        self._clock = clock
        self._ahead = timedelta()
        self._latest: datetime | None = None
        self._ordered = True
        self._records: list[Record] = []
        self.first = 0
        self.next_key = 1
        self.on_change: Callable[[Change, Record | int], None] = lambda *_: None

    def __len__(self) -> int:
        return len(self._records)

    @property
    def end(self) -> int:
        """The sequence that the next event will have."""
        return self.first + len(self._records)

    def post(
        self,
        body: Body,
        *,
        chain_id: int | None = None,
        created: datetime | None = None,
        hidden: bool = False,
        late: timedelta = timedelta(),
    ) -> Record:
        """Append an event. ``created`` dates it otherwise than now, but never before the event posted last.

        One that is ``late`` is dated by so much before its turn, as of a host that was away.
        """
        created = (created or self.now()) - late
        if self._latest is not None and not late:
            created = max(created, self._latest + _TICK)
        record = Record(self.end, self.next_key, chain_id or self.next_key, created, body, hidden)
        self.append(record)
        self.on_change("posted", record)
        return record

    def append(self, record: Record) -> None:
        """Put a record at the end as it is."""
        self._ordered = self._ordered and not (self._records and record.created < self._records[-1].created)
        self._records.append(record)
        self._latest = max(self._latest or record.created, record.created)
        self.next_key = _int32(record.key + 1)

    def rewind_keys(self, key: int) -> None:
        """Number on from this key, as after a restore from a backup. Beyond the int32 it turns negative."""
        self.next_key = _int32(key)
        self.on_change("rewound", key)

    def purge(self, keep: int) -> None:
        """Forget all but the newest ``keep`` events, as vCenter's own clean-up does."""
        dropped = max(len(self._records) - keep, 0)
        del self._records[:dropped]
        self.first += dropped
        self.on_change("purged", keep)

    def now(self) -> datetime:
        """vCenter's clock."""
        return self._clock() + self._ahead

    def step_clock(self, seconds: float) -> None:
        """Set vCenter's clock forward, or with a negative number back."""
        self._ahead += timedelta(seconds=seconds)
        self._latest = None

    def after(self, sequence: int) -> Iterator[Record]:
        """Oldest to newest, from this sequence on."""
        for index in range(max(sequence - self.first, 0), len(self._records)):
            yield self._records[index]

    def before(self, sequence: int) -> Iterator[Record]:
        """Newest to oldest, what is older than this sequence."""
        for index in range(min(sequence - self.first, len(self._records)) - 1, -1, -1):
            yield self._records[index]

    def since(self, moment: datetime | None) -> int:
        """The sequence of the first event at or after a moment; without one, of the oldest event."""
        if moment is None:
            return self.first
        if not self._ordered:
            later = (record.sequence for record in self._records if record.created >= moment)
            return next(later, self.end)
        return self.first + bisect.bisect_left(self._records, moment, key=lambda record: record.created)

    def newest(self) -> Record | None:
        """The newest event that can be seen."""
        return next((record for record in self.before(self.end) if not record.hidden), None)


@dataclass(frozen=True, slots=True)
class EventFilter:
    """What a collector selects, as EventFilterSpec says it; what is None does not limit."""

    names: frozenset[str] | None = None
    kinds: frozenset[str] | None = None
    begin: datetime | None = None
    end: datetime | None = None
    entity: str | None = None
    recursion: Recursion = "all"
    everywhere: bool = False
    users: frozenset[str] | None = None
    categories: frozenset[str] | None = None
    chain_id: int | None = None

    def matches(self, record: Record) -> bool:
        """Whether the collector of this filter has the event."""
        body = record.body
        return (
            (self.names is None or not self.names.isdisjoint(body.names))
            and (self.kinds is None or not self.kinds.isdisjoint(body.kinds))
            and (self.begin is None or record.created >= self.begin)
            and (self.end is None or record.created <= self.end)
            and (self.entity is None or self._covers(body))
            and (self.users is None or body.user in self.users)
            and (self.categories is None or body.category in self.categories)
            and (self.chain_id is None or record.chain_id == self.chain_id)
        )

    def _covers(self, body: Body) -> bool:
        own, below = body.about == self.entity, self.entity in body.within
        return {"self": own, "children": below, "all": own or below or self.everywhere}[self.recursion]


@dataclass(slots=True, eq=False)
class Cursor:
    """A collector's place in the history. It holds positions; the events stay in the history alone."""

    history: History
    filter: EventFilter = field(default_factory=EventFilter)
    page_size: int = DEFAULT_PAGE
    position: int = 0
    _page: deque[Record] = field(default_factory=deque)
    _page_end: int = -1

    def __post_init__(self) -> None:
        self.rewind()

    def read_next(self, count: int) -> list[Record]:
        """The next ``count`` events, oldest first; empty at the end, and for ever inside a gap of hidden events."""
        page = self._take(self.history.after(self.position), count)
        visible = [record for record in page if not record.hidden]
        if visible:
            self.position = page[-1].sequence + 1
        elif not page:
            self.position = self.history.end
        return visible

    def read_previous(self, count: int) -> list[Record]:
        """The ``count`` events before the position, newest first; empty at the oldest one."""
        page = self._take(self.history.before(self.position), count)
        visible = [record for record in page if not record.hidden]
        if visible:
            self.position = page[-1].sequence
        return visible

    def _take(self, records: Iterable[Record], count: int) -> list[Record]:
        page: list[Record] = []
        for record in records:
            if self.filter.matches(record):
                page.append(record)
                if len(page) == count:
                    break
        return page

    def latest_page(self) -> list[Record]:
        """The newest events, newest first. Only what was posted since the last look is filtered."""
        if self._page_end < 0:
            self._page = deque(reversed(self._take(self.history.before(self.history.end), self.page_size)))
        else:
            self._page.extend(filter(self.filter.matches, self.history.after(self._page_end)))
        self._page_end = self.history.end
        while self._page and (len(self._page) > self.page_size or self._page[0].sequence < self.history.first):
            self._page.popleft()
        return [record for record in reversed(self._page) if not record.hidden]

    def set_page_size(self, count: int) -> None:
        """Change the size of the latest page; the reading position stays."""
        self.page_size = count
        self._page_end = -1

    def rewind(self) -> None:
        """To the oldest matching event."""
        self.position = self.history.since(self.filter.begin)

    def reset(self) -> None:
        """To just before the latest page."""
        self.latest_page()
        self.position = self._page[0].sequence if self._page else self.history.end
