"""The promise while vCenter fails: nothing is lost or out of order, and the adapter goes on by itself."""

import signal
import time

import pytest

from tests.guarantees.support import World
from tests.guarantees.verification import prove

pytestmark = pytest.mark.usefixtures("protocol")


@pytest.mark.parametrize("seconds", [2, pytest.param(5, marks=pytest.mark.guarantees)])
def test_a_session_that_expires_every_second(world: World, seconds: int) -> None:
    adapter = world.adapter()
    adapter.wait_for("reading events")
    for second in range(1, seconds + 1):
        begun = time.monotonic()
        world.simulator.fault("expire-sessions")
        world.simulator.post(100)
        adapter.wait_for("logged in", times=second + 1)
        world.settle()
        time.sleep(max(0.0, begun + 1 - time.monotonic()))
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("logged in")) == seconds + 1


def test_connections_that_drop_and_answers_of_503(world: World) -> None:
    adapter = world.adapter()
    adapter.wait_for("reading events")
    for fault in ({"name": "drop-connections"}, {"name": "status", "status": 503}):
        world.simulator.fault(**fault, count=5, path="/sdk")
        world.simulator.post(100)
        world.settle()
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("reading failed")) >= 2


@pytest.mark.parametrize("blips", [12, pytest.param(40, marks=pytest.mark.guarantees)])
def test_a_network_that_drops_again_and_again_while_the_session_lives_on(world: World, blips: int) -> None:
    adapter = world.adapter()
    adapter.wait_for("reading events")
    for blip in range(1, blips + 1):
        world.simulator.fault("cut-connections", seconds=0.05)
        if blip % 4 == 0:
            world.simulator.fault("lose-answers", method="CreateCollectorForEvents")
        world.simulator.post(20)
        adapter.wait_for("reading failed", times=blip)
        world.settle()
        assert world.simulator.state()["sessions"] <= 1
    prove(world.settle(), duplicates=0)
    adapter.end(signal.SIGTERM)
    assert (world.simulator.state()["sessions"], world.simulator.state()["collectors"]) == (0, 0)


@pytest.mark.guarantees
def test_a_backlog_of_large_events_fits_into_the_memory_of_a_pod(world: World) -> None:
    world.simulator.fault("large-events", count=2000, bytes=100_000)
    adapter = world.adapter()
    prove(world.settle(), duplicates=0)
    assert adapter.peak() < 384, "MiB, the limit in config/knative"


def test_a_vcenter_that_is_restarted_and_another_in_its_place_meanwhile(world: World) -> None:
    adapter = world.adapter()
    for _ in range(2):
        world.simulator.post(300)
        world.deliver(adapter, 50)
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
        world.deliver(adapter, 30)
        world.simulator.fault("destroy-collectors")
    prove(world.settle(), duplicates=0)
    assert len(adapter.saying("logged in")) == 1
