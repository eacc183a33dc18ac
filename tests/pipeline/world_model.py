"""What is around the adapter and outlives its crashes, as a model: a vCenter, a sink, dead letters, a kept checkpoint.

Also the event loop that its process runs in, which a test moves on by hand.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, Unpack

from vcenter_source.core.errors import OvertakenError, VcenterSourceError, VcenterUnavailableError
from vcenter_source.core.event import ClockReading, Event, Identity, ManagedObjectReference
from vcenter_source.state.checkpoint import Checkpoint, NamedCheckpoint
from vcenter_source.vcenter.clock import ClockSample

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH = datetime(2026, 1, 31, 8, tzinfo=UTC)
LATEST = 3
OVERLAP = timedelta(seconds=60)
"""READ_OVERLAP."""
LATEST_BY = 58.0
"""How late an event is stored at most, in seconds: the rest makes up for a clock that is set back unnoticed."""
INSTANT = timedelta(milliseconds=1)
KEY_MAX = 2**31 - 1
MOST_COLLECTORS = 2
"""In one session, those that are left behind in it among them."""


@dataclass(eq=False)
class Call:
    """What the process has asked of something beyond it, and waits for. ``effect`` is what that does there."""

    effect: Callable[[], Any]
    answer: asyncio.Future[Any]
    due: float = 0.0

    def succeed(self) -> None:
        try:
            self.answer.set_result(self.effect())
        except VcenterSourceError as exc:
            self.answer.set_exception(exc)

    def fail(self, why: Exception, *, with_effect: bool = False) -> None:
        if with_effect:
            self.effect()
        self.answer.set_exception(why)


class SteppedLoop(asyncio.SelectorEventLoop):
    """Runs what is ready, and no more. What would run in a thread waits in ``threaded``, for the test to run it."""

    scheduled = 0

    def __init__(self) -> None:
        super().__init__()
        self.threaded: list[Call] = []

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        self.scheduled += 1
        return super().call_soon(callback, *args, context=context)

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        call = Call(lambda: func(*args), self.create_future())
        self.threaded.append(call)
        return call.answer

    def settle(self) -> None:
        """Run until everything waits for something from outside."""
        before = -1
        while self.scheduled != before + 1:  # more than the stop itself
            before = self.scheduled
            self.call_soon(self.stop)
            self.run_forever()


@dataclass(eq=False)
class Stored:
    """An event in the history. ``number`` is its place in the order of storing; ``late`` is one dated before another.

    ``readable`` is whether a collector has had it, read or not; ``between`` whether it lies between two hidden spans
    that the adapter has passed at once and told of. ``ahead`` is how far it is dated ahead of our clock.
    """

    number: int
    event: Event
    hidden: bool = False
    late: bool = False
    readable: bool = False
    between: bool = False
    ahead: timedelta = timedelta()


@dataclass
class Look:
    """The adapter's, at vCenter's clock. ``number`` is the next event's; ``kept`` is whether a checkpoint has it."""

    number: int
    clock: ClockReading
    kept: bool = False

    @property
    def ahead(self) -> timedelta:
        return self.clock.vcenter - self.clock.ours


class Collector:
    """Has what was there when it was made, by time or as it was stored, and then what is stored, in that order.

    Which of the two, no reference says: it makes a difference where the clock was set back.

    A page is counted first, and what the account may not see is taken out of it then: the position stays where nothing
    is left. One that is ``silent`` shows nothing more, as has been seen where keys wrapped or a position was purged.
    """

    def __init__(self, history: "History", since: datetime | None, until: datetime | None) -> None:
        self._history = history
        self._since = since
        self._until = until
        self._page_size = history.page_size
        self.unread: list[Stored] = []
        self.silent = self.waited = False
        for stored in sorted(history.held, key=lambda one: one.event.created) if history.by_time else history.held:
            self.show(stored)

    def show(self, stored: Stored) -> None:
        if self._matches(stored):
            stored.readable = True
            self.unread.append(stored)

    def _matches(self, stored: Stored) -> bool:
        created = stored.event.created
        return (self._since is None or created >= self._since) and (self._until is None or created <= self._until)

    def read(self) -> list[Event]:
        page = [stored.event for stored in self.unread[: self._page_size] if not stored.hidden]
        if self.silent or not page:
            return []
        del self.unread[: self._page_size]
        return page

    def wait(self) -> None:
        self.waited = True

    def read_latest(self) -> list[Identity]:
        matching = [stored for stored in self._history.held if self._matches(stored)]
        return [stored.event.identity for stored in matching[-LATEST:] if not stored.hidden]


