"""What the log says about a sink that is down: once when it begins, once a minute, once when it ends."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, MutableMapping
from typing import Any

import structlog
from structlog.testing import capture_logs

from tests.support.clock import Clock
from tests.support.dispatcher import EXACT, Box, make_envelope
from tests.support.virtual_time import run_virtually
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.sink_log import SinkLog
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.state.dead_letters import NoDeadLetters

BEGINS = "sink did not accept the event, trying again"
GOES_ON = "sink still does not accept events, trying again"
OTHERS_PASS = "sink accepts other events, but not this one, trying again"
ENDS = "sink accepts events again"
DOWN = SinkUnavailableError("503: away", status=503)

Line = MutableMapping[str, Any]


class Outage:
    """A sink that fails until a time, and events whose name begins with ``bad`` until another, in virtual seconds."""

    address = "http://sink/"

    def __init__(self, until: float, bad_until: float = 0.0, failure: Exception = DOWN) -> None:
        self.until = until
        self.bad_until = bad_until
        self.failure = failure
        self.tries = 0

    async def send(self, envelope: Envelope) -> Receipt:
        until = self.bad_until if envelope.event.get_id().startswith("bad") else self.until
        if asyncio.get_running_loop().time() < 1000.0 + until:
            self.tries += 1
            raise self.failure
        return Receipt()


def make(sink: Outage, sink_log: SinkLog | None = None, **policy: Any) -> Dispatcher:
    clock = asyncio.get_running_loop().time
    retry = RetryPolicy(Backoff(longest=30.0, random=lambda: 1.0), clock=clock, **policy)
    letters = Box() if policy else NoDeadLetters()
    return Dispatcher(sink, letters, max_in_flight=64, retry=retry, sink_log=sink_log)


def logged(work: Coroutine[Any, Any, Any]) -> list[Line]:
    """What is logged meanwhile, above debug."""
    with capture_logs() as lines:
        run_virtually(work)
    return [line for line in lines if line["log_level"] != "debug"]


def test_an_outage_of_104_seconds_with_64_events_is_three_lines() -> None:
    sink = Outage(until=104)

    async def deliver() -> None:
        dispatcher = make(sink)
        for n in range(64):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}"))
        assert await dispatcher.drain(600) == 0

    begins, goes_on, ends = logged(deliver())
    assert sink.tries > 300
    assert (begins["event"], begins["log_level"], begins["event_id"]) == (BEGINS, "warning", "0")
    assert (begins["sink"], begins["reason"]) == ("http://sink/", "503: away")
    assert (goes_on["event"], goes_on["log_level"], goes_on["waiting"]) == (GOES_ON, "warning", 64)
    assert 60 <= goes_on["seconds"] < 95
    assert (goes_on["reason"], goes_on["event_id"]) == ("503: away", "0")
    assert (ends["event"], ends["log_level"], ends["failed_tries"]) == (ENDS, "info", sink.tries)
    assert 104 <= ends["seconds"] < 140


def test_each_try_is_at_debug() -> None:
    sink = Outage(until=20)

    async def deliver() -> None:
        dispatcher = make(sink)
        await dispatcher.submit(make_envelope("1", "a"))
        assert await dispatcher.drain(600) == 0

    with capture_logs() as lines:
        run_virtually(deliver())
    assert Counter(line["log_level"] for line in lines if line["event"] == BEGINS) == {
        "warning": 1,
        "debug": sink.tries - 1,
    }


def test_one_event_that_fails_while_others_pass_is_named_each_minute() -> None:
    async def deliver() -> None:
        dispatcher = make(Outage(until=0, bad_until=300))
        await dispatcher.submit(make_envelope("bad1", "x"))
        await dispatcher.submit(make_envelope("bad2", "y"))
        for n in range(300):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}"))
            await asyncio.sleep(1)
        assert await dispatcher.drain(600) == 0

    begins, *middle, ends = logged(deliver())
    assert (begins["event"], ends["event"]) == (BEGINS, ENDS)
    assert {line["event"] for line in middle} == {OTHERS_PASS}
    assert 3 <= len(middle) <= 5
    for line in middle:
        assert (line["event_id"], line["more_event_ids"], line["waiting"]) == ("bad1", ["bad2"], 2)
        assert line["accepted"] > 30


def test_a_sink_that_fails_now_and_then_is_no_more_than_two_lines_a_minute() -> None:
    class Flaky(Outage):
        async def send(self, envelope: Envelope) -> Receipt:
            if not envelope.attempt and int(envelope.event.get_id()) % 3 == 0:
                raise self.failure
            return Receipt()

    async def deliver() -> None:
        dispatcher = make(Flaky(until=0))
        for n in range(600):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}"))
            await asyncio.sleep(1)
        assert await dispatcher.drain(600) == 0

    lines = logged(deliver())
    assert {line["event"] for line in lines} == {BEGINS, ENDS}
    assert 10 <= len(lines) <= 20


def test_another_kind_of_failure_is_said_at_once() -> None:
    sink = Outage(until=140)

    async def deliver() -> None:
        dispatcher = make(sink)
        await dispatcher.submit(make_envelope("1", "a"))
        await asyncio.sleep(5)
        sink.failure = SinkAccessError("401: who are you", status=401)
        assert await dispatcher.drain(600) == 0

    assert [line["event"] for line in logged(deliver())] == [
        BEGINS,
        "sink refuses access; the event waits until the sink accepts events again",
        GOES_ON,
        ENDS,
    ]


def test_several_vcenters_share_the_lines_of_their_sink() -> None:
    async def deliver() -> None:
        sink = Outage(until=104)
        shared = SinkLog(sink.address, asyncio.get_running_loop().time)

        async def read(vcenter: str) -> None:
            structlog.contextvars.bind_contextvars(vcenter=vcenter)
            dispatcher = make(sink, shared)
            await dispatcher.submit(make_envelope(vcenter, "a"))
            assert await dispatcher.drain(600) == 0

        async with asyncio.TaskGroup() as tasks:
            for n in range(50):
                tasks.create_task(read(f"vc{n}"))

    lines = logged(deliver())
    assert [line["event"] for line in lines] == [BEGINS, GOES_ON, ENDS]
    assert (lines[1]["vcenter"], lines[1]["event_id"], lines[1]["waiting"]) == ("vc0", "vc0", 50)


def test_an_event_that_is_given_up_waits_no_more_and_the_end_comes_with_the_next_one_accepted() -> None:
    async def deliver() -> None:
        dispatcher = make(Outage(until=40), duration=30.0)
        await dispatcher.submit(make_envelope("late", "a"))
        await asyncio.sleep(60)
        await dispatcher.submit(make_envelope("next", "a"))
        assert await dispatcher.drain(600) == 0

    assert [line["event"] for line in logged(deliver())] == [
        BEGINS,
        "sink refused the event, it is a dead letter now",
        ENDS,
    ]


def test_what_no_dead_letter_can_store_is_said_once_a_minute_too() -> None:
    async def deliver() -> None:
        dispatcher = make(Outage(until=100, failure=EventRefusedError("400: no", status=400)))
        await dispatcher.submit(make_envelope("1", "a"))
        assert await dispatcher.drain(600) == 0

    begins, goes_on, ends = logged(deliver())
    assert begins["event"] == "sink refused the event and no dead letter can store it, trying again"
    assert (goes_on["event"], ends["event"]) == (GOES_ON, ENDS)
    assert "DEAD_LETTER_SINK" in begins["dead_letter"] == goes_on["dead_letter"]


def test_a_pipeline_that_stops_leaves_nothing_behind_that_waits() -> None:
    clock = Clock()
    shared = SinkLog("http://sink/", clock)

    async def stop() -> None:
        retry = RetryPolicy(EXACT, clock=clock)
        dispatcher = Dispatcher(Outage(until=9e9), NoDeadLetters(), max_in_flight=2, retry=retry, sink_log=shared)
        await dispatcher.submit(make_envelope("stopped", "a"))
        assert await dispatcher.drain(0.5) == 1

    with capture_logs() as lines:
        run_virtually(stop())
        clock.now += 100
        shared.note_failure(BEGINS, make_envelope("other", "a"), DOWN, 1.0)
    (repeated,) = [line for line in lines if line["event"] == GOES_ON]
    assert (repeated["event_id"], repeated["waiting"]) == ("other", 1)
