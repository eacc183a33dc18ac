"""One event that fails while others get through: counted, and given up where that is wished for; else it is held."""

import asyncio
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from tests.support.dispatcher import EXACT, Box, make_envelope
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.observers import Observer
from vcenter_source.core.poison import MIN_OTHERS_PASSED, Suspicion, Traffic
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy

FORBIDDEN = SinkAccessError("403: no", status=403, body=b"no")
BROKEN = SinkUnavailableError("500: oh", status=500, body=b"oh")
CUT_OFF = SinkUnavailableError("it closed the connection without an answer")
TOO_MANY = SinkUnavailableError("429: slowly", status=429)


# --- what counts ---


def test_a_try_counts_only_where_another_began_after_the_last_failure_and_was_accepted_before_it() -> None:
    traffic, suspicion = Traffic(), Suspicion()

    def one_passes() -> None:
        traffic.accept(traffic.begin())

    def fails() -> int:
        suspicion.begin(traffic)
        traffic.begin()
        return suspicion.fail(traffic)

    assert fails() == 1
    assert [fails() for _ in range(20)] == [1] * 20, "nobody gets through"
    one_passes()
    assert fails() == 2
    assert fails() == 2, "nobody since"
    early = traffic.begin()
    assert fails() == 2
    traffic.accept(early)
    assert fails() == 2, "it was on its way already"
    suspicion.begin(traffic)
    one_passes()
    assert suspicion.fail(traffic) == 2, "it came after the try had begun"
    one_passes()
    assert fails() == 3
    suspicion.clear()
    assert fails() == 1


def test_where_all_else_stands_still_tries_count_after_many_got_through_but_not_while_others_fail_too() -> None:
    traffic, suspicion, other = Traffic(), Suspicion(), Suspicion()

    def fails(which: Suspicion) -> int:
        which.begin(traffic)
        traffic.begin()
        return which.fail(traffic)

    assert fails(suspicion) == 1
    for _ in range(MIN_OTHERS_PASSED):
        traffic.accept(traffic.begin())
    assert [fails(suspicion) for _ in range(3)] == [2, 3, 4], "nothing more is sent, so nothing can get through"
    assert fails(other) == 1
    assert [fails(suspicion) for _ in range(9)] == [4] * 9, "the sink may be away by now"
    traffic.accept(traffic.begin())
    assert fails(suspicion) == 5


def test_several_that_stand_alone_all_count() -> None:
    traffic, several = Traffic(), [Suspicion() for _ in range(3)]

    def fail() -> list[int]:
        for each in several:
            each.begin(traffic)
        return [each.fail(traffic) for each in several if traffic.begin()]

    assert fail() == [1, 1, 1]
    for _ in range(MIN_OTHERS_PASSED):
        traffic.accept(traffic.begin())
    assert [fail() for _ in range(2)] == [[2] * 3, [3] * 3]


# --- what becomes of it ---


class Picky:
    """Fails events whose name begins with ``bad`` with ``failure``, and all of them while it is ``closed``."""

    address = "http://sink/"

    def __init__(self, failure: Exception, *, closed: bool = False) -> None:
        self.failure = failure
        self.closed = closed
        self.accepted: list[str] = []
        self.tries = 0

    async def send(self, envelope: Envelope) -> Receipt:
        await asyncio.sleep(0)
        name = envelope.event.get_id()
        self.tries += name.startswith("bad")
        if self.closed or name.startswith("bad"):
            raise self.failure
        self.accepted.append(name)
        return Receipt()


class Noting(Observer):
    def __init__(self) -> None:
        self.turned = list[str]()

    def on_access_refused(self, reason: str) -> None:
        self.turned.append(reason)


async def turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


def delivered(
    sink: Picky, box: Box, others: int, *, max_tries: int | None = None, observer: Observer | None = None
) -> tuple[list[str], list[str]]:
    """One bad event, then others, each after the bad one was tried once more; who is given up, and who acknowledged."""
    acknowledged: list[str] = []

    async def deliver() -> None:
        retry = RetryPolicy(EXACT, poison_max_tries=max_tries, sleep=lambda _: turns(12))
        dispatcher = Dispatcher(sink, box, max_in_flight=8, retry=retry, observer=observer)

        def taken(name: str) -> Callable[[], None]:
            return lambda: acknowledged.append(name)

        await dispatcher.submit(make_envelope("bad", "x", taken("bad")))
        await turns(3)
        for n in range(others):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}", taken(str(n))))
            await turns(15)
        await turns(60)
        await dispatcher.drain(0)

    asyncio.run(deliver())
    return box.names, acknowledged