class History:
    """A vCenter's events.

    ``shows_late``: whether a collector shows what is stored later and dated before its place. ``by_time``: whether a
    new one has them in the order of their time.
    """

    def __init__(self, page_size: int, *, shows_late: bool, by_time: bool, next_key: int) -> None:
        self.page_size = page_size
        self.shows_late = shows_late
        self.by_time = by_time
        self.next_key = next_key
        self.newest = EPOCH
        self.hidden_until = EPOCH - 2 * OVERLAP
        self.ever: list[Stored] = []
        self.held: list[Stored] = []
        self.collectors: list[Collector] = []
        self._identities: set[Identity] = set()

    def store(self, class_name: str, about: str | None, created: datetime, *, hidden: bool = False) -> None:
        created = max(created, self.newest - timedelta(seconds=LATEST_BY))
        while (self.next_key, created) in self._identities:
            self.next_key += 1  # nothing could tell two such events apart
        subject = ManagedObjectReference("VirtualMachine", about) if about else None
        event = Event(class_name, self.next_key, created, subject, {})
        stored = Stored(len(self.ever), event, hidden, late=created < self.newest)
        self.next_key = self.next_key + 1 if self.next_key < KEY_MAX else -KEY_MAX - 1
        self.newest = max(self.newest, created)
        self._identities.add(event.identity)
        self.ever.append(stored)
        self.held.append(stored)
        if not stored.late or self.shows_late:
            for collector in self.collectors:
                collector.show(stored)

    def is_amid_hidden(self, stored: Stored) -> bool:
        """Whether hidden events stand before it and behind it by their time, each more than a page holds."""
        hidden = [one.event.created for one in self.ever if one.hidden]
        before = sum(created <= stored.event.created for created in hidden)
        behind = sum(created >= stored.event.created for created in hidden)
        return min(before, behind) >= self.page_size

    def purge(self, keep: int) -> None:
        gone = set(self.held[: max(0, len(self.held) - keep)])
        self.held = [stored for stored in self.held if stored not in gone]
        for collector in self.collectors:
            collector.unread = [stored for stored in collector.unread if stored not in gone]

    def pass_over(self, after: Identity | None, before: Identity) -> None:
        """Note what may have been given up with a hidden span: what lies between two, each longer than a page."""
        hidden = 0
        candidates: list[Stored] | None = None
        shown = sorted(self.ever, key=lambda one: one.event.created) if self.by_time else self.ever
        end = next(n for n, stored in enumerate(shown) if stored.event.identity == before)
        for stored in reversed(shown[:end]):
            if stored.event.identity == after:
                return
            hidden = hidden + 1 if stored.hidden else 0
            if hidden >= self.page_size:
                for one in candidates or ():
                    one.between = True
                candidates = []
            elif candidates is not None and not stored.hidden:
                candidates.append(stored)

    @property
    def latest(self) -> datetime:
        return max((stored.event.created for stored in self.held), default=EPOCH)

    @property
    def hides(self) -> bool:
        return any(stored.hidden for stored in self.ever)

    def shows_its_end(self) -> bool:
        """Whether a collector shows the newest there is, and its latest page something that this account may see."""
        silent = any(collector.silent for collector in self.collectors)
        return not silent and (not self.held or any(not stored.hidden for stored in self.held[-LATEST:]))

    def collector(self, since: datetime | None, until: datetime | None) -> Collector:
        if len(self.collectors) >= MOST_COLLECTORS:
            raise VcenterUnavailableError("the session has as many event collectors as it may have")
        collector = Collector(self, since, until)
        self.collectors.append(collector)
        return collector

    def silence(self) -> None:
        """A collector that was once at its end shows nothing more."""
        for collector in self.collectors:
            collector.silent = collector.silent or collector.waited


