"""The short form of a type, as the viewer shows it, means the same wherever a type is named."""

from pathlib import Path

import pytest
import yaml

from tests.triggers.lint import of_attributes, of_filters
from vcenter_functions.event_types import read_event_types
from vcenter_functions.registry import load
from vcenter_functions.samples import sample
from vcenter_source.commands.function.wanted import read_wanted
from vcenter_source.events.short_types import expand_type
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.triggers.builder import TriggerRequest, build_trigger
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.event_types import list_event_types, match_event_types, resolve_name
from vcenter_source.triggers.values import ValueChecker

ON = "com.vmware.event.vm.poweredon"
CATALOG = EventCatalog()


@pytest.mark.parametrize(
    ("short", "whole"),
    [
        ("vm.poweredon", ON),
        ("vm.*", "com.vmware.event.vm.*"),
        ("vm*.poweredon", "com.vmware.event.vm*.poweredon"),
        ("adapter.gap", "com.vmware.event.adapter.gap"),
        ("ex.esx.problem.net.lost", "com.vmware.event.ex.esx.problem.net.lost"),
        ("ex.*", "com.vmware.event.ex.*"),
        ("unknown.new", "com.vmware.event.unknown.new"),
        ("VmPoweredOnEvent.v0", "com.vmware.vsphere.VmPoweredOnEvent.v0"),
    ],
)
def test_a_short_form_is_the_whole_type(short: str, whole: str) -> None:
    assert expand_type(short) == whole
    assert expand_type(whole) == whole


@pytest.mark.parametrize(
    "name",
    ["*", "Vm*", "vm*", "VmEvent", "EventEx", "*.poweredon", "esx.problem.net.lost", "esx.*", "vim.event.*",
     "VM.PoweredOn", "vm.powered.on", "com.example.door.opened", "/scripts/nightly", ""],
)  # fmt: skip
def test_any_other_name_stays_as_it_is(name: str) -> None:
    assert expand_type(name) == name


def test_event_types_of_a_function_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENT_TYPES", "vm.poweredon, host.*,VmEvent")
    assert read_event_types() == (ON, "com.vmware.event.host.*", "VmEvent")


def test_a_handler_and_a_sample_for_it_take_it(tmp_path: Path) -> None:
    assert sample("vm.poweredon")["type"] == ON
    file = tmp_path / "handler.py"
    file.write_text('from vcenter_functions import on\n\n\n@on("vm.poweredon", "host.*")\ndef handle(event): ...\n')
    (handler,) = load(file).handlers
    assert handler.filter.types == (ON, "com.vmware.event.host.*")


def test_event_types_takes_it() -> None:
    types = TypeFilter(("vm.poweredon", "host.*"))
    assert types.accepts("VmPoweredOnEvent", "VmPoweredOnEvent", ON)
    assert types.accepts("HostConnectedEvent", "HostConnectedEvent", "com.vmware.event.host.connected")
    assert not types.accepts("VmPoweredOffEvent", "VmPoweredOffEvent", "com.vmware.event.vm.poweredoff")
    assert list(types.doubts(["VmPoweredOnEvent"])) == []
    assert TypeFilter(("vm.poweredon",)).exact_names() == ["VmPoweredOnEvent"], "vCenter itself filters"


def test_a_trigger_is_the_same_as_that_of_the_whole_type() -> None:
    def written(*types: str) -> str:
        return build_trigger(TriggerRequest(types, "svc/f"), ValueChecker(CATALOG))[0]

    assert written("vm.poweredon", "host.*") == written(ON, "com.vmware.event.host.*")
    assert yaml.safe_load(written("vm.poweredon"))["spec"]["filter"] == {"attributes": {"type": ON}}
    assert written("vm.poweredon", ON) == written(ON)


def test_types_and_samples_find_it() -> None:
    types = list_event_types(CATALOG, {})
    assert match_event_types(types, "vm.powered*") == match_event_types(types, "com.vmware.event.vm.powered*") != []
    assert resolve_name(CATALOG, "vm.poweredon") == ("VmPoweredOnEvent", ON)
    assert read_wanted("vm.poweredon") == read_wanted(ON)


def test_lint_says_which_whole_type_a_short_one_is_since_a_broker_compares_the_whole() -> None:
    (exact,) = of_attributes(type="vm.poweredon")
    assert (exact.severity, f"did you mean {ON}?" in exact.message) == ("error", True)
    (prefix,) = of_filters({"prefix": {"type": "vm."}})
    assert "did you mean com.vmware.event.vm.?" in prefix.message
    (wild,) = of_filters({"exact": {"type": "vm.*"}})
    assert "did you mean prefix: {type: com.vmware.event.vm.}?" in wild.message
