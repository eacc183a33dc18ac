"""One process of the adapter, from its start to its crash, in a model world: real rooms, wired as ``serve`` does it.

Whatever it asks of the world is a call that waits until the test answers it, or lets it fail.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal

from cloudevents.core.v1.event import CloudEvent

from tests.pipeline.world_model import EPOCH, OVERLAP, Call, Collector, SteppedLoop, SurvivingStore, World
from tests.support.dispatcher import EXACT
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    SinkAccessError,
    SinkUnavailableError,
    VcenterSourceError,
)
from vcenter_source.core.event import ClockReading, Event, Identity
from vcenter_source.core.observers import Observers
from vcenter_source.events.adapter_events import GAP_TYPE
from vcenter_source.events.conversion import Converter
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.observe.metrics import Metrics
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.pipeline.cursor import ReadCursor
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.pipeline.processor import EventProcessor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.state.checkpoint import OffsetTracker
from vcenter_source.state.checkpoint.committer import CheckpointCommitter
from vcenter_source.state.dead_letters import Reason
from vcenter_source.vcenter.clock import ClockMonitor

WANTED = "VmPoweredOnEvent"
UNWANTED = "VmPoweredOffEvent"
TYPES = TypeFilter(("com.vmware.event.vm.poweredon*", "com.vmware.event.adapter.*"))  # so that vCenter filters nothing
Outcome = Literal["good", "fails", "answer lost", "refused", "turned away"]
"""What comes of a call; where only its answer is lost, what it was for is done."""
FAILS, REFUSES, FULL = SinkUnavailableError("503"), EventRefusedError("400"), DeadLetterUnavailableError("full")
SAYS: dict[Outcome, Exception] = {"refused": REFUSES, "turned away": SinkAccessError("403")}


@dataclass
class ModelReader:
    """The process's end of a collector."""

    life: "Life"
    collector: Collector

    async def read(self) -> list[Event]:
        page: list[Event] = await self.life.ask(self.collector.read)
        return page

    async def wait(self, seconds: int) -> ClockReading:
        self.life.idle = True
        clock = await self.life.look()
        await self.life.ask(self.collector.wait)
        return clock

    async def read_latest(self) -> list[Identity]:
        newest: list[Identity] = await self.life.ask(self.collector.read_latest)
        return newest