def test_what_speaks_of_the_way_goes_to_the_dead_letter_where_others_get_through() -> None:
    sink, box = Picky(FORBIDDEN), Box()
    letters, acknowledged = delivered(sink, box, others=12)
    assert letters == ["bad"]
    assert set(acknowledged) == {"bad", *map(str, range(12))}
    assert sink.tries == 5
    assert (box.reasons[0].status, box.reasons[0].message, box.reasons[0].body) == (403, "403: no", b"no")


def test_where_nothing_else_gets_through_it_holds_the_stream_with_one_line() -> None:
    sink, box, observer = Picky(FORBIDDEN, closed=True), Box(), Noting()
    with capture_logs() as lines:
        letters, acknowledged = delivered(sink, box, others=6, observer=observer)
    assert (letters, acknowledged, sink.accepted) == ([], [], [])
    assert sink.tries > 8
    (line,) = [line for line in lines if line["log_level"] != "debug"]
    assert (line["reason"], line["event_id"]) == ("403: no", "bad")
    assert "the event waits" in line["event"]
    assert set(observer.turned) == {"403: no"}


def test_once_the_way_is_open_again_each_event_goes_on() -> None:
    sink, box = Picky(FORBIDDEN, closed=True), Box()
    acknowledged: list[str] = []

    async def deliver() -> int:
        dispatcher = Dispatcher(sink, box, max_in_flight=8, retry=RetryPolicy(EXACT, sleep=lambda _: turns(9)))
        for n in range(8):
            await dispatcher.submit(make_envelope(str(n), f"lane{n}", lambda: acknowledged.append("x")))
        await turns(300)
        sink.closed = False
        return await dispatcher.drain(5)

    assert asyncio.run(deliver()) == 0
    assert (len(acknowledged), box.names) == (8, [])


@pytest.mark.parametrize("failure", [BROKEN, CUT_OFF], ids=["500", "no answer"])
def test_a_poison_event_is_given_up_after_its_tries_while_others_pass(failure: SinkUnavailableError) -> None:
    sink, box = Picky(failure), Box()
    letters, acknowledged = delivered(sink, box, others=10, max_tries=3)
    assert (letters, sink.tries) == (["bad"], 3)
    assert "bad" in acknowledged


def test_by_default_no_failure_that_may_pass_is_ever_given_up() -> None:
    sink, box = Picky(BROKEN), Box()
    letters, acknowledged = delivered(sink, box, others=20)
    assert (letters, "bad" in acknowledged) == ([], False)
    assert sink.tries > 15
    assert len(acknowledged) == 20


@pytest.mark.parametrize(("failure", "closed"), [(TOO_MANY, False), (BROKEN, True), (CUT_OFF, True)])
def test_what_speaks_of_the_pace_and_what_fails_for_all_is_nobodys_fault(failure: Exception, closed: bool) -> None:
    sink, box = Picky(failure, closed=closed), Box()
    letters, _ = delivered(sink, box, others=7, max_tries=2)
    assert (letters, sink.tries > 8) == ([], True)


def test_tries_that_fail_for_different_reasons_are_not_added_up() -> None:
    class Changing(Picky):
        async def send(self, envelope: Envelope) -> Receipt:
            self.failure = BROKEN if envelope.attempt % 2 else FORBIDDEN
            return await super().send(envelope)

    sink, box = Changing(BROKEN), Box()
    letters, _ = delivered(sink, box, others=20, max_tries=2)
    assert (letters, sink.tries > 10) == ([], True)


def test_a_refusal_of_the_event_itself_needs_no_others() -> None:
    sink, box = Picky(EventRefusedError("400", status=400)), Box()
    assert delivered(sink, box, others=0) == (["bad"], ["bad"])
    assert sink.tries == 1


def test_the_line_of_a_poison_event_says_that_others_got_through() -> None:
    with capture_logs() as lines:
        delivered(Picky(BROKEN), Box(), others=10, max_tries=3)
    (line,) = [line for line in lines if "dead letter" in line["event"]]
    assert (line["event_id"], line["tries"]) == ("bad", 3)
    assert "accepts other events" in line["why_now"]