@dataclass
class World:
    """All that a crash of the adapter leaves as it is. ``seconds`` is the time, ``ahead`` what vCenter's clock adds.

    ``disturbed`` is whether vCenter's clock or its keys were ever set back: from then on, an event may come twice.
    ``forgets`` is whether checkpoints name so few events that one may come twice without that, too.
    """

    history: History
    since: datetime | None
    seconds: float = 0.0
    ahead: float = 0.0
    disturbed: bool = False
    forgets: bool = False
    unseen: bool = False
    """Whether it was set back since the adapter has last looked at it, and kept a checkpoint then."""
    looked: bool = False
    """Whether it has looked at it since a checkpoint was kept."""
    looks: list[Look] = field(default_factory=list)
    """Those of this life, and those that a checkpoint had."""
    accepted: list[Identity | str] = field(default_factory=list)
    """What the sink has taken, a gap by its id."""
    acknowledged: set[Identity] = field(default_factory=set)
    """What the sink or the dead letter has taken and said so."""
    kept: Checkpoint | None = None
    kept_for: frozenset[Identity] = frozenset()
    """What was acknowledged when that checkpoint was taken."""
    owner: object = None

    @property
    def now(self) -> datetime:
        """By vCenter's clock."""
        return EPOCH + timedelta(seconds=self.seconds + self.ahead)

    @property
    def ours(self) -> datetime:
        return EPOCH + timedelta(seconds=self.seconds)

    @property
    def repeats(self) -> bool:
        """Whether an event may come twice."""
        return self.disturbed or self.forgets

    def is_asked_for(self, identity: Identity) -> bool:
        """Whether START_FROM asks for it; what comes before may come too where vCenter's clock was set back."""
        return self.since is None or identity[1] >= self.since

    def store(self, class_name: str, about: str | None, created: datetime, *, hidden: bool = False) -> None:
        self.history.store(class_name, about, created, hidden=hidden)
        stored = self.history.ever[-1]
        stored.ahead = stored.event.created - self.ours

    def look(self) -> ClockSample:
        self.looked = True
        self.looks.append(Look(len(self.history.ever), ClockReading(self.now, self.ours)))
        return ClockSample(self.seconds, self.now, self.seconds)

    def note_kept(self) -> None:
        if self.kept is None:
            return
        self.unseen = self.unseen and not self.looked
        self.looked = False
        for look in self.looks:
            look.kept = look.kept or look.clock == self.kept.clock

    def note_crash(self) -> None:
        self.looks = [look for look in self.looks if look.kept]

    def may_be_passed(self, stored: Stored) -> bool:
        """Whether an event is dated further before an earlier one than collectors go back, and no look shows why.

        Once the earlier one is read, a process that is interrupted goes on from there.
        """
        newest = stored.event.created + OVERLAP
        earlier = (one for one in self.history.ever[: stored.number] if one.event.created > newest)
        return any(not self._is_set_back_seen(one, stored) for one in earlier)

    def _is_set_back_seen(self, one: Stored, later: Stored) -> bool:
        """Whether looks show that vCenter's clock was set back between two events.

        The next look after a set-back is compared with the last one before it. Where the clock had been set forward
        since that one, or nobody had looked, it shows nothing. And what was dated ahead of a look, and is named no
        more, is read again when the clock has come as far.
        """
        before = [look for look in self.looks if look.number <= one.number]
        between = [look for look in self.looks if one.number < look.number <= later.number]
        if any(look.clock.vcenter >= one.event.created for look in between):
            return True
        forgotten = self.forgets and bool(between)
        return bool(before) and one.ahead <= before[-1].ahead + INSTANT and not forgotten

    def set_clock(self, seconds: float) -> None:
        self.ahead += seconds
        if seconds < 0:
            self.disturbed = self.unseen = True
            self.looked = False
            self.history.newest = self.now


@dataclass(eq=False)
class SurvivingStore:
    """A store that keeps its checkpoint over a crash, and belongs to whoever claimed it last.

    ``acknowledged`` is what was so when the checkpoint under way was taken.
    """

    world: World
    acknowledged: frozenset[Identity] = frozenset()

    def load(self) -> Checkpoint | None:
        return self.world.kept

    def claim(self) -> None:
        self.world.owner = self

    def save(self, checkpoint: Checkpoint) -> None:
        self._must_own()
        self.world.kept = checkpoint
        self.world.note_kept()
        self.world.kept_for = self.acknowledged

    def list_others(self) -> list[NamedCheckpoint]:
        return []

    def check(self) -> bool:
        """Asked where the checkpoint is still the one that is kept."""
        self._must_own()
        self.world.note_kept()
        if self.world.kept is not None:
            self.world.kept_for = self.acknowledged
        return True

    @property
    def removal_command(self) -> str:
        return "true"

    def _must_own(self) -> None:
        if self.world.owner is not self:
            raise OvertakenError("another has it")
