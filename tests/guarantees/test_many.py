"""The promise over many: several adapters share several vCenters; nothing is lost or out of order, and few come twice.

Adapters, simulated vCenters and the sink are processes of their own; the API server is that of these tests.
"""

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarantees.many import WINDOW, Many, run_many
from tests.guarantees.verification import prove
from tests.support.waiting import eventually

SEED = 20_261_128
LONG = pytest.mark.guarantees


@pytest.fixture
def many(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Many]:
    """Its parameter is how many vCenters there are."""
    with run_many(tmp_path, *(f"vc{number}" for number in range(1, getattr(request, "param", 3) + 1))) as made:
        yield made


def name_anew(name: str) -> str:
    """The name of the pod that a Deployment starts in place of this one: b2 after b1."""
    return f"{name[0]}{int(name[1:]) + 1}"


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("many", "adapters", "kills", "events"),
    [
        pytest.param(3, 2, 3, 40, id="3 kills"),
        pytest.param(9, 3, 20, 50, id="20 kills", marks=LONG),
    ],
    indirect=["many"],
)
def test_killed_at_random_among_several(many: Many, adapters: int, kills: int, events: int) -> None:
    """Before each kill, so many events happen in each vCenter. A killed adapter is started anew at once.

    Per kill and vCenter that the killed one has read, at most two windows come twice: what was in flight, and what was
    acknowledged since the last save, which is one more at the pace of this sink.
    """
    chance, killed = random.Random(SEED), []
    many.sink.behave(delay=0.1)
    running = [f"{letter}1" for letter in "abc"[:adapters]]
    for name in running:
        many.adapter(name)
    for _ in range(kills):
        many.post(events)
        many.deliver(chance.randint(1, many.due() - many.sink.acknowledged()))
        victim = running.pop(chance.randrange(adapters))
        many.adapters[victim].end(signal.SIGKILL)
        killed.append(victim)
        running.append(name_anew(victim))
        many.adapter(running[-1])
    assert many.sink.acknowledged() < many.due(), "the last kill came too late to hit anything"
    many.sink.behave()
    verdict = many.settle()
    prove(verdict, duplicates=2 * WINDOW * many.count_ends(verdict, killed))
    assert len({each.sentby for each in verdict.requests} & set(killed)) * 2 >= kills, "who was killed had not begun"
    eventually(lambda: len(set(many.shares().values())) == adapters, many.outputs)


@LONG
@pytest.mark.parametrize("many", [4], indirect=True)
def test_adapters_that_join_and_leave_under_load(many: Many) -> None:
    """Each hand-over is in order: delivered, saved, released."""

    def share(*wanted: int) -> bool:
        many.post(3)
        return many.count_shares() == list(wanted)

    many.sink.behave(delay=0.05)
    many.adapter("a1")
    many.post(100)
    many.deliver(100)
    many.adapter("b1")
    eventually(lambda: share(2, 2), many.outputs)
    many.adapter("c1")
    eventually(lambda: share(1, 1, 2), many.outputs)
    assert many.adapters["a1"].end(signal.SIGTERM) == 0
    eventually(lambda: share(2, 2), many.outputs)
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    for name in many.vcenters:
        senders = many.senders(name)
        assert len(senders) == len(set(senders)), "two have sent at a time"


@LONG
def test_one_that_freezes_delivers_nothing_of_what_others_read_when_it_thaws(many: Many) -> None:
    many.sink.behave(delay=0.1)
    for name in ("a1", "b1"):
        many.adapter(name)
    many.post(10)
    eventually(lambda: many.count_shares() == [1, 2], many.outputs)
    shared = time.monotonic()  # until then, either may have sent what the other one's share is now
    many.post(400)
    eventually(lambda: ["a1"] in [many.senders(name, shared) for name in many.vcenters], many.outputs)
    os.kill(many.adapters["a1"].pid, signal.SIGSTOP)
    eventually(lambda: all(many.senders(name)[-1] == "b1" for name in many.vcenters), many.outputs)
    thawed = time.monotonic()
    os.kill(many.adapters["a1"].pid, signal.SIGCONT)
    many.adapters["a1"].wait_for("stopped delivering")
    eventually(lambda: many.count_shares() == [1, 2], many.outputs)
    many.post(100)
    many.deliver(200)
    many.sink.behave()
    prove(many.settle(), duplicates=2 * WINDOW * 2)
    since = [many.senders(name, thawed) for name in many.vcenters]
    assert all(senders in (["b1"], ["b1", "a1"]) for senders in since), since
    assert since.count(["b1", "a1"]) <= 1, "a share is handed back once"
