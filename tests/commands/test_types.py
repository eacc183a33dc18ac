"""``vcenter-source types``: what it lists, for people and programs, and the JSON Schema of the data."""

import asyncio
import json
import re
import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest

from tests.support import pyvmomi_page as pyvmomi
from tests.support.json_schema import problems
from tests.support.processes import clean_environment, command
from tests.support.simulator_control import post_events
from tests.support.terminal import show_at_terminal
from tests.support.vcenter import session
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.messages import EXTENDED, category, concrete_classes
from vcenter_simulator.server import Simulator
from vcenter_source.commands.triggers.types import format_row, print_schema
from vcenter_source.core.errors import ConfigurationError, PermanentError
from vcenter_source.core.event import Gap
from vcenter_source.events import json_schema
from vcenter_source.events.adapter_events import GAP_TYPE, ping_event
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.conversion import Converter
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.event_types import list_event_types, match_event_types, resolve_name
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.decode import decode_page

CATALOG = EventCatalog()
CREATED = "com.vmware.event.resourcepool.created"


@pytest.fixture(scope="module")
def listed() -> list[dict[str, Any]]:
    return [json.loads(line) for line in command("types", "--json").stdout.splitlines()]


def test_every_class_that_is_sent_is_listed_once(listed: list[dict[str, Any]]) -> None:
    assert sorted(each["class"] for each in listed) == sorted([*concrete_classes(), "Gap", "Ping"])
    assert [each["type"] for each in listed] == sorted(each["type"] for each in listed)
    created = next(each for each in listed if each["type"] == CREATED)
    assert created == {
        "type": CREATED,
        "class": "ResourcePoolCreatedEvent",
        "family": "ResourcePoolEvent",
        "severity": "INFO",
        "severityFrom": "name",
        "objects": ["ResourcePool"],
    }


def test_a_severity_that_nobody_told_is_marked_as_a_guess() -> None:
    rows = {
        each.class_name: format_row(each)["severity"]
        for each in list_event_types(CATALOG, {"VmPoweredOnEvent": "warning"})
    }
    assert rows["VmPoweredOnEvent"] == "WARN"
    assert rows["VmFailedToPowerOnEvent"] == "ERROR?"
    assert rows["Gap"] == "WARN"
    assert rows["EventEx"] == ""


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("VmPoweredOnEvent", "VirtualMachine"),
        ("DatastoreRenamedEvent", "Datastore"),
        ("AlarmStatusChangedEvent", "any"),
        ("UserLoginSessionEvent", "any or none"),
        ("TaskEvent", "any"),
        ("EventEx", "any or none"),
        ("Gap", "none"),
    ],
)
def test_what_the_object_is(class_name: str, expected: str) -> None:
    one = next(each for each in list_event_types(CATALOG, {}) if each.class_name == class_name)
    assert format_row(one)["object"] == expected


@pytest.mark.parametrize(
    ("pattern", "first", "number"),
    [
        ("resourcepool.created", "com.vmware.event.resourcepool.created", 1),
        ("*.host.*lost*", "com.vmware.event.host.connectionlost", 1),
        ("ResourcePoolEvent", "com.vmware.event.resourcepool.created", 5),
        ("VMPOWEREDON", "com.vmware.event.vm.drsvmpoweredon", 2),
    ],
)
def test_a_pattern_is_a_part_or_has_wildcards_and_case_does_not_count(pattern: str, first: str, number: int) -> None:
    found = [each.type for each in match_event_types(list_event_types(CATALOG, {}), pattern)]
    assert (found[0], len(found)) == (first, number)


@pytest.mark.parametrize(
    ("pattern", "near"),
    [("com.vmware.event.vm.powerdon", "com.vmware.event.vm.poweredon"), ("VmPoweredOmEvent", "VmPoweredOnEvent")],
)
def test_a_pattern_like_nothing_names_the_nearest(pattern: str, near: str) -> None:
    with pytest.raises(PermanentError, match=re.escape(near)):
        match_event_types(list_event_types(CATALOG, {}), pattern)


