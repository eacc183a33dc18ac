"""The Rust client vim_rs against the simulator: its authors run it on real vCenters. Needs cargo on PATH."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.vim_rs_reader import build, needs_cargo, read_events
from tests.support.pyvmomi_page import Filler
from vcenter_simulator.accounts import ADMINISTRATOR
from vcenter_simulator.changes import Changes
from vcenter_simulator.control import count
from vcenter_simulator.events import Events
from vcenter_simulator.inventory import Inventory
from vcenter_simulator.journal import Journal
from vcenter_simulator.testing import run_simulator
from vcenter_simulator.vmomi import vim_type
from vcenter_source.events.catalog import all_classes

pytestmark = needs_cargo


@pytest.fixture(scope="module")
def program() -> Path:
    return build()


class _Filler(Filler):
    """Puts no binary into an any-typed property: vim_rs cannot even read what it writes there itself."""

    def one(self, vmodl: Any, depth: int) -> Any:
        made = super().one(vmodl, depth)
        return super().one(vmodl, depth) if vmodl is object and isinstance(made, bytes) else made


def write_catalogue(path: Path) -> None:
    """A journal with an event of every class, whose properties all have a value."""
    events = Events(Inventory(), Changes())
    Journal(path, "catalogue").restore(events.history)
    for name in sorted(all_classes()):
        events.post(_Filler().object(vim_type(name), depth=4), ADMINISTRATOR)


def test_it_reads_an_event_of_every_class_as_it_is(program: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    write_catalogue(journal)
    with run_simulator(journal=journal, tls=True) as simulator:
        release, *events, change = read_events(program, simulator)
        expected = [json.loads(record.json()) for record in simulator.vcenter.events.history.after(0)]
        state = count(simulator.vcenter)
    assert release == "8.0.3.0"
    assert [json.loads(event) for event in events] == expected[: len(events)]
    assert len(events) > len(all_classes())
    assert json.loads(change)["val"] == {"_typeName": "ArrayOfEvent", "_value": expected[-2:-102:-1]}
    assert (state["sessions"], state["collectors"], state["wires"].keys()) == (0, 0, {"json"})
