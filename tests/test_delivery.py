"""The window, the order, the tries: with a sink and a clock that a test holds in its hand."""

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import pytest
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.trace import INVALID_SPAN, Span
from structlog.testing import capture_logs

from adapter.backoff import Backoff
from adapter.deadletters import DeadLetter, DeadLetters, FirstOf, NoDeadLetters
from adapter.delivery import Delivery, Parcel, Retry, Sink, Watch
from adapter.errors import DeadLetterUnavailableError, EventRefusedError, SinkUnavailableError

EXACT = Backoff(base=1.0, longest=30.0, random=lambda: 1.0)


async def no_sleep(seconds: float) -> None:
    await asyncio.sleep(0)


def delivery_to(
    sink: Sink,
    letters: DeadLetters | None = None,
    *,
    window: int = 4,
    backoff: Backoff = EXACT,
    sleep: Callable[[float], Awaitable[None]] = no_sleep,
    watch: Watch | None = None,
) -> Delivery:
    retry = Retry(backoff, sleep=sleep)
    return Delivery(sink, letters or NoDeadLetters(), max_in_flight=window, retry=retry, watch=watch)


def parcel(name: str, lane: str, acknowledged: Callable[[], None] = lambda: None) -> Parcel:
    attributes = {"id": name, "source": "https://vc/sdk", "type": "com.vmware.event.vm.poweredon"}
    return Parcel(CloudEvent(attributes), lane, INVALID_SPAN, acknowledged)


@dataclass
class ScriptedSink:
    """Fails each event as often as ``failures`` says, yields to the loop ``slowness`` times, notes who was there."""

    address = "scripted"
    failures: Counter[str] = field(default_factory=Counter)
    slowness: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    present: int = 0
    most_present: int = 0

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        self.present += 1
        self.most_present = max(self.most_present, self.present)
        name = event.get_id()
        for _ in range(1 + self.slowness[name]):
            await asyncio.sleep(0)
        self.present -= 1
        if resend < self.failures[name]:
            raise SinkUnavailableError("503")
        self.accepted.append(name)


@settings(max_examples=60)
@given(
    lanes=st.lists(st.sampled_from("abcd"), min_size=1, max_size=40),
    window=st.integers(1, 8),
    failures=st.dictionaries(st.integers(0, 39), st.integers(1, 4), max_size=12),
    slowness=st.dictionaries(st.integers(0, 39), st.integers(1, 9), max_size=12),
)
def test_nothing_is_lost_or_overtaken_within_a_lane_whatever_fails(
    lanes: list[str], window: int, failures: dict[int, int], slowness: dict[int, int]
) -> None:
    sink = ScriptedSink(
        Counter({str(k): v for k, v in failures.items()}), Counter({str(k): v for k, v in slowness.items()})
    )
    acknowledged: list[str] = []

    async def deliver_all() -> int:
        delivery = delivery_to(sink, window=window)
        for n, lane in enumerate(lanes):
            await delivery.submit(parcel(str(n), lane, partial(acknowledged.append, str(n))))
        return await delivery.drain(10)

    assert asyncio.run(deliver_all()) == 0
    assert sorted(sink.accepted) == sorted(acknowledged) == sorted(map(str, range(len(lanes))))
    for lane in "abcd":
        expected = [str(n) for n, name in enumerate(lanes) if name == lane]
        assert [name for name in sink.accepted if name in expected] == expected
    assert sink.most_present <= window


def test_delays_double_up_to_the_longest_and_respect_retry_after() -> None:
    delays: list[float] = []
    answers: list[SinkUnavailableError | None] = [SinkUnavailableError("503") for _ in range(7)]
    answers += [SinkUnavailableError("429", retry_after=12.0), SinkUnavailableError("429", retry_after=9999.0), None]

    class Answering:
        address = "here"

        async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
            answer = answers[resend]
            if answer is not None:
                raise answer

    async def note(seconds: float) -> None:
        delays.append(seconds)

    async def deliver() -> None:
        backoff = Backoff(base=1.0, longest=30.0, random=lambda: 1.0 if len(delays) < 7 else 0.0)
        delivery = delivery_to(Answering(), window=1, backoff=backoff, sleep=note)
        await delivery.submit(parcel("1", "a"))
        assert await delivery.drain(10) == 0

    asyncio.run(deliver())
    assert delays == [1, 2, 4, 8, 16, 30, 30, 12, 30]