def test_the_command_in_one_line_and_exit_code_1() -> None:
    done = command("types", "com.vmware.event.vm.powerdon")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "vcenter-source: no event type matches com.vmware.event.vm.powerdon; "
        "did you mean com.vmware.event.vm.poweredon?\n"
    )


def test_piped_it_is_a_line_a_type_with_tabs() -> None:
    done = command("types", "resourcepool.created")
    assert done.stdout == f"{CREATED}\tResourcePoolCreatedEvent\tResourcePoolEvent\tINFO?\tResourcePool\n"


def test_head_ends_it_quietly() -> None:
    line = f"{sys.executable} -m vcenter_source types | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=clean_environment(), capture_output=True, text=True, check=False)
    assert (done.stdout.count("\n"), done.stderr, done.returncode) == (1, "", 0)


def test_on_a_terminal_the_table_is_no_wider_than_that() -> None:
    environment = {k: v for k, v in clean_environment().items() if k not in {"COLUMNS", "LINES"}} | {"TERM": "xterm"}
    text = show_at_terminal(environment, "types", "resourcepool", columns=80)
    lines = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in text.splitlines()]
    assert " ".join(lines[:2]).split() == ["type", "class", "family", "severity", "object"]
    assert max(map(len, lines)) <= 80
    assert lines[-1].startswith("? is a guess")


def test_a_vcenter_tells_its_own_event_type_ids_and_severities(simulator: Simulator) -> None:
    account = {"VCENTER_URL": simulator.url, "VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}
    done = command("types", "--vcenter", "--json", **account)
    assert (done.stderr, done.returncode) == ("", 0)
    found = {each["type"]: each for each in map(json.loads, done.stdout.splitlines())}
    assert {f"com.vmware.event.ex.{name}" for name in EXTENDED} < set(found)
    levels = {"info": "INFO", "user": "INFO", "warning": "WARN", "error": "ERROR"}
    for name in concrete_classes():
        if name not in {"EventEx", "ExtendedEvent"}:
            each = found[event_class(name).type]
            assert (each["severity"], each["severityFrom"]) == (levels[category(name)], "vcenter")


def test_a_vcenter_that_is_not_named_is_a_wrong_setting() -> None:
    done = command("types", "--vcenter")
    assert done.returncode == 2
    assert done.stderr.startswith("vcenter-source: VCENTER_URL")


# --- the attributes that the lint knows ---


def test_the_attributes_of_the_world_are_those_of_the_adapters_events() -> None:
    (event, *_) = decode_page(pyvmomi.page(pyvmomi.Filler().object(pyvmomi.vim.event.VmPoweredOnEvent, depth=2)))
    made = Converter("https://vc/sdk", "8.0.3.0", vcenter="vc").convert(
        event, traceparent="00-a-b-01", tracestate="a=b"
    )
    known = set(CATALOG.attributes)
    assert set(made.get_attributes()) == {name for name in known if not name.startswith("knative")} - {"datamediatype"}


def test_the_events_of_the_adapters_own_have_a_shape() -> None:
    when = datetime.fromisoformat("2026-11-22T10:00:00+00:00")
    gap = Converter("https://vc/sdk", "8.0.3.0").convert_gap(Gap("purged", None, (7, when)))
    ping = ping_event("https://vc/sdk", {})
    for event in (gap, ping):
        shape = next(each for each in CATALOG.kinds if event.get_type() in (each["type"].values or ()))
        for name in ("eventclass", "eventname", "severitytext", "partitionkey"):
            known = shape[name].values
            assert known is not None
            assert event.get_extension(name) in known


# --- schema ---


@pytest.mark.parametrize("name", sorted(all_classes()))
def test_what_the_decoder_makes_of_every_class_meets_its_schema(name: str) -> None:
    made = pyvmomi.Filler().object(pyvmomi.support.GetWsdlType("urn:vim25", name), depth=2)
    (event,) = decode_page(pyvmomi.page(made))
    root = json_schema.event_schema(name, event_class(name).type)
    assert list(problems(event.data, root, root)) == []


def test_events_of_the_simulator_meet_the_schemas_of_their_classes(simulator: Simulator) -> None:
    async def read() -> list[Any]:
        vcenter = Vcenter(session(simulator.url))
        await vcenter.connect()
        try:
            async with vcenter.reader(None, []) as reader:
                return list(await reader.read())
        finally:
            await vcenter.close()

    post_events(simulator, 100)
    events = asyncio.run(read())
    mixed = {"EventEx", "ResourcePoolCreatedEvent", "TaskEvent", "UserLoginSessionEvent", "VmPoweredOnEvent"}
    assert {event.class_name for event in events} >= mixed
    for event in events:
        root = json_schema.event_schema(event.class_name, event_class(event.class_name).type)
        assert list(problems(event.data, root, root)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": "7"}, "key"),
        ({"vm": {"_typeName": "VmEventArgument", "name": "x"}}, "lacks vm"),
        ({"createdTime": None}, "createdTime"),
        ({"_typeName": "VmPoweredOffEvent"}, "VmPoweredOnEvent"),
        ({"chainID": 7}, "not declared"),
    ],
)
def test_what_is_not_of_the_class_does_not_meet_its_schema(change: dict[str, Any], said: str) -> None:
    made = pyvmomi.Filler().object(pyvmomi.vim.event.VmPoweredOnEvent, depth=2)
    (event,) = decode_page(pyvmomi.page(made))
    root = json_schema.event_schema("VmPoweredOnEvent", "com.vmware.event.vm.poweredon")
    assert said in " ".join(problems(event.data | change, root, root))


