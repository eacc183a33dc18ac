"""The promise: nothing is lost, order is kept per object, and duplicates are few, however the adapter ends.

What fails around it is in the files beside this one. The simulated vCenter, the sink and the adapter are processes of
their own. Each scenario prints what it has measured: pytest -s shows it. The long forms run with make guarantees.
"""

import random
import signal
import time

import pytest

from tests.guarantees.support import WINDOW, World
from tests.guarantees.verification import prove
from tests.support.waiting import eventually

SEED = 20_261_122
LONG = pytest.mark.guarantees


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("kills", "world"), [(5, 400), pytest.param(20, 2000, marks=LONG)], ids=["5", "20"], indirect=["world"]
)
def test_killed_at_random_moments(world: World, kills: int) -> None:
    """First among events a second apart, then where all lie within the overlap that a new collector reads again."""
    chance = random.Random(SEED)
    world.sink.behave(delay=0.02)
    world.simulator.post(50 * kills)
    for kill in range(kills):
        world.simulator.post(100)
        adapter = world.adapter()
        if kill % 7 == 3:  # while it begins: logged in, and the checkpoint about to be claimed
            adapter.wait_for("logged in")
            time.sleep(chance.uniform(0, 0.1))
        else:
            world.deliver(adapter, chance.randint(1, 250))
        adapter.end(signal.SIGKILL)
    assert world.sink.acknowledged() < len(world.expect()), "the last kill came too late to hit anything"
    world.sink.behave()
    world.adapter()
    prove(world.settle(), duplicates=kills * WINDOW)


def test_stopped_by_sigterm_in_mid_stream(world: World) -> None:
    chance = random.Random(SEED)
    world.sink.behave(delay=0.02)  # or all might be delivered before we look
    world.simulator.post(900)
    for _ in range(2):
        adapter = world.adapter()
        world.deliver(adapter, chance.randint(1, 200))
        assert adapter.end(signal.SIGTERM) == 0
        assert adapter.saying("undelivered=0")
    assert world.sink.acknowledged() < 900
    world.sink.behave()
    world.adapter()
    prove(world.settle(), duplicates=0)


@LONG
@pytest.mark.parametrize("world", [2200], indirect=True)
def test_a_long_backlog_after_a_restart(world: World) -> None:
    """START_FROM is left at "now", as most do; it must not hide what the checkpoint has not reached."""
    world.sink.behave(delay=0.1)  # slow enough that the session is gone before the third page is read
    adapter = world.adapter()
    world.deliver(adapter, 50)
    assert adapter.end(signal.SIGTERM) == 0
    adapter = world.adapter(START_FROM="now")
    for _ in range(3):
        world.deliver(adapter, 100)
        world.simulator.fault("expire-sessions")
    world.sink.behave()
    prove(world.settle(), duplicates=0)
    adapter.wait_for("logged in", times=2)


def test_two_adapters_at_once(world: World) -> None:
    world.simulator.post(1000)
    world.sink.behave(delay=0.3)  # the newer one takes a while to start
    older = world.adapter()
    world.deliver(older, 50)
    newer = world.adapter()
    newer.wait_for("reading events")
    assert older.ended() == 1
    assert "CHECKPOINT: another adapter has taken" in older.lines[-1]
    assert world.sink.acknowledged() < 1000
    assert newer.runs
    world.sink.behave()
    prove(world.settle(), duplicates=3 * WINDOW)


def test_a_disk_that_is_full_for_the_checkpoint(world: World) -> None:
    adapter = world.adapter()
    world.simulator.post(100)
    for times in (1, 2):
        world.settle()
        eventually(lambda: world.saved() == world.expect()[-1], lambda: adapter.output)
        adapter.limit_files(100)
        world.simulator.post(200)
        adapter.wait_for("checkpoint not saved, trying again", times=3 * times)
        world.settle()
        if times == 1:
            adapter.free_files()
    assert "File too large" in adapter.saying("checkpoint not saved")[0]
    prove(world.settle(), duplicates=0)
    adapter.end(signal.SIGKILL)
    world.adapter()
    world.simulator.post(1)
    eventually(lambda: world.sink.acknowledged() >= len(world.expect()))
    verdict = world.settle()
    prove(verdict, duplicates=200)
    assert verdict.duplicates == 200, "what was acknowledged while the disk was full, and nothing before"


@pytest.mark.guarantees
def test_a_disk_that_is_full_for_the_checkpoint_from_the_start(world: World) -> None:
    world.simulator.post(100)
    adapter = world.adapter("tests.support.full_disk", PYTHONDONTWRITEBYTECODE="1")
    adapter.wait_for("checkpoint not saved, trying again", times=3)
    prove(world.settle(), duplicates=0)
    assert world.saved() is None
    adapter.free_files()
    eventually(lambda: world.saved() == world.expect()[-1], lambda: adapter.output)
    adapter.end(signal.SIGKILL)
    adapter = world.adapter("tests.support.full_disk", PYTHONDONTWRITEBYTECODE="1")
    world.simulator.post(100)
    prove(world.settle(), duplicates=0)
    assert adapter.runs


@pytest.mark.guarantees
def test_a_wall_clock_that_runs_backwards(world: World) -> None:
    """The adapter's own clock decides nothing: only vCenter's is asked."""
    world.sink.behave(delay=0.05)
    world.simulator.post(400)
    adapter = world.adapter("tests.support.backward_clock")
    world.deliver(adapter, 50)
    assert adapter.lines[0].startswith("1999-"), adapter.output
    world.simulator.fault("expire-sessions")
    world.simulator.post(100)
    adapter.wait_for("logged in", times=2)
    world.deliver(adapter, 50)
    assert adapter.end(signal.SIGTERM) == 0
    world.sink.behave()
    world.simulator.post(200)
    world.adapter("tests.support.backward_clock")
    prove(world.settle(), duplicates=0)