class Life:
    """The process. ``asked`` are its calls to vCenter, one at a time; the others are many."""

    def __init__(
        self, loop: SteppedLoop, world: World, *, window: int, ahead: int, give_up_after: float, remembered: int
    ) -> None:
        self.loop, self.world = loop, world
        self.asked: list[Call] = []
        self.sends: list[Call] = []
        self.letters: list[Call] = []
        self.pauses: list[Call] = []
        """The stream's, before it asks again."""
        self.sleeps: list[Call] = []
        """The delivery's."""
        self.idle = False
        """Whether it waits for new events; the last page that it was shown was empty."""
        self.taken: set[Identity] = set()
        self.done: set[Identity] = set()
        self.covered = world.kept_for
        self.clock = ClockMonitor()
        self.by_lane: dict[str, list[Identity]] = defaultdict(list)
        self.saving: asyncio.Task[None] | None = None
        self.tasks: list[asyncio.Task[None]] = []
        self._wire(window, ahead, give_up_after, remembered)

    def _wire(self, window: int, ahead: int, give_up_after: float, remembered: int) -> None:
        self.kept = SurvivingStore(self.world)
        self.world.note_crash()
        resumed = self.kept.load()
        self.kept.claim()
        self.tracker = OffsetTracker("uuid", resumed, self.world.since, remembered)
        self.committer = CheckpointCommitter(self.kept, self.tracker)
        status = PipelineStatus(lambda: self.world.seconds)
        metrics = Metrics().add_vcenter("vc", status, clock=lambda: self.world.seconds)
        observers = Observers(status, metrics)
        observers.on_start(self.tracker)
        retry = RetryPolicy(
            EXACT, give_up_after, partial(self.sleep, self.sleeps), lambda: self.world.seconds, poison_max_tries=3
        )
        dispatcher = Dispatcher(self, self, max_in_flight=window, retry=retry, observer=observers, spawn=self.spawn)
        processor = EventProcessor(
            TYPES, Converter("https://vc/sdk", "8.0.3.0"), self.tracker, dispatcher, observers, ahead
        )
        cursor = ReadCursor(self.world.since, resumed, OVERLAP, self.now)
        self.clock.check(self.world.look())
        start = ClockReading(self.world.now, self.world.ours)
        self.tracker.begin(start, cursor.detect_clock_set_back(start))
        reader = EventReader(self, cursor, (), EXACT, partial(self.sleep, self.pauses), self.tracker, observers)
        self.reading = self.spawn(self._carry(reader, processor))
        self.loop.settle()

    async def _carry(self, reader: EventReader, processor: EventProcessor) -> None:
        async with aclosing(reader.events()) as events:
            async for event in events:
                if isinstance(event, Event):
                    self.taken.add(event.identity)
                elif event.reason == "hidden":
                    self.world.history.pass_over(event.after, event.before)
                await processor.process(event)

    def spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = self.loop.create_task(work)
        self.tasks.append(task)
        return task

    # What it asks for

    def ask(self, effect: Callable[[], Any]) -> asyncio.Future[Any]:
        return self._call(self.asked, effect)

    async def sleep(self, sleeps: list[Call], seconds: float) -> None:
        await self._call(sleeps, lambda: None, due=self.world.seconds + seconds)

    def _call(self, calls: list[Call], effect: Callable[[], Any], due: float = 0.0) -> asyncio.Future[Any]:
        calls.append(Call(effect, self.loop.create_future(), due))
        return calls[-1].answer

    @asynccontextmanager
    async def reader(
        self, since: datetime | None, event_type_ids: Sequence[str], until: datetime | None = None
    ) -> AsyncIterator[ModelReader]:
        await self.look()
        collectors = self.world.history.collectors
        try:
            collector = await self.ask(partial(self.world.history.collector, since, until))
        except VcenterSourceError:
            collectors.clear()  # they end with their session, which the client gives up: one may be left in it
            raise
        assert len(collectors) == 1, "the stream holds more than one at a time"
        try:
            yield ModelReader(self, collector)
        finally:
            collectors.clear()

    def now(self) -> datetime | None:
        last = self.clock.last
        return last.reported + timedelta(seconds=self.world.seconds - last.before) if last else None

    async def look(self) -> ClockReading:
        look = await self.ask(self.world.look)
        self.clock.check(look)
        return ClockReading(look.reported, EPOCH + timedelta(seconds=look.before))

    @property
    def address(self) -> str:
        return "https://sink/"

    async def send(self, envelope: Envelope) -> Receipt:
        name = named(envelope.event)
        if not self.world.repeats:
            assert name not in self.covered, f"{name} was acknowledged before the last save, and is sent again"
            assert name not in self.done, f"{name} is sent again after its acknowledgement"
        await self._call(self.sends, partial(self._accept, envelope.event, name))
        self._noted(name)
        return Receipt()

    def _accept(self, event: CloudEvent, name: Identity | str) -> None:
        self.world.accepted.append(name)
        if not isinstance(name, str) and name not in self.covered | self.done and self.world.is_asked_for(name):
            self.by_lane[event.get_attributes()["partitionkey"]].append(name)

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        await self._call(self.letters, lambda: None)
        self._noted(named(envelope.event))

    def _noted(self, name: Identity | str) -> None:
        if not isinstance(name, str):
            self.done.add(name)
            self.world.acknowledged.add(name)

    # What the test has it do

    def save(self) -> None:
        """Begin to save the checkpoint, as it is done every CHECKPOINT_INTERVAL."""
        self.kept.acknowledged = self.covered | self.done
        self.saving = self.spawn(self.committer.save())
        self.loop.settle()

    def answer(self, calls: list[Call], number: int = 0, outcome: Outcome = "good", why: Exception = FAILS) -> None:
        """Answer one of the calls, whichever the number is; ``why`` is what it fails with."""
        self.idle = self.idle and calls is not self.asked
        call = calls.pop(number % len(calls))
        if outcome == "good":
            call.succeed()
        else:
            call.fail(why, with_effect=outcome == "answer lost")
        self.loop.settle()

    @property
    def delivering(self) -> bool:
        """Whether the delivery waits for the sink, the dead letter or the end of a pause."""
        return bool(self.sends or self.letters or self.sleeps)

    def deliver(self, number: int, outcome: Outcome) -> None:
        """One of the calls that the delivery waits for is answered, whichever the number is."""
        number %= len(self.sends) + len(self.letters) + len(self.sleeps) or 1
        if number < len(self.sends):
            self.answer(self.sends, number, outcome, SAYS.get(outcome, FAILS))
        elif number < len(self.sends) + len(self.letters):
            self.answer(self.letters, number - len(self.sends), outcome, FULL)
        elif self.sleeps:
            self.wake(self.sleeps)

    def wake(self, sleeps: list[Call]) -> None:
        """The earliest of the sleeps is over."""
        earliest = min(sleeps, key=lambda call: call.due)
        sleeps.remove(earliest)
        self.world.seconds = max(self.world.seconds, earliest.due)
        earliest.succeed()
        self.loop.settle()

    def crash(self, reaching: Callable[[], bool]) -> None:
        """End, now. Of what is under way, the other side does what is ``reaching`` it, and nobody hears of that."""
        under_way = [*self.sends, *self.letters, *self.loop.threaded]
        for call in under_way:
            if reaching():
                call.effect()
        for task in self.tasks:
            task.cancel()
        self.loop.settle()
        for call in self.loop.threaded:
            call.answer.cancel()
        self.loop.threaded.clear()
        self.loop.settle()


def named(event: CloudEvent) -> Identity | str:
    """Which event of vCenter's it is; a gap has but its id."""
    attributes = event.get_attributes()
    return attributes["id"] if attributes["type"] == GAP_TYPE else (int(attributes["id"]), attributes["time"])
