"""The promise while a deployment changes: from one vCenter to several, more adapters, other names."""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.guarantees.many import CHECKPOINT, WINDOW, Many, run_many
from tests.guarantees.verification import prove
from tests.support.waiting import eventually
from vcenter_source.state.checkpoint.configmap import KEY

LONG = pytest.mark.guarantees


@pytest.fixture
def many(tmp_path: Path) -> Iterator[Many]:
    """Its sink is slow: there is always something on its way."""
    with run_many(tmp_path, "east", "north", "west") as made:
        made.sink.behave(delay=0.1)
        yield made


WHY = "standby: waits until no adapter reads it as the vCenter of VCENTER_URL any more"


def is_told_of(many: Many) -> bool:
    """Whether one of the new adapters says why it does not read east."""
    return any(many.checks(name, "east").get("lease", {}).get("why") == WHY for name in ("a", "b"))


def is_saved(many: Many) -> bool:
    """Whether the adapter with VCENTER_URL has saved a checkpoint, which tells the others what it reads."""
    found = many.api.get("configmaps", CHECKPOINT) or {}
    return "instanceUuid" in found.get("data", {}).get(KEY, "")


def begin_update(many: Many) -> None:
    """Adapters of all three start beside one with VCENTER_URL, which goes on."""
    many.post(120)
    many.adapter_of_one("old", "east")
    eventually(lambda: is_saved(many), many.outputs)
    for name in ("a", "b"):
        many.adapter(name)
    eventually(lambda: is_told_of(many), many.outputs)
    eventually(lambda: many.senders("north") and many.senders("west"), many.outputs)
    assert many.senders("east") == ["old"]


@pytest.mark.parametrize("number", [signal.SIGTERM, pytest.param(signal.SIGKILL, marks=LONG)])
def test_from_one_vcenter_to_several(many: Many, number: signal.Signals) -> None:
    begin_update(many)
    many.post(60)
    many.deliver(60)
    code = many.adapters["old"].end(number)
    assert code == 0 or number is signal.SIGKILL
    many.post(60)
    many.sink.behave()
    prove(many.settle(), duplicates=0 if number is signal.SIGTERM else 2 * WINDOW)
    old, *new = many.senders("east")
    assert old == "old" not in new


@LONG
def test_from_a_pair_of_adapters_with_one_vcenter(many: Many) -> None:
    """The one that stood by may be the first to take over; at no time both deliver."""
    begin_update(many)
    many.adapter_of_one("standby", "east").wait_for("standing by")
    many.post(200)
    assert many.adapters["old"].end(signal.SIGTERM) == 0
    eventually(lambda: len(many.senders("east")) > 1, many.outputs)
    many.post(200)
    many.deliver(300)
    assert many.adapters["standby"].end(signal.SIGTERM) == 0
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    assert len(many.senders("east")) == len(set(many.senders("east"))), "two have delivered at a time"


@LONG
def test_an_adapter_that_has_nothing_else_is_ready_while_it_waits(many: Many) -> None:
    """Or the update would not go on, and the old one would never be stopped."""
    many.post(60)
    old = many.adapter_of_one("old", "east")
    eventually(lambda: is_saved(many), many.outputs)
    many.write(many.entry("east"))
    many.adapter("a", HEALTH_STALE_AFTER="0.5").wait_for("waiting until no adapter reads it")
    answer = many.ask("a", "/readyz").json()
    assert (answer["ready"], answer["vcenters"]["east"]["lease"]["why"]) == (True, WHY), answer
    assert answer["checks"]["lease"]["why"] == "leading for 0 of 1 vCenters"
    assert 'vcenter_source_leading{vcenter="east"} 0.0' in many.ask("a", "/metrics").text
    assert old.end(signal.SIGTERM) == 0
    eventually(lambda: many.senders("east") == ["old", "a"], many.outputs)
    many.sink.behave()
    eventually(lambda: many.checks("a", "east")["lease"]["why"] == "leading", many.outputs)


def rename_east(many: Many, *names: str, late: Path) -> None:
    """Events happen all the time; the file of one adapter changes later than that of another."""
    for name in names:
        many.write(many.entry("east", name=name), many.entry("north"), many.entry("west"))
        for _ in range(5):
            many.post(10)
            many.deliver(30)
        shutil.copy(many.file, late)
        many.post(50)
        many.deliver(150)


@pytest.mark.guarantees
def test_an_entry_that_is_renamed(many: Many) -> None:
    many.post(60)
    adapter = many.adapter("a", LEASE="")
    eventually(lambda: many.senders("east"), many.outputs)
    rename_east(many, "orient", "east", late=many.folder / "unused.yaml")
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    assert many.names_of("east") == {"east", "orient"}
    assert adapter.end(signal.SIGTERM) == 0


@LONG
def test_an_entry_that_is_renamed_while_another_adapter_has_the_old_file(many: Many) -> None:
    """The kubelet brings the new file to one adapter up to a minute later than to another."""
    late = many.folder / "late.yaml"
    shutil.copy(many.file, late)
    many.post(60)
    many.adapter("a")
    many.adapter("b", VCENTERS_FILE=str(late))
    eventually(lambda: many.count_shares() == [1, 2], many.outputs)
    rename_east(many, "orient", "levant", late=late)
    many.sink.behave()
    prove(many.settle(), duplicates=0)
    assert {"east", "levant"} <= many.names_of("east")
    assert [adapter.end(signal.SIGTERM) for adapter in many.adapters.values()] == [0, 0]
