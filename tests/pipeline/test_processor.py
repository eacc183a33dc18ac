"""How far the others may go ahead of one event that is stuck."""

import asyncio
import threading
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.openfaas import until
from tests.support.threaded_server import QuietHandler, serve_http
from vcenter_source.core import tracing
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import SinkUnavailableError
from vcenter_source.core.event import Event, ManagedObjectReference
from vcenter_source.core.observers import Observer
from vcenter_source.events.conversion import Converter
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.pipeline.processor import EventProcessor
from vcenter_source.state.checkpoint import REMEMBERED, Checkpoint, OffsetTracker
from vcenter_source.state.dead_letters import NoDeadLetters

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
AHEAD = 50


def event(key: int) -> Event:
    """Each about an object of its own."""
    subject = ManagedObjectReference("VirtualMachine", f"vm-{key}")
    return Event("VmPoweredOnEvent", key, NOW + timedelta(seconds=key), subject, {})


class Choosy:
    """Takes every event but the one with the id ``stuck``; ``enough`` is set when that was tried a thousand times."""

    address = "choosy"

    def __init__(self, stuck: str | None, tries: int | None = 1000) -> None:
        self.stuck = stuck
        self.tries = tries
        self.accepted: list[str] = []
        self.enough = asyncio.Event()

    async def send(self, envelope: Envelope) -> Receipt:
        await asyncio.sleep(0)
        if envelope.event.get_id() == self.stuck:
            if envelope.attempt == self.tries:
                self.enough.set()
            raise SinkUnavailableError("503")
        self.accepted.append(envelope.event.get_id())
        return Receipt()


async def life(sink: Choosy, tracker: OffsetTracker, count: int, trickle: float = 3600.0) -> None:
    """What is not covered of ``count`` events is read, until all is delivered or only the stuck one is left to try."""
    sink.enough = asyncio.Event()
    retry = RetryPolicy(Backoff(base=0.0, longest=0.0, random=lambda: 1.0))
    dispatcher = Dispatcher(sink, NoDeadLetters(), max_in_flight=8, retry=retry)
    converter = Converter("https://vc/sdk", "8.0.3.0")
    processor = EventProcessor(TypeFilter(()), converter, tracker, dispatcher, Observer(), AHEAD, trickle)
    resumed = tracker.to_checkpoint()

    async def carry() -> None:
        for one in map(event, range(count)):
            if resumed is None or not resumed.covers(one.identity):
                await processor.process(one)
        await dispatcher.drain(10)

    carrying, enough = asyncio.ensure_future(carry()), asyncio.ensure_future(sink.enough.wait())
    await asyncio.wait([carrying, enough], return_when=asyncio.FIRST_COMPLETED)
    for task in (carrying, enough):
        task.cancel()
    await asyncio.gather(carrying, enough, return_exceptions=True)
    await dispatcher.drain(0)


def test_one_stuck_event_stops_reading_when_others_are_far_ahead_of_it() -> None:
    sink, tracker = Choosy(stuck="0"), OffsetTracker("uuid", None, NOW)
    asyncio.run(life(sink, tracker, count=500))
    assert len(sink.accepted) == AHEAD - 1


def test_a_few_more_go_by_and_by_so_that_it_shows_whether_others_get_through() -> None:
    sink, tracker = Choosy(stuck="0", tries=None), OffsetTracker("uuid", None, NOW)

    async def run() -> None:
        going = asyncio.ensure_future(life(sink, tracker, count=500, trickle=0.001))
        await until(lambda: len(sink.accepted) == 2 * AHEAD - 1)
        await asyncio.sleep(0.05)  # ten times as long as another would take
        sink.enough.set()
        await going

    asyncio.run(run())
    assert len(sink.accepted) == 2 * AHEAD - 1


def test_no_number_of_restarts_makes_the_checkpoint_longer_and_nothing_is_lost_or_sent_twice() -> None:
    sink, checkpoint = Choosy(stuck="300"), None
    for _ in range(5):
        tracker = OffsetTracker("uuid", checkpoint, NOW)
        asyncio.run(life(sink, tracker, count=600))
        checkpoint = tracker.to_checkpoint()
        assert named(checkpoint) <= REMEMBERED + AHEAD
    sink.stuck = None
    asyncio.run(life(sink, tracker := OffsetTracker("uuid", checkpoint, NOW), count=600))
    assert sorted(map(int, sink.accepted)) == list(range(600))
    assert named(tracker.to_checkpoint()) == REMEMBERED


def named(checkpoint: Checkpoint | None) -> int:
    assert checkpoint is not None
    return len(checkpoint.acknowledged)


def test_reading_waits_for_a_receiver_that_is_behind_so_that_no_trace_has_a_hole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    goes_on, counted = threading.Event(), list[int]()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.read_body()
            goes_on.wait(10)
            self.answer(200)

    async def run() -> None:
        tracing.count_losses(counted.append)
        sink, tracker = Choosy(None), OffsetTracker("uuid", None, NOW)
        living = asyncio.ensure_future(life(sink, tracker, count=500))
        await until(tracing.is_crowded)
        await until(lambda: len(sink.accepted) > 10)
        waiting = len(sink.accepted)
        goes_on.set()
        await until(lambda: len(sink.accepted) == 500)
        assert waiting < 100
        living.cancel()

    with serve_http(Handler) as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "40")
        monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "20")
        with tracing.export_spans():
            asyncio.run(run())
    assert sum(counted) == 0
