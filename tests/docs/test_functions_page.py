"""docs/functions.md: what it shows works, and answers as its tables say; see test_tutorial for its beginning."""

import re
import shutil
import textwrap
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import vcenter_functions
from pytag.settings import Settings as PytagSettings
from tests.docs.pages import blocks, page, rows, section
from vcenter_functions import testing
from vcenter_functions.parameters import NAMES
from vcenter_functions.testing import Outcome, load, sample, serve_registry, simulate_vcenter
from vcenter_functions.vcenters_file import parse_vcenters
from vcenter_source.settings.environment import list_variables
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings as AdapterSettings
from vcenter_source.sinks.responses import ACCESS_STATUSES, RETRYABLE_STATUSES

AUTHORITY = Path(__file__).parents[1] / "support" / "authority.pem"
TEXT = page("functions.md")
IN_VCENTER = section(TEXT, "## What it can do in vCenter")


TAGGING = """
from vcenter_functions import Event, VCenter, on
@on('VmPoweredOnEvent')
async def mark(event: Event, vcenter: VCenter) -> None:
    await vcenter.tags.attach(event.subject, 'events/on')
"""


def test_the_test_that_it_shows_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _ = blocks(section(TEXT, "## Test it"), "python")
    (tmp_path / "handler.py").write_text(TAGGING)
    shown: dict[str, Any] = {}
    exec(compile(code, "test_handler.py", "exec"), shown)
    with simulate_vcenter() as vcenter:
        for variable, value in vcenter.variables().items():
            monkeypatch.setenv(variable, value)
        with serve_registry(load(tmp_path)) as function:
            shown["test_it_tags_the_machine"](function, vcenter)


def test_the_test_of_two_vcenters_that_it_shows_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, code = blocks(section(TEXT, "## Test it"), "python")
    (tmp_path / "handler.py").write_text(TAGGING)
    shown: dict[str, Any] = {}
    exec(compile(code.replace("@pytest.fixture\n", ""), "test_handler.py", "exec"), shown)
    with simulate_vcenter() as vcenter, contextmanager(shown["west"])() as west:
        for variable, value in shown["function_settings"](tmp_path, vcenter, west).items():
            monkeypatch.setenv(variable, value)
        with serve_registry(load(tmp_path)) as function:
            shown["test_it_tags_in_the_vcenter_of_the_event"](function, vcenter, west)


def test_the_file_of_vcenters_that_it_shows_can_be_read(tmp_path: Path) -> None:
    (text,) = blocks(section(TEXT, "## In many vCenters"), "yaml")
    for name in ("west-username", "west-password"):
        (tmp_path / name).write_text("secret")
    shutil.copy(AUTHORITY, tmp_path / "west-ca.crt")
    east, west = parse_vcenters(text.encode(), tmp_path / "vcenters.yaml")
    assert (east.credentials().username, west.ca_file) == ("tagger@vsphere.local", tmp_path / "west-ca.crt")


def test_the_calls_that_it_shows_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = blocks(IN_VCENTER, "python")
    (tmp_path / "handler.py").write_text(
        "from vcenter_functions import Event, VCenter, on\n"
        "@on('VmPoweredOnEvent')\n"
        "async def act(event: Event, vcenter: VCenter) -> None:\n"
        f"{textwrap.indent(code, '    ')}"
        "    assert found == {'name': 'web-1', 'runtime.powerState': 'poweredOff'}, found\n"
        "    assert tags and name, (tags, name)\n"
    )
    with simulate_vcenter() as vcenter:
        vcenter.create_tag("events/created")
        for variable, value in vcenter.variables().items():
            monkeypatch.setenv(variable, value)
        with serve_registry(load(tmp_path)) as function:
            assert function.send(sample("VmPoweredOnEvent", userName="alice")) == Outcome(204)
        assert vcenter.tags_on("VirtualMachine:vm-15") == ["events/created"]
        assert vcenter.attributes_of("VirtualMachine:vm-15") == {"owner": "alice"}


@pytest.mark.parametrize(
    ("raised", "answer"),
    [("PermanentError('why')", "422"), ("TemporaryError('why', delay=30)", "503"), ("ValueError('why')", "500")],
)
def test_an_exception_has_the_answer_of_the_table(raised: str, answer: str, tmp_path: Path) -> None:
    table = {row[0]: row[1] for row in rows(section(TEXT, "## What becomes of an event"))}
    name = raised.partition("(")[0]
    said = next((given for case, given in table.items() if name in case), table["raises anything else"])
    assert said.startswith(answer)
    (tmp_path / "handler.py").write_text(
        "from vcenter_functions import PermanentError, TemporaryError, on\n"
        f"@on('VmPoweredOnEvent')\ndef act() -> None:\n    raise {raised}\n"
    )
    with serve_registry(load(tmp_path)) as function:
        assert function.send(sample("VmPoweredOnEvent")).status == int(answer)


def test_the_parameters_that_it_lists_are_those_of_the_kit() -> None:
    table = rows(section(TEXT, "## What a handler is"))
    assert [row[0].strip("`") for row in table if re.fullmatch(r"`[a-z]+`", row[0])] == list(NAMES)


def test_each_public_name_is_in_the_reference() -> None:
    shown = re.findall(r"^::: (\S+)$", page("reference.md"), re.MULTILINE)
    named = {path.rpartition(".")[2] for path in shown}
    assert {*vcenter_functions.__all__, *testing.__all__} - {"load"} <= named
    for path in shown:
        module, _, name = path.rpartition(".")
        assert getattr(import_module(module), name).__doc__, path


def test_the_table_of_answers_is_what_the_source_makes_of_them() -> None:
    table = {row[0]: row[3] for row in rows(section(TEXT, "### What an answer means"))}
    assert table["401, 403, 415, 3xx"].startswith("held")
    assert {401, 403, 415, 302} <= ACCESS_STATUSES
    assert table["404, 409"] == table["408, 429"] == "retries until it succeeds"
    assert {404, 409, 408, 429} <= RETRYABLE_STATUSES
    assert table["400, 413, 422"] == "dead letter"
    assert not {400, 413, 422} & (ACCESS_STATUSES | RETRYABLE_STATUSES)


def test_the_settings_that_it_names_exist() -> None:
    names = list_variables(AdapterSettings) | list_variables(GatewaySettings) | list_variables(PytagSettings)
    assert {"OPENFAAS_MAX_TRIES", "POISON_MAX_TRIES", "VCENTER_ALIASES", "TAG_ACTION", "TIMEOUT", "K_SINK"} <= names
