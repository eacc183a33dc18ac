"""The promise while VCENTERS_FILE changes, for good or by mistake: nothing is lost, and what is wrong is said."""

import json
import random
import shlex
import signal
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.guarantees.many import CHECKPOINT, WINDOW, Many, run_many
from tests.guarantees.verification import prove
from tests.support.many import make_entry
from tests.support.waiting import eventually

LONG = pytest.mark.guarantees
SEED = 20_261_128


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Many]:
    """Two adapters share three vCenters, and the sink is slow."""
    with run_many(tmp_path, "east", "north", "west") as made:
        made.sink.behave(delay=0.05)
        for name in ("a", "b"):
            made.adapter(name)
        made.post(30)
        eventually(lambda: made.count_shares() == [1, 2], made.outputs)
        yield made


def flow(many: Many) -> None:
    """Events happen in each vCenter, and some of them arrive."""
    many.post(20)
    many.deliver(20)


@LONG
def test_entries_that_come_and_go_while_events_flow(many: Many) -> None:
    east, north, west = (many.entry(name) for name in many.vcenters)
    gone = make_entry("gone", "http://127.0.0.1:9")
    many.write(gone, east | {"password": "wrong"}, north, west)
    for _ in range(5):
        flow(many)
    eventually(lambda: "127.0.0.1:9" in many.find_reason("gone", "vcenter"), many.outputs)
    flow(many)
    many.write(east, north)
    eventually(lambda: not many.checks("a", "west") and not many.checks("b", "west"), many.outputs)
    flow(many)
    many.write(west, gone, east, north)
    flow(many)
    many.write()
    many.sink.behave()
    prove(many.settle(), duplicates=0)


@LONG
@pytest.mark.parametrize("broken", ["", "[]", "- {name: east}"])
def test_a_secret_that_is_emptied_by_mistake_and_restored(many: Many, broken: str) -> None:
    """One adapter dies meanwhile. Another in its place has nothing to begin with; who runs on, reads all of them."""
    many.file.write_text(broken)
    for name in ("a", "b"):
        many.adapters[name].wait_for("the vCenters stay as they were")
        check = many.ask(name, "/readyz").json()["checks"]["vcenters file"]
        assert not check["ok"]
        assert check["why"].startswith("VCENTERS_FILE: ")
    flow(many)
    assert many.adapters["a"].end(signal.SIGTERM) == 0
    new = many.adapter("c")
    assert new.ended() == 2
    assert new.lines[-1].partition("VCENTERS_FILE: ")[1], new.output
    eventually(lambda: many.count_shares() == [3], many.outputs)
    flow(many)
    many.write()
    many.adapter("d")
    eventually(lambda: many.count_shares() == [1, 2], many.outputs)
    flow(many)
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    eventually(lambda: many.ask("b", "/readyz").json()["checks"]["vcenters file"]["ok"], many.outputs)


@LONG
def test_a_vcenter_that_is_replaced_by_another_under_the_same_name(many: Many) -> None:
    """First by mistake, and then for good: /readyz names the command after which the new one is read.

    The command comes when all adapters have read the file. One that has not would begin anew with the first vCenter.
    """
    many.add_vcenters("new")
    new = many.vcenters.pop("new")
    entries = [many.entry("east", url=new.simulator.url), many.entry("north"), many.entry("west")]
    words = "was kept for the vCenter with instance uuid"
    many.write(*entries)
    many.post(20)
    eventually(lambda: words in many.find_reason("east", "vcenter"), many.outputs)
    many.write()
    prove(many.settle(), duplicates=0)
    many.vcenters["new"] = new
    del many.vcenters["east"]
    replace_file(many, *entries)
    flow(many)
    eventually(lambda: words in many.find_reason("east", "vcenter"), many.outputs)
    assert new.requests() == []
    remove_checkpoint(many, many.find_reason("east", "vcenter").partition(" -p ")[2])
    flow(many)
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    assert many.names_of("new") == {"east"}


def replace_file(many: Many, *entries: Mapping[str, str]) -> None:
    """Write the file, and wait until each adapter has read it."""
    words = "vCenters in the file"
    seen = {name: len(adapter.saying(words)) for name, adapter in many.adapters.items()}
    many.write(*entries)
    for name, adapter in many.adapters.items():
        adapter.wait_for(words, times=seen[name] + 1)


def remove_checkpoint(many: Many, patch: str) -> None:
    """What kubectl does with a merge patch, as far as the command needs it."""
    assert json.loads(shlex.split(patch)[0]) == {"data": {"east.json": None}}
    found = many.api.get("configmaps", CHECKPOINT)
    assert found is not None
    del found["data"]["east.json"]
    many.api.put("configmaps", CHECKPOINT, found)


@LONG
@pytest.mark.timeout(300)
def test_killed_while_entries_are_renamed_removed_and_broken(many: Many) -> None:
    """Only kills make events come twice: per kill and vCenter that the killed one has read, two windows at most."""
    chance, killed = random.Random(SEED), list[str]()
    names = {vcenter: vcenter for vcenter in many.vcenters}
    running = ["a", "b"]
    for step in range(40):
        many.post(10)
        listed = list(names)
        what = chance.choice(["kill", "rename", "remove", "break", "nothing"])
        if what == "rename":
            vcenter = chance.choice(listed)
            names[vcenter] = f"{vcenter}-{step}"
        elif what == "remove":
            listed.remove(chance.choice(listed))
        many.write(*(many.entry(vcenter, name=names[vcenter]) for vcenter in listed))
        if what == "break":
            many.file.write_text("")
        elif what == "kill":
            killed.append(running.pop(chance.randrange(2)))
            many.adapters[killed[-1]].end(signal.SIGKILL)
            running.append(f"{killed[-1][0]}{step}")
            many.adapter(running[-1]).wait_for("serving /healthz")  # before that, a broken file would end it
        time.sleep(chance.uniform(0, 2))
    many.write(*(many.entry(vcenter, name=name) for vcenter, name in names.items()))
    many.sink.behave()
    verdict = many.settle()
    prove(verdict, duplicates=2 * WINDOW * many.count_ends(verdict, killed))
    assert all(many.adapters[name].runs for name in running), many.outputs()
