"""The promise while vCenter's history changes under the reader: nothing that it shows is lost, and a gap is told of."""

import signal

import pytest

from tests.guarantees_judge import prove
from tests.guarantees_support import WINDOW, World

STEPS = [(3600, "destroy-collectors"), (5, "expire-sessions")]
"""Seconds that the clock goes back, and what makes the adapter look at it at once."""


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
    prove(world.settle(), duplicates=200 + WINDOW)


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
