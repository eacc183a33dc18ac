"""``vcenter-source function new``: what it writes runs, and its test passes."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.main import get_group

from tests.support.processes import clean_environment, command
from vcenter_functions.cloudevent import read_event
from vcenter_functions.event import Event
from vcenter_functions.registry import Filter, load
from vcenter_functions.samples import sample
from vcenter_functions.testing import STRUCTURED
from vcenter_source.cli import app
from vcenter_source.commands.function.new import create_function, write_files
from vcenter_source.commands.function.templates import NEXT
from vcenter_source.commands.function.wanted import read_wanted
from vcenter_source.commands.sample import make_sample
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers.event_catalog import EventCatalog

ON, OFF = "com.vmware.event.vm.poweredon", "com.vmware.event.vm.poweredoff"
KINDS = {
    "a-class": ["VmPoweredOnEvent"],
    "a-base": ["VmEvent"],
    "two-classes": ["VmPoweredOnEvent", "VmMigratedEvent"],
    "a-type": [ON],
    "of-a-host": ["HostConnectedEvent"],
    "of-no-object": ["UserLoginSessionEvent"],
    "unrelated": [ON, "HostConnectedEvent", "com.vmware.event.alarm.*"],
    "by-id": ["esx.problem.net.connectivity.lost"],
    "ids": ["esx.problem.*"],
    "ours": ["Gap"],
    "an-ex": ["EventEx"],
    "veba": ["com.vmware.vsphere.VmPoweredOnEvent.v0"],
    "lambda": ["*PoweredOnEvent"],
    "on": ["VmPoweredOnEvent"],
}
SERVED = ("a-class", "ours", "lambda", "on")
"""Those whose own test is run; the others have the same one."""


def test_every_kind_of_type_makes_a_function_that_gets_its_sample_and_passes_its_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, types in KINDS.items():
        create_function(name, types)
        registry, expression = load(name), read_wanted(types[0]).sample
        event = read_event(STRUCTURED, json.dumps(eval(expression, {"sample": sample})).encode())
        assert list(registry.match(Event.from_cloudevent(event))) == registry.handlers, name
        assert len(Path(name, "handler.py").read_text().split("\n\n\n")[1].splitlines()) == 3
    # Several files of one name, in a process of its own, since each adds its folder to the path.
    options = ["-q", "--import-mode=importlib", "-p", "no:cacheprovider", "-p", "no:xdist"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *SERVED],
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{len(SERVED)} passed" in done.stdout, done.stdout


@pytest.mark.parametrize(
    ("types", "lines"),
    [
        (["VmPoweredOnEvent"], ["@on(VmPoweredOnEvent)", "async def web(event: VmPoweredOnEvent, log) -> None:"]),
        ([ON, "VmMigratedEvent"], [f'@on("{ON}", "VmMigratedEvent")', "async def web(event: VmEvent, log) -> None:"]),
        ([ON, "HostConnectedEvent"], ["async def web(event: Event, log) -> None:", "about=str(event.subject)"]),
        (["esx.problem.*"], ['@on("com.vmware.event.ex.esx.problem.*")']),
        (["DatastoreCapacityIncreasedEvent"], ["log.info(event.message, datastore=event.datastore.name)"]),
    ],
)
def test_the_event_is_as_typed_as_it_can_be(types: list[str], lines: list[str]) -> None:
    handler = write_files("web", [read_wanted(each) for each in types])["handler.py"]
    assert [line for line in lines if line not in handler] == []


def test_the_command_takes_types_after_one_option_or_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, options in {"one": ["--on", ON, OFF], "two": ["--on", ON, "--on", OFF, "--on", OFF]}.items():
        done = command("function", "new", name, *options)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith(f"{name}/handler.py\n")
        assert load(tmp_path / name).handlers[0].filter == Filter((ON, OFF))


@pytest.mark.parametrize(
    ("name", "type_", "said"),
    [
        ("web", "VmPoweredOnEven", "--on: vCenter has no event type 'VmPoweredOnEven'; did you mean VmPoweredOnEvent?"),
        ("web", "vm.powered.on", f"did you mean {ON}?"),
        ("Web", ON, "NAME: 'Web' cannot name a Kubernetes Service; use at most 50 lower-case letters"),
        ("3com", ON, "NAME: '3com' cannot"),
        ("a/b", ON, "NAME: 'a/b' cannot"),
        ("w" * 51, ON, "NAME: "),
    ],
)
def test_a_wrong_name_or_type_is_named_and_nothing_is_written(
    name: str, type_: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as raised:
        create_function(name, [type_])
    assert said in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "web").mkdir()
    done = command("function", "new", "web", "--on", ON)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "vcenter-source: web: it is there already and stays as it is; choose another name\n"
    assert list((tmp_path / "web").iterdir()) == []


@pytest.mark.parametrize("types", KINDS.values(), ids=KINDS)
def test_the_commands_that_it_names_are_there_and_its_example_is_a_type(types: list[str]) -> None:
    wanted = [read_wanted(each) for each in types]
    readme, group = write_files("web", wanted)["README.md"], get_group(app)
    for text in (readme, NEXT.format(name="web", example=wanted[0].example)):
        commands = re.findall(r"vcenter-source ([a-z-]+)(?: ([a-z]+) )?", text)
        assert {name for name, _ in commands} == {"sample", "send", "function"}
        inner = group.commands["function"].commands  # type: ignore[attr-defined]
        assert {second for name, second in commands if name == "function"} <= set(inner)
    event = make_sample(EventCatalog(), wanted[0].example, (), "https://vc.example.com/sdk", datetime.now(UTC))
    assert event.get_type()
