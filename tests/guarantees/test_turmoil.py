"""The promise where all goes wrong at once: kills, steps of the clock, rewound keys, hidden spans and late events."""

import random
import signal

import pytest

from tests.guarantees.process import Adapter
from tests.guarantees.support import World
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("protocol")

SEED = 20_261_127
OVERLAP = 900.0
DISTURBANCES = ["nothing", "clock", "keys", "both", "late", "late", "expiry", "hidden"]


def disturb(world: World, chance: random.Random) -> str:
    """Something happens to vCenter's history. Returns what."""
    what = chance.choice(DISTURBANCES)
    if what in {"clock", "both"}:
        world.simulator.fault("step-clock", seconds=-chance.choice([0.5, 2.0]))
    if what in {"keys", "both"}:
        world.simulator.fault("rewind-keys", to=chance.randint(-1000, 1000))
    if what == "late":
        world.simulator.fault("late-events", seconds=chance.choice([0.1, 1.0, 60.0, 400.0]), count=3)
    if what == "hidden":
        world.simulator.fault("hide-events", count=5)
    if what == "expiry":
        world.simulator.fault("expire-sessions")
    return what


def deliver_some(world: World, adapter: Adapter, count: int) -> None:
    """Wait until so many more events are acknowledged, or all that there are; a session may have ended its start."""
    enough = min(world.sink.acknowledged() + count, len(world.expect()))

    def missing() -> str:
        return f"{world.verdict(world.expect()).lost[:5]} have not arrived\n{adapter.output}"

    eventually(lambda: not adapter.runs or world.sink.acknowledged() >= enough, missing)


def kill(adapter: Adapter) -> None:
    if adapter.runs:
        adapter.end(signal.SIGKILL)
    adapter.ended()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [pytest.param(5, id="5"), pytest.param(200, id="200", marks=pytest.mark.guarantees)])
def test_killed_while_clock_and_keys_go_back(world: World, kills: int) -> None:
    """The hidden spans are shorter than a page: a longer one is waited for, and has its own test.

    After each step of the clock, a restart repeats what its checkpoint does not name: at most all that there is.
    """
    chance, happened = random.Random(SEED), []
    for _ in range(kills):
        world.simulator.post(chance.randint(1, 30))
        happened.append(disturb(world, chance))
        adapter = world.adapter(READ_OVERLAP=str(OVERLAP))
        adapter.wait_for("reading events" if chance.random() < 0.9 else "logged in")
        happened.append(disturb(world, chance))
        world.simulator.post(chance.randint(1, 30))
        if chance.random() < 0.7:
            deliver_some(world, adapter, chance.randint(1, 40))
        kill(adapter)
    world.adapter(READ_OVERLAP=str(OVERLAP))
    verdict = world.settle()
    told = {reason: verdict.gaps.count(reason) for reason in set(verdict.gaps)}
    print(f"\n{kills} kills, {verdict.due} events, {verdict.duplicates} duplicates, gaps {told}")  # noqa: T201
    assert (verdict.lost, verdict.foreign) == ([], [])
    assert verdict.duplicates <= (kills + 1) * verdict.due
    assert "rewound" in told or not {"keys", "both"} & set(happened)
