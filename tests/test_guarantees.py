"""The promise: nothing is lost, order is kept per object, and duplicates are few, whatever fails or is killed.

The simulated vCenter, the sink and the adapter are processes of their own. Each scenario prints what it has measured:
pytest -s shows it.
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import guarantees_support
from tests.guarantees_support import Adapter, Verdict, World, eventually, identity

pytestmark = pytest.mark.guarantees

SEED = 20_261_122
WINDOW = 64
"""MAX_IN_FLIGHT by default: what may be on its way when something ends."""


@pytest.fixture
def world(tmp_path: Path, backlog: int) -> Iterator[World]:
    with guarantees_support.world(tmp_path, "--backlog", str(backlog)) as made:
        yield made


@pytest.fixture
def backlog() -> int:
    """How many events, a second apart, the vCenter begins with."""
    return 0


@pytest.fixture(scope="module")
def steady_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Adapter]]:
    with guarantees_support.world(tmp_path_factory.mktemp("steady")) as made:
        yield made, made.adapter(SINK_TIMEOUT="0.3", RETRY_MAX_DELAY="1")


@pytest.fixture
def steady(steady_world: tuple[World, Adapter]) -> Iterator[tuple[World, Adapter]]:
    """One adapter that goes through all that it must survive. It begins each time with nothing on its way."""
    world, adapter = steady_world
    world.begin()
    yield world, adapter
    assert adapter.runs, adapter.output


@pytest.fixture(autouse=True)
def duration(request: pytest.FixtureRequest) -> Iterator[None]:
    begun = time.monotonic()
    yield
    say(f"{time.monotonic() - begun:5.1f} s  {request.node.name}")


def say(words: str) -> None:
    print(words)  # noqa: T201  pytest shows it with -s, or beside a failure


def prove(verdict: Verdict, *, duplicates: int, gaps: tuple[str, ...] = ()) -> None:
    """Nothing lost, all in order, at most so many duplicates, and no more gaps told of than these."""
    say(f"\n{verdict.due} events, {verdict.duplicates} duplicates (at most {duplicates} allowed)")
    assert verdict.lost == []
    assert verdict.foreign == []
    assert verdict.disordered == []
    assert verdict.duplicates <= duplicates
    assert verdict.gaps == list(gaps)


def deliver(world: World, adapter: Adapter, count: int) -> None:
    """Wait until so many more events are acknowledged; the adapter has not ended, and there are still more."""
    enough = world.sink.acknowledged() + count
    eventually(lambda: world.sink.acknowledged() >= enough, lambda: adapter.output)
    assert adapter.runs, adapter.output


# The adapter ends


@pytest.mark.timeout(180)
@pytest.mark.parametrize("backlog", [2000], ids=str)
def test_killed_at_random_moments(world: World) -> None:
    """First among events of half an hour, then where all lie within the overlap that a new collector reads again."""
    chance, kills = random.Random(SEED), 20
    world.sink.behave(delay=0.005)
    world.simulator.post(1000)
    for kill in range(kills):
        world.simulator.post(100)
        adapter = world.adapter()
        if kill in {7, 15}:  # while it begins: logged in, and the checkpoint about to be claimed
            adapter.wait_for("logged in")
            time.sleep(chance.uniform(0, 0.1))
        else:
            deliver(world, adapter, chance.randint(1, 250))
        adapter.end(signal.SIGKILL)
    assert world.sink.acknowledged() < 5000, "the last kill came too late to hit anything"
    world.adapter()
    prove(world.settle(), duplicates=kills * WINDOW)


def test_stopped_by_sigterm_in_mid_stream(world: World) -> None:
    chance = random.Random(SEED)
    world.simulator.post(900)
    for _ in range(2):
        adapter = world.adapter()
        deliver(world, adapter, chance.randint(1, 200))
        assert adapter.end(signal.SIGTERM) == 0
        assert adapter.saying("undelivered=0")
    assert world.sink.acknowledged() < 900
    world.adapter()
    prove(world.settle(), duplicates=0)


@pytest.mark.parametrize("backlog", [1200], ids=str)
def test_a_long_backlog_after_a_restart(world: World) -> None:
    """START_FROM is left at "now", as most do; it must not hide what the checkpoint has not reached."""
    adapter = world.adapter()
    deliver(world, adapter, 50)
    assert adapter.end(signal.SIGTERM) == 0
    adapter = world.adapter(START_FROM="now")
    for _ in range(3):
        deliver(world, adapter, 100)
        world.simulator.fault("expire-sessions")
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("logged in")) > 1


# The sink fails


def test_a_sink_that_is_down(world: World) -> None:
    world.simulator.post(600)
    adapter = world.adapter(RETRY_MAX_DELAY="1")
    deliver(world, adapter, 50)
    world.sink.behave(kind="down")
    before = world.sink.acknowledged()
    time.sleep(10)
    assert world.sink.acknowledged() == before < 600
    world.sink.behave()
    prove(world.settle(), duplicates=WINDOW)
    assert world.letters() == []


@pytest.mark.parametrize(
    "behaviour",
    [
        {"kind": "answer", "status": 500, "every": 3},
        {"kind": "hang", "every": 15},
        {"kind": "cut", "every": 10},
        {"kind": "answer", "status": 429, "headers": {"Retry-After": "1"}, "every": 10, "first": 120},
    ],
    ids=["500 for every third", "hangs", "closes in mid-answer", "429 with Retry-After"],
)
def test_a_sink_that_misbehaves(steady: tuple[World, Adapter], behaviour: dict[str, Any]) -> None:
    world, _ = steady
    world.sink.behave(**behaviour)
    world.simulator.post(150)
    verdict = world.settle()
    prove(verdict, duplicates=0)
    failed = [each for each in verdict.requests if each.status != 202]
    tries = Counter(map(identity, verdict.requests))
    say(f"{len(failed)} failures; the sink saw {sum(tries.values()) - len(tries)} requests more than events")
    assert len(failed) >= 10
    assert sum(tries.values()) - len(tries) == len(failed), "what has not failed is not sent again"
    if "headers" in behaviour:
        again = {identity(each): each.at for each in verdict.requests}
        assert min(again[identity(each)] - each.at for each in failed) > 0.99, "Retry-After: 1 was not waited for"


def test_an_event_that_the_sink_always_refuses(steady: tuple[World, Adapter]) -> None:
    world, _ = steady
    newest = world.simulator.held()[-1]["key"]
    refused = [newest + 17, newest + 23, newest + 150]
    world.sink.behave(kind="answer", status=400, ids=list(map(str, refused)))
    world.simulator.post(240)
    prove(world.settle(), duplicates=0)
    assert sorted(key for key, _ in world.letters()) == refused


# vCenter fails


def test_a_session_that_expires_every_second(steady: tuple[World, Adapter]) -> None:
    world, adapter = steady
    before = len(adapter.saying("logged in"))
    for second in range(1, 6):
        begun = time.monotonic()
        world.simulator.fault("expire-sessions")
        world.simulator.post(100)
        adapter.wait_for("logged in", times=before + second)
        world.settle()
        time.sleep(max(0.0, begun + 1 - time.monotonic()))
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("logged in")) == before + 5


def test_connections_that_drop_and_answers_of_503(steady: tuple[World, Adapter]) -> None:
    world, adapter = steady
    before = len(adapter.saying("reading failed"))
    for fault in ({"name": "drop-connections"}, {"name": "status", "status": 503}):
        world.simulator.fault(**fault, count=5, path="/sdk")
        world.simulator.post(100)
        world.settle()
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("reading failed")) >= before + 2


def test_a_vcenter_that_is_restarted_and_another_in_its_place_meanwhile(world: World) -> None:
    adapter = world.adapter()
    for _ in range(2):
        world.simulator.post(300)
        deliver(world, adapter, 50)
        failures, logins = len(adapter.saying("reading failed")), len(adapter.saying("logged in"))
        world.simulator.end()
        adapter.wait_for("reading failed", times=failures + 1)
        world.start_simulator()
        adapter.wait_for("logged in", times=logins + 1)
    world.settle()
    world.simulator.end()
    world.start_simulator("--backlog", "50")
    adapter.wait_for("is another vCenter", times=2)
    world.simulator.end()
    world.start_simulator()
    world.simulator.post(50)
    prove(world.settle(), duplicates=0)
    assert adapter.runs


def test_collectors_that_are_destroyed(world: World) -> None:
    world.wanted = lambda event: event["class"] in {"VmPoweredOnEvent", "TaskEvent"}
    world.sink.behave(delay=0.01)
    adapter = world.adapter(EVENT_TYPES="VmPoweredOnEvent,TaskEvent")
    for times in range(1, 6):
        adapter.wait_for("reading events", times=times)
        world.simulator.post(200)
        deliver(world, adapter, 30)
        world.simulator.fault("destroy-collectors")
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("logged in")) == 1


# The disk fails


def test_a_disk_that_is_full_for_the_checkpoint(world: World) -> None:
    adapter = world.adapter()
    world.simulator.post(100)
    world.settle()
    for times in (1, 2):
        adapter.limit_files(100)
        world.simulator.post(200)
        adapter.wait_for("checkpoint not saved, trying again", times=3 * times)
        world.settle()
        if times == 1:
            adapter.free_files()
            eventually(lambda: world.saved() == world.expect()[-1], lambda: adapter.output)
    assert "File too large" in adapter.saying("checkpoint not saved")[0]
    prove(world.settle(), duplicates=0)
    adapter.end(signal.SIGKILL)
    world.adapter()
    world.simulator.post(1)
    eventually(lambda: world.sink.acknowledged() >= len(world.expect()))
    verdict = world.settle()
    prove(verdict, duplicates=200)
    assert verdict.duplicates == 200, "what was acknowledged while the disk was full, and nothing before"


# Clocks


def test_a_wall_clock_that_runs_backwards(world: World) -> None:
    """The adapter's own clock decides nothing: only vCenter's is asked."""
    world.simulator.post(400)
    adapter = world.adapter("tests.backward_clock", "run")
    deliver(world, adapter, 50)
    assert adapter.lines[0].startswith("1999-"), adapter.output
    world.simulator.fault("expire-sessions")
    deliver(world, adapter, 50)
    assert adapter.end(signal.SIGTERM) == 0
    world.simulator.post(200)
    world.adapter("tests.backward_clock", "run")
    prove(world.settle(), duplicates=0)


def test_a_vcenter_whose_clock_is_set_back(world: World) -> None:
    world.wanted = lambda event: event["key"] > 1  # the log-in before "now"
    adapter = world.adapter(START_FROM="now")
    adapter.wait_for("reading events")
    for seconds, fault in ((20, "step-clock"), (3600, "destroy-collectors"), (5, "expire-sessions")):
        world.simulator.post(200)
        world.settle()
        world.simulator.fault("step-clock", seconds=-seconds)
        world.simulator.post(200)
        world.simulator.fault(fault, seconds=0)
        world.settle()
    assert len(adapter.saying("vCenter's clock was set back by")) == 3
    adapter.end(signal.SIGKILL)
    world.simulator.fault("step-clock", seconds=-600)
    world.simulator.post(200)
    world.adapter()
    prove(world.settle(), duplicates=200 + WINDOW)


# Two adapters at once


def test_two_adapters_at_once(world: World) -> None:
    world.simulator.post(1000)
    world.sink.behave(delay=0.02)
    older = world.adapter()
    deliver(world, older, 50)
    newer = world.adapter()
    newer.wait_for("reading events")
    begun = time.monotonic()
    assert older.ended() == 1
    took = time.monotonic() - begun
    assert "CHECKPOINT: another adapter has taken" in older.lines[-1]
    say(f"the older one ended {took:.2f} s after the newer one read")
    assert world.sink.acknowledged() < 1000
    assert newer.runs
    prove(world.settle(), duplicates=3 * WINDOW)


# Events that are missing


def test_a_span_of_hidden_events_longer_than_a_page(steady: tuple[World, Adapter]) -> None:
    world, _ = steady
    world.simulator.post(50)
    world.simulator.fault("hide-events", count=2500)
    world.simulator.post(50)
    prove(world.settle(), duplicates=0, gaps=("hidden",))


def test_keys_that_are_rewound(steady: tuple[World, Adapter]) -> None:
    world, _ = steady
    world.simulator.post(150)
    world.settle()
    world.simulator.fault("rewind-keys", to=10)
    world.simulator.post(200)
    prove(world.settle(), duplicates=0, gaps=("rewound",))


def test_events_that_were_purged_while_nobody_read(world: World) -> None:
    adapter = world.adapter()
    world.simulator.post(100)
    world.settle()
    assert adapter.end(signal.SIGTERM) == 0
    world.simulator.post(100)
    world.simulator.fault("purge", keep=30)
    world.adapter()
    prove(world.settle(), duplicates=0, gaps=("purged",))
