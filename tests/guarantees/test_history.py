"""The promise while vCenter's history changes under the reader: nothing that it shows is lost, and a gap is told of."""

import signal
import time
from dataclasses import replace

import pytest

from tests.guarantees.support import WINDOW, World
from tests.guarantees.verification import prove
from tests.support.waiting import eventually
from vcenter_source.state.checkpoint import REMEMBERED

STEPS = [(3600, "destroy-collectors"), (5, "expire-sessions")]
"""Seconds that the clock goes back, and what makes the adapter look at it at once."""

pytestmark = pytest.mark.usefixtures("protocol")


@pytest.mark.parametrize(
    "steps", [STEPS, pytest.param([(20, "step-clock"), *STEPS], marks=pytest.mark.guarantees)], ids=["at once", "later"]
)
def test_a_vcenter_whose_clock_is_set_back(world: World, steps: list[tuple[int, str]]) -> None:
    """Nothing in the long form makes the adapter look when the first step is made: it does within ten seconds."""
    world.wanted = lambda event: event["key"] > 1  # the log-in before "now"
    adapter = world.adapter(START_FROM="now")
    adapter.wait_for("reading events")
    for seconds, fault in steps:
        world.simulator.post(200)
        world.settle()
        world.simulator.fault("step-clock", seconds=-seconds)
        world.simulator.post(200)
        world.simulator.fault(fault, seconds=0)
        world.settle()
    assert len(adapter.saying("vCenter's clock was set back by")) == len(steps)
    adapter.end(signal.SIGKILL)
    world.simulator.fault("step-clock", seconds=-600)
    world.simulator.post(200)
    world.adapter()
    verdict = world.settle()
    # What came before START_FROM comes too, where the clock is set back behind it: nothing tells it from what is new.
    assert {key for key, _ in [*verdict.foreign, *verdict.disordered]} <= {1}
    prove(replace(verdict, foreign=[], disordered=[]), duplicates=400 * len(steps) - REMEMBERED + WINDOW)


def test_a_span_of_hidden_events_longer_than_a_page(world: World) -> None:
    world.adapter()
    world.simulator.post(50)
    world.settle()
    world.simulator.fault("hide-events", count=2500)
    world.simulator.post(50)
    prove(world.settle(), duplicates=0, gaps=["hidden"])


def test_keys_that_are_rewound(world: World) -> None:
    world.adapter()
    world.simulator.post(150)
    world.settle()
    world.simulator.fault("rewind-keys", to=10)
    world.simulator.post(200)
    prove(world.settle(), duplicates=0, gaps=["rewound"])


def test_events_that_were_purged_while_nobody_read(world: World) -> None:
    adapter = world.adapter()
    world.simulator.post(100)
    world.settle()
    assert adapter.end(signal.SIGTERM) == 0
    world.simulator.post(100)
    world.simulator.fault("purge", keep=30)
    world.adapter()
    prove(world.settle(), duplicates=0, gaps=["purged"])


@pytest.mark.parametrize(("back", "killed"), [(120, False), (30, True)], ids=["running", "killed"])
def test_a_vcenter_that_is_restored_from_a_snapshot(world: World, back: int, killed: bool) -> None:
    """Its clock is behind and its keys are rewound, at once. Only what a checkpoint does not name comes twice."""
    adapter = world.adapter()
    world.simulator.post(400)
    world.settle()
    eventually(lambda: world.saved() == world.expect()[-1])
    if killed:
        adapter.end(signal.SIGKILL)
    world.simulator.fault("step-clock", seconds=-back)
    world.simulator.fault("rewind-keys", to=100)
    world.simulator.fault("expire-sessions")
    world.simulator.post(30)
    if killed:
        world.adapter()
    prove(world.settle(), duplicates=401 - REMEMBERED if killed else 0, gaps=["rewound"])


@pytest.mark.guarantees
def test_a_clock_that_is_set_back_behind_a_span_of_hidden_events(world: World) -> None:
    """A new collector has them all before what is new: it is read by one that ends before the span."""
    adapter = world.adapter()
    world.simulator.post(20)
    world.settle()
    world.simulator.fault("hide-events", count=2500)
    world.simulator.post(20)
    world.settle()
    before = len(adapter.saying("reading events"))
    world.simulator.fault("step-clock", seconds=-600)
    world.simulator.fault("destroy-collectors")
    world.simulator.post(90)
    prove(world.settle(), duplicates=0, gaps=["hidden"])
    time.sleep(3)  # in which it would make collectors without end; it searches the overlap once, in some 60 steps
    assert len(adapter.saying("reading events")) < before + 80, adapter.output


def test_an_event_that_is_stored_late(world: World) -> None:
    """It is read in any case, also by a collector that is made after that."""
    adapter = world.adapter(READ_OVERLAP="300")
    world.simulator.post(50)
    world.settle()
    for seconds in (100, 290):
        world.simulator.fault("late-events", seconds=seconds, count=3)
        world.simulator.fault("destroy-collectors")
        world.settle()
    adapter.end(signal.SIGTERM)
    world.simulator.fault("late-events", seconds=290, count=3)
    world.adapter(READ_OVERLAP="300")
    verdict = world.settle()
    assert (verdict.lost, verdict.duplicates, verdict.gaps) == ([], 0, [])
    assert len(adapter.saying("events are stored late")) == 1
