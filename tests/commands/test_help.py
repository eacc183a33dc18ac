"""The habits of a command line: -h everywhere, completion, plain lines for a pipe, and whole values on a terminal."""

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from tests.support.processes import command
from vcenter_source.cli import app
from vcenter_source.commands import output
from vcenter_source.commands.help import RUN_SETTINGS, SETTINGS_PAGE
from vcenter_source.commands.triggers.types import format_row
from vcenter_source.settings.environment import list_variables
from vcenter_source.settings.source import Settings
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.event_types import list_event_types

BOX = re.compile(r"[\u2500-\u257f]")


def walk(group: Any, *before: str) -> Iterator[tuple[str, ...]]:
    yield before
    for name, each in group.commands.items():
        if hasattr(each, "commands"):
            yield from walk(each, *before, name)
        elif name != "simulate":  # it hands its options to another program, which has -h too
            yield (*before, name)


COMMANDS = list(walk(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_h_is_help_in_plain_lines_for_a_pipe(path: tuple[str, ...]) -> None:
    short, long = (CliRunner().invoke(app, [*path, option]) for option in ("-h", "--help"))
    assert (short.exit_code, short.output) == (0, long.output)
    assert not BOX.search(short.output)
    assert "\x1b" not in short.output


def test_a_wrong_option_is_plain_too_and_no_line_of_help_is_wrapped() -> None:
    wrong = CliRunner().invoke(app, ["run", "--nope"])
    assert wrong.exit_code == 2
    assert "No such option" in wrong.output
    assert not BOX.search(wrong.output)
    described = CliRunner().invoke(app, ["types", "-h"]).output
    assert "  List the types of event with their class, family and severity, and the objects that they" in described


def test_run_names_the_settings_that_matter_and_where_the_rest_stands() -> None:
    shown = CliRunner().invoke(app, ["run", "-h"]).output
    named = set(re.findall(r"\b[A-Z]+_[A-Z_]+\b|\bCHECKPOINT\b|\bLEASE\b|\bVIEWER\b", RUN_SETTINGS))
    assert named <= set(list_variables(Settings))
    assert {"VCENTER_URL", "VCENTER_USERNAME", "VCENTER_PASSWORD", "K_SINK", "EVENT_TYPES", "CHECKPOINT"} <= named
    assert all(name in shown for name in named)
    assert SETTINGS_PAGE in shown
    assert max(map(len, RUN_SETTINGS.partition("\b")[2].splitlines())) < 80


def test_a_shell_completes_commands() -> None:
    words = {"_VCENTER_SOURCE_COMPLETE": "complete_bash", "COMP_WORDS": "vcenter-source dea", "COMP_CWORD": "1"}
    assert CliRunner().invoke(app, [], prog_name="vcenter-source", env=words).output.split() == ["dead-letters"]
    assert "--install-completion" in CliRunner().invoke(app, ["-h"]).output


def test_run_takes_the_address_of_a_vcenter_as_view_does() -> None:
    done = command("run", "ftp://vc", "--sink", "-", VCENTER_URL="https://another")
    assert done.returncode == 2
    assert done.stderr.startswith("vcenter-source: VCENTER_URL: not an address")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", ["80", "120"])
def test_no_value_of_a_table_is_folded(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows, shown = [format_row(each) for each in list_event_types(EventCatalog(), {})], Terminal()
    output.print_rows(rows, list(rows[0]), shown)
    lines = shown.getvalue().splitlines()
    assert max(map(len, lines)) <= int(columns)
    assert [word for row in rows for word in row.values() if not any(word in line for line in lines)] == []
    values = [value for row in ({name: name for name in rows[0]}, *rows) for value in row.values()]
    assert shown.getvalue().split() == " ".join(values).split()


def test_a_long_reason_is_broken_between_words_and_what_could_change_a_terminal_is_taken_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    shown, token = Terminal(), "com.vmware.event.datastore.nonviworkloaddetectedondatastore"
    row = {"type": token, "reason": "the sink said\x1b[2J that it will not have this one, ever", "id": "4711"}
    output.print_rows([row], ("type", "reason", "id"), shown)
    assert shown.getvalue().splitlines()[3:] == [
        token,
        "    the sink said [2J that it will not",
        "    have this one, ever",
        "    4711",
    ]


@pytest.mark.parametrize("columns", ["1", "4", "-3"])
def test_a_terminal_that_is_narrower_than_an_indented_word_gets_words_alone(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    shown = Terminal()
    output.print_rows([{"type": "vm.poweredon", "id": "4711"}], ("type", "id"), shown)
    assert shown.getvalue().split() == ["type", "id", "vm.poweredon", "4711"]
