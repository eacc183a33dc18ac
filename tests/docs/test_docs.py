"""The README tells the truth: its settings are those of the code, and what it names is there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from pytag.settings import Settings as PytagSettings
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.settings.source import Settings as AdapterSettings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    if field.default in ({}, None):
        return ""
    if field.default == ():
        return "all"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    number = isinstance(field.default, float) and field.default.is_integer()
    return f"`{int(field.default) if number else field.default}`"


def rows(settings: type[BaseSettings]) -> Iterator[str]:
    for field in settings.model_fields.values():
        assert isinstance(field.validation_alias, AliasChoices)
        assert field.description is not None
        name = field.validation_alias.choices[0]
        yield f"| `{name}` | {default_of(field)} | {' '.join(field.description.split())} |"


def table(heading: str) -> list[str]:
    section = README.partition(f"### {heading}\n")[2].partition("\n#")[0]
    return [line for line in section.splitlines() if line.startswith("| `")]


def test_the_adapters_settings_are_in_the_readme_word_for_word() -> None:
    assert table("The adapter: `vcenter-source run`") == list(rows(AdapterSettings))


def test_the_gateways_settings_are_in_the_readme_word_for_word() -> None:
    assert table("The OpenFaaS gateway: `vcenter-source openfaas-shim`") == list(rows(ShimSettings))


def test_pytags_settings_are_in_the_readme_word_for_word() -> None:
    assert table("The function: `python -m pytag`") == list(rows(PytagSettings))


@pytest.mark.parametrize("document", ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_file_that_a_document_names_is_there(document: str) -> None:
    named = re.findall(r"`((?:adapter|functions|simulator|demo|config|tests)/[\w./-]*)`", (ROOT / document).read_text())
    assert [path for path in named if not (ROOT / path).exists()] == []


def names_in(pattern: str) -> set[str]:
    """The files of tests that match, and their tests, each as the README has it."""
    files = list((ROOT / "tests").glob(pattern))
    tests = {
        f"{file.relative_to(ROOT / 'tests')}::{name}"
        for file in files
        for name in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }
    return tests | {str(file.relative_to(ROOT / "tests")) for file in files}


def test_every_test_that_the_readme_names_is_there() -> None:
    named = set(re.findall(r"`tests/(\w+/test_\w+\.py(?:::\w+)?)`", README))
    assert named
    assert named - names_in("*/test_*.py") == set()


def test_the_readme_names_every_test_of_the_guarantees() -> None:
    shown = {name for name in names_in("guarantees/test_*.py") if "::" in name}
    assert {name for name in shown if f"`tests/{name}`" not in README} == set()


def test_every_target_that_a_document_names_is_in_the_makefile() -> None:
    text = README + (ROOT / "CONTRIBUTING.md").read_text()
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text)) <= targets


def test_architecture_names_every_room_of_the_adapter() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    rooms = {path.stem for path in (ROOT / "adapter").rglob("*.py")} - {"__init__", "__main__"}
    assert {room for room in rooms if not re.search(rf"`(?:\w+/)*{room}(?:\.py)?`", text)} == set()


def test_the_lock_and_the_documents_name_no_package_index() -> None:
    locked = (ROOT / "requirements.lock").read_text() + (ROOT / "requirements-dev.lock").read_text()
    assert re.findall(r"https?://|--index-url|--find-links", locked) == []


if __name__ == "__main__":  # python -m tests.docs.test_docs prints the rows, to be pasted into the README
    print(*rows(AdapterSettings), "", *rows(ShimSettings), "", *rows(PytagSettings), sep="\n")  # noqa: T201


def test_the_changelog_has_one_list_a_heading_and_says_nothing_twice() -> None:
    _, *lists = re.split(r"^### ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
    headings = [each.partition("\n")[0] for each in lists]
    assert headings == [each for each in order if each in headings]
    assert not [each for each in lists if "\n\n" in each.strip()]
    begins = [" ".join(entry.split()[:4]) for each in lists for entry in re.split(r"^- ", each, flags=re.MULTILINE)[1:]]
    assert [begin for begin in begins if begins.count(begin) > 1] == []
