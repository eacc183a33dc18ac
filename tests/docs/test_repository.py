"""Around the code: the workflow calls .ci/run, templates are forms, and releases name each file with the version."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from release.versions import PLACES
from tests.docs.pages import ROOT
from vcenter_functions import __version__

GITHUB = ROOT / ".github"
REPOSITORY = "https://github.com/vcenter-source/vcenter-source"


@pytest.mark.parametrize("form", sorted((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")), ids=lambda path: path.name)
def test_each_template_is_a_form(form: Path) -> None:
    content = yaml.safe_load(form.read_text())
    if form.name == "config.yml":
        assert {link["url"].startswith(REPOSITORY) for link in content["contact_links"]} == {True}
        return
    assert {"name", "description", "body"} <= set(content)
    assert any(field.get("validations", {}).get("required") for field in content["body"])


def test_the_files_that_the_templates_name_are_there() -> None:
    written = "".join(file.read_text() for file in GITHUB.rglob("*") if file.is_file())
    named = set(re.findall(rf"{REPOSITORY}/(?:blob|tree)/main/([\w./-]+)", written)) | set(
        re.findall(r"`((?:docs/)?\w+\.md)`", written)
    )
    assert len(named) > 3
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_a_release_sets_the_version_in_every_file_that_names_it() -> None:
    """But for tests, which compare with it, and the locks, which hold the same number of others."""
    pattern = rf"(?<![\d.]){re.escape(__version__)}(?![\d.]*\d)"
    found = subprocess.run(["git", "grep", "-lP", pattern], cwd=ROOT, capture_output=True, text=True, check=True)
    history = {"CHANGELOG.md", "docs/upgrade.md"}
    others = ("tests/", "bench/", "demo/", "simulator/", "requirements", "functions/requirements")
    assert {file for file in found.stdout.split() if not file.startswith(others)} - history == set(PLACES)