def test_a_failing_object_holds_up_nobody_until_the_window_is_full_and_then_reading() -> None:
    class OneObjectFails:
        address = "here"
        accepted: list[str]

        def __init__(self) -> None:
            self.accepted = []

        async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
            if event.get_id().startswith("bad"):
                raise SinkUnavailableError("503")
            self.accepted.append(event.get_id())

    async def deliver() -> None:
        sink = OneObjectFails()
        delivery = delivery_to(sink, window=3)
        await delivery.submit(parcel("bad1", "x"))
        await delivery.submit(parcel("bad2", "x"))
        for n in range(20):
            await delivery.submit(parcel(str(n), f"lane{n}"))
        assert sink.accepted == [str(n) for n in range(19)]  # the last has had no turn yet
        await delivery.submit(parcel("bad3", "x"))
        held_up = asyncio.create_task(delivery.submit(parcel("20", "y")))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not held_up.done()
        held_up.cancel()
        assert await delivery.drain(0) == 3

    asyncio.run(deliver())


def test_a_drain_gives_up_after_its_time_and_acknowledges_nothing_more() -> None:
    acknowledged: list[str] = []

    class Hanging:
        address = "here"

        async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
            await asyncio.Event().wait()

    async def deliver() -> int:
        delivery = delivery_to(Hanging())
        await delivery.submit(parcel("1", "a", lambda: acknowledged.append("1")))
        await delivery.submit(parcel("2", "a", lambda: acknowledged.append("2")))
        return await delivery.drain(0.01)

    assert asyncio.run(deliver()) == 2
    assert acknowledged == []


class Sorting:
    """Refuses events whose name begins with ``bad`` until it ``relents``, fails those with ``away`` for ever."""

    address = "http://sink/"

    def __init__(self) -> None:
        self.accepted: list[str] = []
        self.tries: Counter[str] = Counter()
        self.relents = False

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        await asyncio.sleep(0)
        name = event.get_id()
        self.tries[name] += 1
        if name.startswith("bad") and not self.relents:
            raise EventRefusedError("400: no such thing", status=400, body=b"no such thing")
        if name.startswith("away"):
            raise SinkUnavailableError("503: later", status=503, body=b"later")
        self.accepted.append(name)


class Box:
    """Keeps letters; refuses the first ``failures``."""

    def __init__(self, failures: float = 0) -> None:
        self.failures = failures
        self.letters: list[DeadLetter] = []

    async def store(self, letter: DeadLetter, span: Span) -> None:
        await asyncio.sleep(0)
        if self.failures > 0:
            self.failures -= 1
            raise DeadLetterUnavailableError("full")
        self.letters.append(letter)

    @property
    def names(self) -> list[str]:
        return [letter.event.get_id() for letter in self.letters]


def test_a_refused_event_is_acknowledged_once_it_is_in_the_dead_letter_and_those_behind_it_go_on() -> None:
    sink, box, happened = Sorting(), Box(failures=2), list[str]()

    class Noting(Watch):
        def failed(self, parcel: Parcel, reason: str) -> None:
            happened.append("failed")

        def dead_lettered(self, parcel: Parcel) -> None:
            happened.append(f"dead-lettered {len(box.letters)}")

        def delivered(self, parcel: Parcel) -> None:
            happened.append("delivered")

    async def deliver() -> int:
        delivery = delivery_to(sink, box, watch=Noting())
        await delivery.submit(parcel("bad", "a", lambda: happened.append(f"acknowledged {len(box.letters)}")))
        await delivery.submit(parcel("good", "a"))
        return await delivery.drain(5)

    assert asyncio.run(deliver()) == 0
    assert happened == ["failed", "failed", "dead-lettered 1", "acknowledged 1", "delivered"]
    assert sink.accepted == ["good"]
    (letter,) = box.letters
    assert (letter.address, letter.status, letter.body) == ("http://sink/", 400, b"no such thing")
    assert letter.reason == "400: no such thing"


