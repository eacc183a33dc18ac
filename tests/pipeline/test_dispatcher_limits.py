"""What the sink will not take: to the dead letter, or held; and nothing acknowledged that is stored nowhere."""

import asyncio
import math
from collections import Counter
from dataclasses import dataclass
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.support.dispatcher import EXACT, Box, make_dispatcher, make_envelope
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import DeadLetterUnavailableError, EventRefusedError, SinkUnavailableError
from vcenter_source.core.observers import Observer
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.state.dead_letters import FallbackStore, NoDeadLetters, Reason


class Sorting:
    """Refuses events whose name begins with ``bad`` until it ``relents``, fails those with ``away`` for ever."""

    address = "http://sink/"

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.tries: Counter[str] = Counter()
        self.relents = False

    async def send(self, envelope: Envelope) -> Receipt:
        await asyncio.sleep(0)
        name = envelope.event.get_id()
        self.tries[name] += 1
        if name.startswith("bad") and not self.relents:
            raise EventRefusedError("400: no such thing", status=400, body=b"no such thing")
        if name.startswith("away"):
            raise SinkUnavailableError("503: later", status=503, body=b"later")
        self.accepted.append(name)
        return Receipt()


def test_a_refused_event_is_acknowledged_once_it_is_in_the_dead_letter_and_those_behind_it_go_on() -> None:
    sink, box, happened = Sorting(), Box(failures=2), list[str]()

    class Noting(Observer):
        def on_retrying(self, envelope: Envelope, reason: str) -> None:
            happened.append("failed")

        def on_dead_lettered(self, envelope: Envelope, reason: str) -> None:
            happened.append(f"dead-lettered {len(box.names)}: {reason}")

        def on_delivered(self, envelope: Envelope) -> None:
            happened.append("delivered")

    async def deliver() -> int:
        dispatcher = make_dispatcher(sink, box, observer=Noting())
        await dispatcher.submit(make_envelope("bad", "a", lambda: happened.append(f"acknowledged {len(box.names)}")))
        await dispatcher.submit(make_envelope("good", "a"))
        return await dispatcher.drain(5)

    assert asyncio.run(deliver()) == 0
    assert happened == ["failed", "failed", "dead-lettered 1: 400: no such thing", "acknowledged 1", "delivered"]
    assert sink.accepted == ["good"]
    assert box.reasons == [Reason("http://sink/", "400: no such thing", 400, b"no such thing")]


def test_without_a_dead_letter_a_refused_event_is_held_and_tried_again_until_the_sink_takes_it() -> None:
    sink, delays, acknowledged = Sorting(), list[float](), list[str]()

    async def note(seconds: float) -> None:
        delays.append(seconds)
        sink.relents = len(delays) == 4
        await asyncio.sleep(0)

    async def deliver() -> int:
        dispatcher = make_dispatcher(sink, sleep=note)
        await dispatcher.submit(make_envelope("bad", "a", lambda: acknowledged.append("bad")))
        await dispatcher.submit(make_envelope("good", "a", lambda: acknowledged.append("good")))
        return await dispatcher.drain(5)

    with capture_logs() as lines:
        assert asyncio.run(deliver()) == 0
    assert delays == [1, 2, 4, 8]
    assert acknowledged == sink.accepted == ["bad", "good"]
    assert [line["dead_letter"] for line in lines[:4]] == [
        "set DEAD_LETTER_SINK or DEAD_LETTER_PATH to let the stream go on"
    ] * 4


