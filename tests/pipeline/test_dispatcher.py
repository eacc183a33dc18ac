"""The window, the order, the tries: with a sink and a clock that a test holds in its hand."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.dispatcher import make_dispatcher, make_envelope
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import SinkUnavailableError


@dataclass
class ScriptedSink:
    """Fails each event as often as ``failures`` says, yields to the loop ``slowness`` times, notes who was there."""

    address = "scripted"
    failures: Counter[str] = field(default_factory=Counter)
    slowness: Counter[str] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)
    present: int = 0
    most_present: int = 0

    async def send(self, envelope: Envelope) -> Receipt:
        self.present += 1
        self.most_present = max(self.most_present, self.present)
        name = envelope.event.get_id()
        for _ in range(1 + self.slowness[name]):
            await asyncio.sleep(0)
        self.present -= 1
        if envelope.attempt < self.failures[name]:
            raise SinkUnavailableError("503")
        self.accepted.append(name)
        return Receipt()


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
        dispatcher = make_dispatcher(sink, window=window)
        for n, lane in enumerate(lanes):
            await dispatcher.submit(make_envelope(str(n), lane, partial(acknowledged.append, str(n))))
        return await dispatcher.drain(10)

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

        async def send(self, envelope: Envelope) -> Receipt:
            answer = answers[envelope.attempt]
            if answer is not None:
                raise answer
            return Receipt()

    async def note(seconds: float) -> None:
        delays.append(seconds)

    async def deliver() -> None:
        backoff = Backoff(base=1.0, longest=30.0, random=lambda: 1.0 if len(delays) < 7 else 0.0)
        dispatcher = make_dispatcher(Answering(), window=1, backoff=backoff, sleep=note)
        await dispatcher.submit(make_envelope("1", "a"))
        assert await dispatcher.drain(10) == 0

    asyncio.run(deliver())
    assert delays == [1, 2, 4, 8, 16, 30, 30, 12, 30]


def test_a_failing_object_holds_up_nobody_until_the_window_is_full_and_then_reading() -> None:
    class OneObjectFails:
        address = "here"
        accepted: list[str]

        def __init__(self) -> None:
            self.accepted = []

        async def send(self, envelope: Envelope) -> Receipt:
            if envelope.event.get_id().startswith("bad"):
                raise SinkUnavailableError("503")
            self.accepted.append(envelope.event.get_id())
            return Receipt()

    async def deliver() -> None:
        sink = OneObjectFails()
        dispatcher = make_dispatcher(sink, window=3)
        await dispatcher.submit(make_envelope("bad1", "x"))
        await dispatcher.submit(make_envelope("bad2", "x"))
        for n in range(20):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}"))
        assert sink.accepted == [str(n) for n in range(19)]  # the last has had no turn yet
        await dispatcher.submit(make_envelope("bad3", "x"))
        held_up = asyncio.create_task(dispatcher.submit(make_envelope("20", "y")))
        for _ in range(50):
            await asyncio.sleep(0)
        assert not held_up.done()
        held_up.cancel()
        assert await dispatcher.drain(0) == 3

    asyncio.run(deliver())


def test_a_drain_gives_up_after_its_time_and_acknowledges_nothing_more() -> None:
    acknowledged: list[str] = []

    class Hanging:
        address = "here"

        async def send(self, envelope: Envelope) -> Receipt:
            await asyncio.Event().wait()
            return Receipt()

    async def deliver() -> int:
        dispatcher = make_dispatcher(Hanging())
        await dispatcher.submit(make_envelope("1", "a", lambda: acknowledged.append("1")))
        await dispatcher.submit(make_envelope("2", "a", lambda: acknowledged.append("2")))
        return await dispatcher.drain(0.01)

    assert asyncio.run(deliver()) == 2
    assert acknowledged == []
