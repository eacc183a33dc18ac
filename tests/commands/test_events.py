"""``vcenter-source events``: real processes against the simulator."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import pyvmomi_page as pyvmomi
from tests.support.processes import clean_environment, command, process
from tests.support.simulator_control import LOGIN, post_events, posted_events, read_state, set_fault
from tests.support.terminal import show_at_terminal
from tests.support.vcenter import session
from vcenter_simulator.accounts import PASSWORD
from vcenter_simulator.server import Simulator
from vcenter_source.commands.event_lines import describe
from vcenter_source.commands.events import parse_since
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.event import Event, Gap, ManagedObjectReference
from vcenter_source.events.codec import parse_event
from vcenter_source.events.conversion import Converter

WHEN = datetime(2026, 1, 31, 8, 0, 0, 500_000, tzinfo=UTC)
CONVERTER = Converter("https://vc/sdk", "8.0.3.0")


def events(simulator: Simulator, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return command("events", *arguments, **{"VCENTER_URL": simulator.url, **LOGIN} | settings)


def keys(done: subprocess.CompletedProcess[str]) -> list[int]:
    assert (done.stderr, done.returncode) == ("", 0)
    return [int(json.loads(line)["id"]) for line in done.stdout.splitlines()]


def post(simulator: Simulator, class_name: str, count: int = 1) -> None:
    """Post events of a class, about a VM."""
    one = session(simulator.url)
    asyncio.run(one.log_in())
    try:
        for _ in range(count):
            kind = pyvmomi.support.GetWsdlType("urn:vim25", class_name)
            one.soap.content.eventManager.PostEvent(pyvmomi.Filler().object(kind, depth=2), None)
    finally:
        asyncio.run(one.log_out())


def all_keys(simulator: Simulator, class_name: str = "") -> list[int]:
    return [each["key"] for each in posted_events(simulator) if class_name in each["class"]]


@pytest.mark.parametrize("protocol", ["soap", "json"])
def test_it_shows_the_last_twenty_the_newest_last_and_leaves_nothing_behind(
    simulator: Simulator, protocol: str
) -> None:
    post_events(simulator, 50)
    shown = keys(events(simulator, "--json", VCENTER_PROTOCOL=protocol))
    posted = all_keys(simulator)
    assert len(shown) == 20
    assert shown == [key for key in posted if key in set(shown)]
    assert shown[0] > 20
    state = read_state(simulator)
    assert (state["sessions"], state["collectors"]) == (0, 0)


@pytest.mark.parametrize(("count", "protocol"), [(0, "soap"), (1, "json"), (7, "soap"), (1500, "soap"), (1500, "json")])
def test_n_says_how_many_beyond_a_page_of_vcenters_too(simulator: Simulator, count: int, protocol: str) -> None:
    post_events(simulator, 2000)
    shown = keys(events(simulator, "--json", "-n", str(count), VCENTER_PROTOCOL=protocol))
    assert len(shown) == count
    assert shown == sorted(shown)


@pytest.mark.parametrize("pattern", ["VmResettingEvent", "*.vm.resetting", "com.vmware.event.vm.resetting"])
def test_a_type_is_looked_for_as_far_back_as_need_be(simulator: Simulator, pattern: str) -> None:
    post(simulator, "VmResettingEvent")
    wanted = all_keys(simulator, "VmResettingEvent")[-1]
    post_events(simulator, 1200)
    assert keys(events(simulator, "--json", "--type", pattern, "-n", "1")) == [wanted]


def test_since_shows_all_since_then_or_the_last_of_them(simulator: Simulator) -> None:
    set_fault(simulator, fault="late-events", count=3, seconds=7200)
    post_events(simulator, 30)
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    before = {each["key"] for each in posted_events(simulator) if each["createdTime"] < an_hour_ago}
    shown = keys(events(simulator, "--json", "--since", "1h"))
    assert len(shown) >= 30
    assert len(before) == 3
    assert before.isdisjoint(shown)
    assert (
        keys(events(simulator, "--json", "--since", "1h", "-n", "5"))[:3] == shown[-3:]
    )  # two more: a log-out and a log-in
    assert len(keys(events(simulator, "--json", "--since", "2020-01-01"))) >= 33


def test_a_line_has_time_severity_type_object_user_and_message(simulator: Simulator) -> None:
    post(simulator, "VmPoweredOnEvent")
    done = events(simulator, simulator.url, "--type", "VmPoweredOnEvent", VCENTER_URL="")
    (line,) = done.stdout.splitlines()[-1:]
    time, severity, type_, about, user, message = line.split("\t")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", time)
    assert (severity, type_) == ("INFO", "com.vmware.event.vm.poweredon")
    assert about.startswith("VirtualMachine/")
    assert user
    assert message == "some <text> & ünicode"


def test_json_is_what_send_and_functions_read(simulator: Simulator) -> None:
    post_events(simulator, 1)
    for event_format in ("vcenter", "veba"):
        done = events(simulator, "--json", "--event-format", event_format)
        for line in done.stdout.encode().splitlines():
            parse_event({"content-type": "application/cloudevents+json"}, line)


def test_it_follows_without_a_gap_or_a_repetition_until_it_is_interrupted(simulator: Simulator) -> None:
    post(simulator, "VmPoweredOnEvent", 5)
    settings = {"VCENTER_URL": simulator.url, **LOGIN}
    arguments = ("events", "-f", "-n", "3", "--json", "--type", "*.vm.poweredon", "--type", "VmSuspendedEvent")
    with process("vcenter_source", *arguments, **settings) as running:
        assert running.stdout is not None
        post_events(simulator, 5)
        lines = [running.stdout.readline() for _ in range(3)]
        for _ in range(4):
            post(simulator, "VmPoweredOnEvent", 2)
            lines += [running.stdout.readline() for _ in range(2)]
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=30)
    assert (running.returncode, errors) == (0, "")
    shown = [int(json.loads(line)["id"]) for line in lines]
    assert shown == all_keys(simulator, "VmPoweredOnEvent")[-11:]


def test_it_goes_on_after_its_session_was_ended(simulator: Simulator) -> None:
    post(simulator, "VmPoweredOnEvent", 2)
    settings = {"VCENTER_URL": simulator.url, **LOGIN}
    with process("vcenter_source", "events", "-f", "-n", "2", "--json", "--type", "VmEvent", **settings) as running:
        assert running.stdout is not None
        lines = [running.stdout.readline() for _ in range(2)]
        set_fault(simulator, fault="expire-sessions")
        post(simulator, "VmPoweredOnEvent", 2)
        lines += [running.stdout.readline() for _ in range(2)]
    assert [int(json.loads(line)["id"]) for line in lines] == all_keys(simulator, "VmPoweredOnEvent")[-4:]


def test_head_ends_it_quietly(simulator: Simulator) -> None:
    post_events(simulator, 1000)
    line = f"{sys.executable} -m vcenter_source events -n 1000 | head -n 1; exit ${{PIPESTATUS[0]}}"
    environment = clean_environment(VCENTER_URL=simulator.url, **LOGIN)
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout.count("\n"), done.stderr, done.returncode) == (1, "", 0)


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_terminal_gets_a_header_columns_and_colours(simulator: Simulator, no_color: str) -> None:
    post(simulator, "VmFailedToPowerOnEvent", 2)
    environment = clean_environment(VCENTER_URL=simulator.url, NO_COLOR=no_color, **LOGIN)
    text = show_at_terminal(environment, "events", "-n", "2")
    header, *rows = text.splitlines()
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in (header, *rows)]
    assert plain[0].split() == ["TIME", "SEVERITY", "TYPE", "OBJECT", "USER", "MESSAGE"]
    for column in ("TYPE", "OBJECT", "USER", "MESSAGE"):  # each value begins where its column does
        assert [
            row for row in plain[1:] if not row[plain[0].index(column) - 1] == " " != row[plain[0].index(column)]
        ] == [], plain
    assert ("\x1b[" in text) is not bool(no_color)


@pytest.mark.parametrize(
    ("arguments", "settings", "code", "said"),
    [
        (["--since", "yesterday"], {}, 2, "--since: 'yesterday': set how long ago"),
        (["--type", "VmPoweredOmEvent"], {}, 2, "--type: vCenter has no event type"),
        ([], {"VCENTER_URL": ""}, 2, "VCENTER_URL: not set"),
        (["ftp://x"], {}, 2, "VCENTER_URL: not an address"),
        ([], {"VCENTER_PASSWORD": "no"}, 1, "VCENTER_PASSWORD"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(
    simulator: Simulator, arguments: list[str], settings: dict[str, str], code: int, said: str
) -> None:
    done = events(simulator, *arguments, **settings)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1), done.stderr
    assert said in done.stderr
    assert PASSWORD not in done.stderr


def test_a_pattern_that_matches_no_known_type_is_doubted(simulator: Simulator) -> None:
    done = events(simulator, "--type", "*.vm.powerdon")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (0, "", 1)
    assert done.stderr.startswith("vcenter-source: --type: '*.vm.powerdon' matches no known event type")


# --- what a line says ---


def test_control_characters_change_no_terminal_and_no_line() -> None:
    data = {"fullFormattedMessage": "a\x1b[31mb\r\nc\td\u202ee", "userName": "\x07root"}
    event = Event("UserLoginSessionEvent", 1, WHEN, None, data)
    assert describe(CONVERTER.convert(event), event)[3:] == ("-", "root", "a [31mb c d e")


@pytest.mark.parametrize(
    ("data", "about"),
    [
        ({}, "VirtualMachine:vm-7"),
        ({"vm": {"name": "web", "vm": {"type": "VirtualMachine", "value": "vm-7"}}}, "VirtualMachine/web"),
        ({"info": {"entityName": "web", "entity": {"value": "vm-7"}}}, "VirtualMachine/web"),
        ({"objectType": "vim.VirtualMachine", "objectId": "vm-7", "objectName": "web"}, "VirtualMachine/web"),
        ({"vm": {"name": "db", "vm": {"type": "VirtualMachine", "value": "vm-8"}}}, "VirtualMachine:vm-7"),
    ],
)
def test_an_object_has_its_name_if_the_event_has_it(data: dict[str, Any], about: str) -> None:
    event = Event("VmPoweredOnEvent", 1, WHEN, ManagedObjectReference("VirtualMachine", "vm-7"), data)
    assert describe(CONVERTER.convert(event), event)[3] == about


def test_a_gap_is_a_line_too() -> None:
    gap = Gap("purged", None, (7, WHEN))
    time, severity, type_, _, _, message = describe(CONVERTER.convert_gap(gap), gap)
    assert (time, severity, type_) == ("2026-01-31T08:00:00Z", "WARN", "com.vmware.event.adapter.gap")
    assert message == "Events before this are missing, or may be: purged"


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("1h", WHEN - timedelta(hours=1)),
        ("-90m", WHEN - timedelta(minutes=90)),
        ("2d12h", WHEN - timedelta(days=2, hours=12)),
        ("2026-01-30", datetime(2026, 1, 30, tzinfo=UTC)),
        ("2026-01-30T10:00:00Z", datetime(2026, 1, 30, 10, tzinfo=UTC)),
        (None, None),
    ],
)
def test_since_is_how_long_ago_or_a_time(text: str | None, since: datetime | None) -> None:
    assert parse_since(text)(WHEN) == since


@pytest.mark.parametrize("text", ["", "now", "1x", "2026-01-30T10:00:00", "999999d"])
def test_since_is_nothing_else(text: str) -> None:
    with pytest.raises(ConfigurationError, match="--since: "):
        parse_since(text)