def test_a_full_window_of_held_events_stops_the_reading() -> None:
    async def deliver() -> int:
        dispatcher = make_dispatcher(Sorting(), window=2)
        await dispatcher.submit(make_envelope("bad1", "a"))
        await dispatcher.submit(make_envelope("bad2", "b"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(dispatcher.submit(make_envelope("good", "c")), 0.02)
        return await dispatcher.drain(0)

    assert asyncio.run(deliver()) == 2


def test_after_its_duration_an_event_that_could_pass_goes_to_the_dead_letter_too() -> None:
    now, box, sink = [100.0], Box(), Sorting()

    async def pass_time(seconds: float) -> None:
        now[0] += seconds
        await asyncio.sleep(0)

    async def deliver() -> int:
        retry = RetryPolicy(EXACT, duration=10.0, sleep=pass_time, clock=lambda: now[0])
        dispatcher = Dispatcher(sink, box, max_in_flight=4, retry=retry)
        await dispatcher.submit(make_envelope("away", "a"))
        return await dispatcher.drain(5)

    assert asyncio.run(deliver()) == 0
    assert now[0] == 110.0  # 1, 2, 4, and what is left of the next 8
    assert sink.tries["away"] == 5
    assert box.reasons == [Reason("http://sink/", "503: later", 503, b"later")]


def test_the_second_dead_letter_takes_what_the_first_does_not() -> None:
    first, second = Box(failures=1), Box()

    async def deliver() -> int:
        dispatcher = make_dispatcher(Sorting(), FallbackStore([first, second]), window=1)
        await dispatcher.submit(make_envelope("bad1", "a"))
        await dispatcher.submit(make_envelope("bad2", "a"))
        return await dispatcher.drain(5)

    assert asyncio.run(deliver()) == 0
    assert (first.names, second.names) == (["bad2"], ["bad1"])


def test_where_no_dead_letter_takes_it_the_log_says_why_of_each() -> None:
    async def store() -> None:
        with pytest.raises(DeadLetterUnavailableError, match=r"^full; set DEAD_LETTER_SINK"):
            await FallbackStore([Box(math.inf), NoDeadLetters()]).store(make_envelope("1", "a"), Reason("here", "400"))

    asyncio.run(store())


@dataclass
class Moody:
    """A sink, or a dead letter, that does as told and then accepts. Cut off, it has the event and does not say so."""

    does: dict[int, list[str]]
    stored: set[str]
    address: str = "moody"

    async def take(self, name: str) -> str:
        await asyncio.sleep(0)
        todo = self.does.get(int(name))
        outcome = todo.pop(0) if todo else "accept"
        if outcome in {"accept", "cut off"}:
            self.stored.add(name)
        return outcome

    async def send(self, envelope: Envelope) -> Receipt:
        outcome = await self.take(envelope.event.get_id())
        if outcome == "refuse":
            raise EventRefusedError("400", status=400)
        if outcome != "accept":
            raise SinkUnavailableError("no answer")
        return Receipt()

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        if await self.take(envelope.event.get_id()) != "accept":
            raise DeadLetterUnavailableError("no answer")


async def deliver_until(moment: int, dispatcher: Dispatcher, envelopes: list[Envelope]) -> bool:
    """Deliver, and stop dead after so many turns of the loop; returns whether all were submitted by then."""

    async def submit_all() -> None:
        for one in envelopes:
            await dispatcher.submit(one)

    reading = asyncio.create_task(submit_all())
    for _ in range(moment):
        await asyncio.sleep(0)
    finished = reading.done()
    reading.cancel()
    left = await dispatcher.drain(10 if finished else 0)
    return finished and left == 0


outcomes = st.lists(st.sampled_from(["refuse", "fail", "cut off"]), min_size=1, max_size=6).map(list)


@settings(max_examples=100)
@given(
    lanes=st.lists(st.sampled_from("abc"), min_size=1, max_size=20),
    sink_does=st.dictionaries(st.integers(0, 19), outcomes),
    box_does=st.dictionaries(st.integers(0, 19), outcomes),
    window=st.integers(1, 6),
    moment=st.integers(0, 200),
)
def test_nothing_is_acknowledged_that_is_stored_nowhere(
    lanes: list[str], sink_does: dict[int, list[str]], box_does: dict[int, list[str]], window: int, moment: int
) -> None:
    stored, acknowledged = set[str](), list[str]()

    def acknowledge(name: str) -> None:
        assert name in stored
        acknowledged.append(name)

    async def deliver() -> bool:
        dispatcher = make_dispatcher(Moody(sink_does, stored), Moody(box_does, stored), window=window)
        envelopes = [make_envelope(str(n), lane, partial(acknowledge, str(n))) for n, lane in enumerate(lanes)]
        return await deliver_until(moment, dispatcher, envelopes)

    finished = asyncio.run(deliver())
    assert len(set(acknowledged)) == len(acknowledged)
    assert not finished or len(acknowledged) == len(lanes)
    for lane in "abc":  # in order, too
        in_lane = [str(n) for n, name in enumerate(lanes) if name == lane]
        done = [name for name in acknowledged if name in in_lane]
        assert done == in_lane[: len(done)]
