"""The promise while the sink fails: nothing is lost or out of order, and what has not failed is not sent again."""

import time
from collections import Counter
from typing import Any

import pytest

from tests.guarantees.sink import Request
from tests.guarantees.support import WINDOW, World
from tests.guarantees.verification import Verdict, identity, prove
from tests.support.waiting import eventually


@pytest.mark.parametrize("seconds", [2, pytest.param(10, marks=pytest.mark.guarantees)])
def test_a_sink_that_is_down(world: World, seconds: int) -> None:
    world.sink.behave(delay=0.02)  # or all might be delivered before we look
    world.simulator.post(600)
    adapter = world.adapter(RETRY_MAX_DELAY="1")
    world.deliver(adapter, 50)
    world.sink.behave(kind="down")
    before = world.sink.acknowledged()
    time.sleep(seconds)
    assert world.sink.acknowledged() == before < 600
    world.sink.behave()
    prove(world.settle(), duplicates=WINDOW)
    assert world.letters() == []


def failures(verdict: Verdict) -> list[Request]:
    """The requests that were not acknowledged. Each has been sent again, and nothing else has."""
    failed = [each for each in verdict.requests if each.status != 202]
    tries = Counter(map(identity, verdict.requests))
    assert sum(tries.values()) - len(tries) == len(failed) >= 10
    return failed


@pytest.mark.parametrize(
    "behaviour",
    [{"kind": "answer", "status": 500, "every": 3}, {"kind": "hang", "every": 15}, {"kind": "cut", "every": 10}],
    ids=["500 for every third", "hangs", "closes in mid-answer"],
)
def test_a_sink_that_misbehaves(world: World, behaviour: dict[str, Any]) -> None:
    world.sink.behave(**behaviour)
    world.simulator.post(150)
    world.adapter(SINK_TIMEOUT="0.3")
    verdict = world.settle()
    prove(verdict, duplicates=0)
    assert failures(verdict)


def test_a_sink_that_says_when_to_come_back(world: World) -> None:
    world.sink.behave(kind="answer", status=429, headers={"Retry-After": "1"}, every=10, first=120)
    world.simulator.post(150)
    world.adapter(RETRY_MAX_DELAY="1")
    verdict = world.settle()
    prove(verdict, duplicates=0)
    accepted = {identity(each): each.at for each in verdict.requests if each.status == 202}
    assert min(accepted[identity(each)] - each.at for each in failures(verdict)) > 0.99


def test_an_event_that_the_sink_always_refuses(world: World) -> None:
    world.simulator.post(240)
    refused = [world.simulator.held()[place]["key"] for place in (17, 23, 150)]
    world.sink.behave(kind="answer", status=400, ids=list(map(str, refused)))
    world.adapter()
    prove(world.settle(), duplicates=0)
    assert sorted(key for key, _ in world.letters()) == refused


def test_a_sink_that_turns_everybody_away_for_a_while(world: World) -> None:
    world.simulator.post(240)
    adapter = world.adapter()
    world.deliver(adapter, 50)
    world.sink.behave(kind="answer", status=403)
    world.simulator.post(200)
    tried = len(world.sink.requests())
    eventually(lambda: len(world.sink.requests()) > tried + 5 * WINDOW, lambda: adapter.output)
    assert world.letters() == []
    world.sink.behave()
    verdict = world.settle()
    prove(verdict, duplicates=0)
    assert world.letters() == []
    assert adapter.output.count("sink refuses access") <= 3


@pytest.mark.parametrize("status", [403, 500])
def test_an_event_that_fails_while_others_pass(world: World, status: int) -> None:
    world.simulator.post(240)
    poison = world.simulator.held()[23]["key"]
    world.sink.behave(kind="answer", status=status, ids=[str(poison)])
    adapter = world.adapter(POISON_MAX_TRIES="4")

    def is_given_up() -> bool:
        world.simulator.post(1)
        return len(world.letters()) > 0

    eventually(is_given_up, lambda: adapter.output)
    prove(world.settle(), duplicates=0)
    assert [key for key, _ in world.letters()] == [poison]


@pytest.mark.guarantees
@pytest.mark.timeout(120)
def test_a_sink_that_gives_no_answer_for_long_is_told_of(world: World) -> None:
    world.sink.behave(kind="hang")
    world.simulator.post(80)
    adapter = world.adapter()
    eventually(lambda: "events wait for the sink" in adapter.output, lambda: adapter.output)
    line = next(line for line in adapter.output.splitlines() if "events wait for the sink" in line)
    assert all(words in line for words in ("waiting=64", "no answer yet", "event_id=", "seconds=3")), line
