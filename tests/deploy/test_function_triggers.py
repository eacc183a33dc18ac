"""The Triggers of ``vcenter-source function manifest``: each event comes to its handlers, and once."""

from pathlib import Path
from typing import Any

import pytest

from demo.filters import check_trigger, trigger_matches
from tests.deploy.function_manifest import one, printed, write
from tests.triggers.catalog_events import EVENTS
from vcenter_functions.cloudevent import read_event
from vcenter_functions.event import Event
from vcenter_functions.registry import Registry, load
from vcenter_source.commands.function.event_names import translate_name
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers.builder import compose_spec
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

FILES = {
    "overlap": """
@on("VmEvent")
def a(event): ...
@on(severity="ERROR")
def b(event): ...
@on("VmPoweredOnEvent")
def c(event): ...
@on("HostEvent", severity=["WARN", "ERROR"])
@on("com.vmware.event.alarm.*", subject="VirtualMachine:*")
def d(event): ...
""",
    "all": """
@on("UserLoginSessionEvent", "*PoweredOnEvent")
def a(event): ...
@on()
def b(event): ...
@on("HostEvent")
def c(event): ...
""",
    "ids": """
@on("esx.audit.*", "com.vmware.event.host.connect?d", "com.vmware.event.ex.com.vmware.vc.HA.*")
def a(event): ...
@on("EventEx", "Host[AC]*Event")
def b(event): ...
@on("com.vmware.event.*.created")
def c(event): ...
""",
}


@pytest.mark.parametrize("name", FILES)
def test_an_event_that_a_handler_gets_passes_one_trigger(name: str, tmp_path: Path) -> None:
    path = write(tmp_path, f"from vcenter_functions import on\n{FILES[name]}")
    triggers, registry = [m for m in printed(path) if m.kind == "Trigger"], load(path)
    for trigger in triggers:
        check_trigger(trigger.spec)
        findings = lint_spec(compose_spec(dict(trigger.spec)), ValueChecker(EventCatalog()))
        assert [each for each in findings if each.severity == "error"] == []
    picked = 0
    for attributes in EVENTS:
        passed = sum(trigger_matches(trigger.spec, attributes) for trigger in triggers)
        assert passed == int(is_handled(registry, attributes)), attributes
        picked += passed
    assert picked


def is_handled(registry: Registry, attributes: dict[str, str]) -> bool:
    headers = {f"ce-{name}": value for name, value in attributes.items()} | {"content-type": "application/json"}
    event = read_event(headers, b"{}")
    return any(registry.match(Event.from_cloudevent(event), event.get_type()))


def test_triggers_are_named_by_their_handlers_and_one_is_enough_where_it_covers_the_rest(tmp_path: Path) -> None:
    path = write(tmp_path, f"from vcenter_functions import on\n{FILES['overlap']}")
    names = [manifest.name for manifest in printed(path) if manifest.kind == "Trigger"]
    assert names == ["stamp-a", "stamp-b", "stamp-d", "stamp-d-2"]


@pytest.mark.parametrize("event_format", ["vcenter", "veba"])
def test_a_type_is_called_as_the_adapters_format_calls_it(event_format: Any, tmp_path: Path) -> None:
    text = 'from vcenter_functions import on\n@on("com.vmware.event.vm.poweredon")\ndef a(event): ...\n'
    trigger = one("Trigger", printed(write(tmp_path, text), event_format=event_format))
    names = {"vcenter": "com.vmware.event.vm.poweredon", "veba": "com.vmware.vsphere.VmPoweredOnEvent.v0"}
    assert trigger.spec["filter"] == {"attributes": {"type": names[event_format]}}


@pytest.mark.parametrize(
    ("name", "types", "foreign"),
    [
        ("com.vmware.vc.HA.*", ["com.vmware.event.ex.com.vmware.vc.HA.*"], []),
        ("com.vmware.vc.ha.VmRestartedByHAEvent", ["com.vmware.event.ex.com.vmware.vc.ha.VmRestartedByHAEvent"], []),
        ("com.*", ["com.*"], []),
        ("com.example.*", ["com.vmware.event.ex.com.example.*"], ["com.example.*"]),
        ("Gap", ["com.vmware.event.adapter.gap"], []),
        ("VmPowered[A-Z]*", ["VmPoweredOffEvent", "VmPoweredOnEvent"], []),
    ],
)
def test_what_a_name_means_in_a_trigger(name: str, types: list[str], foreign: list[str]) -> None:
    translated = translate_name(name, EventCatalog())
    assert (list(translated.types), list(translated.foreign)) == (types, foreign)


@pytest.mark.parametrize(
    ("filter_", "said"),
    [
        ("subject=\"x' OR '\"", "cannot be a subject; it is like VirtualMachine:vm-42"),
        ('subject="VirtualMachin:*"', "vCenter has no objects of type VirtualMachin; did you mean VirtualMachine?"),
        (
            '"com.vmware.vsphere.VmPoweredOnEvent.v0"',
            "is sent with EVENT_FORMAT=veba; did you mean com.",
        ),
        ('"com.vmware.event.vm.event"', "VmEvent is a base class: vCenter sends only the classes derived from it"),
    ],
)
def test_a_filter_that_no_event_can_pass_is_refused(filter_: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as refused:
        printed(write(tmp_path, f"from vcenter_functions import on\n@on({filter_})\ndef a(event): ...\n"))
    assert said in str(refused.value)
