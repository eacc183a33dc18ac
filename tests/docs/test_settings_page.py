"""docs/settings.md has each setting as the code has it, and no page names a setting that there is not."""

import re
from pathlib import Path

import pytest

from docs.tools.settings import FUNCTIONS, PAGE, PROGRAMS, render, render_readme, rows
from tests.docs.pages import PAGES, ROOT, name, text
from vcenter_source.settings.environment import list_variables

OTHERS = {"ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_COLOR", "NO_PROXY", "KUBEBUILDER_ASSETS", "MAX_IN_FLIHGT"}
"""Not settings of ours; the last is misspelt on purpose. OTEL_* are held by tests/core/test_otel_variables.py."""


def test_the_page_is_what_the_code_says() -> None:
    assert render(PAGE.read_text(encoding="utf-8")) == PAGE.read_text(encoding="utf-8"), "run: make docs"


def test_every_setting_of_every_program_is_on_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [heading for heading in PROGRAMS if f"\n## {heading}\n" not in page] == []
    assert all(row in page for settings in PROGRAMS.values() for row in rows(settings))


@pytest.mark.parametrize("readme", FUNCTIONS, ids=name)
def test_the_readme_of_a_function_has_its_settings(readme: Path) -> None:
    assert readme.read_text(encoding="utf-8") == render_readme(readme), "run: make docs"


def test_every_setting_that_a_page_names_is_one() -> None:
    """Those of the programs that one migrates from are not ours."""
    pages = [page for page in PAGES if not page.name.startswith("migrating-")]
    named = set(re.findall(r"`([A-Z]{2,}_[A-Z_]+)(?:=[^`]*)?`", text(*pages)))
    ours = frozenset().union(*map(list_variables, PROGRAMS.values()))
    ours |= set(re.findall(r"^\| `([A-Z_]+)`", text(*FUNCTIONS), re.MULTILINE))
    tools = set(re.findall(r"\b[A-Z][A-Z_]+\b", (ROOT / "Makefile").read_text()))
    assert {name for name in named - ours - tools - OTHERS if not name.startswith("OTEL_")} == set()