def test_a_gap_meets_its_schema() -> None:
    when = datetime.fromisoformat("2026-11-22T10:00:00+00:00")
    data = Converter("https://vc/sdk", "8").convert_gap(Gap("purged", None, (7, when))).get_data()
    root = json_schema.event_schema(*resolve_name(CATALOG, GAP_TYPE))
    assert list(problems(data, root, root)) == []


def test_an_enumeration_says_its_values_and_stays_open() -> None:
    root = json_schema.event_schema("AlarmStatusChangedEvent", "com.vmware.event.alarm.statuschanged")
    names = root["properties"]["to"]
    assert names == {"type": "string"} or names["anyOf"][1] == {"type": "string"}
    state = json_schema.event_schema("VmReconfiguredEvent", "x")["$defs"]["VirtualDeviceConfigSpec"]["properties"][
        "operation"
    ]
    assert state["anyOf"][0] == {"enum": ["add", "remove", "edit"]}


def test_the_command_prints_a_schema_whose_references_all_lead_somewhere() -> None:
    done = command("types", CREATED, "--schema")
    root = json.loads(done.stdout)
    assert root["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert root["title"] == "ResourcePoolCreatedEvent"
    assert set(re.findall(r'"#/\$defs/(\w+)"', done.stdout)) == set(root["$defs"])


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("EventEx", "EventEx"), ("com.vmware.event.ex.esx.audit.ssh.enabled", "EventEx"), ("VmEvent", "VmEvent")],
)
def test_what_has_a_schema(name: str, class_name: str) -> None:
    assert json_schema.event_schema(*resolve_name(CATALOG, name))["title"] == class_name


def test_a_schema_needs_a_type() -> None:
    with pytest.raises(ConfigurationError, match="name a type or a class"):
        print_schema(CATALOG, "")


def test_a_schema_of_nothing_names_the_nearest() -> None:
    done = command("types", "ResourcePoolCreateEvent", "--schema")
    assert (done.returncode, done.stdout) == (1, "")
    assert "did you mean ResourcePoolCreatedEvent?" in done.stderr