def test_without_a_dead_letter_a_refused_event_is_held_and_tried_again_until_the_sink_takes_it() -> None:
    sink, delays, acknowledged = Sorting(), list[float](), list[str]()

    async def note(seconds: float) -> None:
        delays.append(seconds)
        sink.relents = len(delays) == 4
        await asyncio.sleep(0)

    async def deliver() -> int:
        delivery = delivery_to(sink, sleep=note)
        await delivery.submit(parcel("bad", "a", lambda: acknowledged.append("bad")))
        await delivery.submit(parcel("good", "a", lambda: acknowledged.append("good")))
        return await delivery.drain(5)

    with capture_logs() as lines:
        assert asyncio.run(deliver()) == 0
    assert delays == [1, 2, 4, 8]
    assert acknowledged == sink.accepted == ["bad", "good"]
    assert [line["dead_letter"] for line in lines] == [
        "set DEAD_LETTER_SINK or DEAD_LETTER_PATH to let the stream go on"
    ] * 4


def test_a_full_window_of_held_events_stops_the_reading() -> None:
    async def deliver() -> int:
        delivery = delivery_to(Sorting(), window=2)
        await delivery.submit(parcel("bad1", "a"))
        await delivery.submit(parcel("bad2", "b"))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(delivery.submit(parcel("good", "c")), 0.02)
        return await delivery.drain(0)

    assert asyncio.run(deliver()) == 2


def test_after_its_duration_an_event_that_could_pass_goes_to_the_dead_letter_too() -> None:
    now, box, sink = [100.0], Box(), Sorting()

    async def pass_time(seconds: float) -> None:
        now[0] += seconds
        await asyncio.sleep(0)

    async def deliver() -> int:
        retry = Retry(EXACT, duration=10.0, sleep=pass_time, clock=lambda: now[0])
        delivery = Delivery(sink, box, max_in_flight=4, retry=retry)
        await delivery.submit(parcel("away", "a"))
        return await delivery.drain(5)

    assert asyncio.run(deliver()) == 0
    assert now[0] == 110.0  # 1, 2, 4, and what is left of the next 8
    assert sink.tries["away"] == 5
    (letter,) = box.letters
    assert (letter.status, letter.body, letter.reason) == (503, b"later", "503: later")


def test_the_second_dead_letter_takes_what_the_first_does_not() -> None:
    first, second = Box(failures=1), Box()

    async def deliver() -> int:
        delivery = delivery_to(Sorting(), FirstOf([first, second]), window=1)
        await delivery.submit(parcel("bad1", "a"))
        await delivery.submit(parcel("bad2", "a"))
        return await delivery.drain(5)

    assert asyncio.run(deliver()) == 0
    assert (first.names, second.names) == (["bad2"], ["bad1"])


def test_where_no_dead_letter_takes_it_the_log_says_why_of_each() -> None:
    async def store() -> None:
        with pytest.raises(DeadLetterUnavailableError, match=r"^full; set DEAD_LETTER_SINK"):
            await FirstOf([Box(math.inf), NoDeadLetters()]).store(
                DeadLetter(parcel("1", "a").event, "here", "400"), INVALID_SPAN
            )

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

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        outcome = await self.take(event.get_id())
        if outcome == "refuse":
            raise EventRefusedError("400", status=400)
        if outcome != "accept":
            raise SinkUnavailableError("no answer")

    async def store(self, letter: DeadLetter, span: Span) -> None:
        if await self.take(letter.event.get_id()) != "accept":
            raise DeadLetterUnavailableError("no answer")


async def deliver_until(moment: int, delivery: Delivery, parcels: list[Parcel]) -> bool:
    """Deliver, and stop dead after so many turns of the loop; returns whether all were submitted by then."""

    async def submit_all() -> None:
        for one in parcels:
            await delivery.submit(one)

    reading = asyncio.create_task(submit_all())
    for _ in range(moment):
        await asyncio.sleep(0)
    finished = reading.done()
    reading.cancel()
    left = await delivery.drain(10 if finished else 0)
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
        delivery = delivery_to(Moody(sink_does, stored), Moody(box_does, stored), window=window)
        parcels = [parcel(str(n), lane, partial(acknowledge, str(n))) for n, lane in enumerate(lanes)]
        return await deliver_until(moment, delivery, parcels)

    finished = asyncio.run(deliver())
    assert len(set(acknowledged)) == len(acknowledged)
    assert not finished or len(acknowledged) == len(lanes)
    for lane in "abc":  # in order, too
        in_lane = [str(n) for n, name in enumerate(lanes) if name == lane]
        done = [name for name in acknowledged if name in in_lane]
        assert done == in_lane[: len(done)]
