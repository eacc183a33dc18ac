"""What the documents name is there: files, tests, commands, targets of make, links; and each test of the guarantees."""

import re
from pathlib import Path

import pytest
from typer.main import get_group

from demo.manifests import read_manifests
from tests.docs.pages import CHANGELOG, GUARANTEES, PAGES, README, ROOT, anchors, name, text
from tests.support.manifest_files import CONFIG, everything, of_kind
from vcenter_source.cli import app

TESTS = ROOT / "tests"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_a_page_names_is_there(page: Path) -> None:
    named = re.findall(r"`((?:adapter|bench|demo|docs|simulator)/[\w./-]*)", text(page))
    named += re.findall(r"\b((?:config|functions|tests)/[\w./-]*\w)", text(page))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_deployment_that_a_page_names_is_in_the_manifests() -> None:
    every = [*everything(), *read_manifests(CONFIG / "knative-many")]
    known = {manifest.name for manifest in of_kind("Deployment", every)}
    known |= {f"{manifest.name}-deployment" for manifest in of_kind("ContainerSource", every)}  # Knative's name
    assert set(re.findall(r"deployment/([a-z-]+)", text())) <= known


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]*)(?:#([^)]*))?\)", text(page))
    targets = [(page.parent / path if path else page, anchor) for path, anchor in links]
    assert [path for path, _ in targets if not path.exists()] == []
    headings = [(path, anchor) for path, anchor in targets if anchor and path.suffix == ".md"]
    assert [(path, anchor) for path, anchor in headings if anchor not in anchors(path)] == []


def found_in(pattern: str) -> set[str]:
    """The tests in the files that match, each with its file, as the guarantees have them."""
    return {
        f"{name(file)}::{test}"
        for file in TESTS.glob(pattern)
        for test in re.findall(r"^def (test_\w+)", file.read_text(), re.MULTILINE)
    }


def test_every_test_that_a_page_names_is_there() -> None:
    named = set(re.findall(r"`(tests/\w+/test_\w+\.py::\w+)`", text()))
    assert named
    assert named - found_in("*/test_*.py") == set()


def test_a_test_is_named_with_its_folder() -> None:
    assert re.findall(r"`(test_\w+[^`]*)`", text()) == []


def test_the_page_of_guarantees_names_every_test_of_them() -> None:
    page = text(GUARANTEES)
    assert {test for test in found_in("guarantees/test_*.py") if f"`{test}`" not in page} == set()


def test_every_promise_has_a_test() -> None:
    rows = [row for row in text(GUARANTEES).splitlines() if row.startswith("| ")]
    assert rows
    assert [row for row in rows if not re.search(r"`tests/|shown by", row)] == []


def test_the_proof_of_promises_is_on_the_page_of_guarantees_alone() -> None:
    pages = [page for page in (README, *(ROOT / "docs").glob("*.md")) if page != GUARANTEES]
    assert [name(page) for page in pages if re.search(r"`tests/\w+/test_", text(page))] == []


def test_every_target_that_a_page_names_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z-]+)", text()))
    assert named
    assert named <= targets


def test_every_command_that_a_page_shows_is_one() -> None:
    """With its options; ``-n vcenter-source`` is a namespace."""
    group = get_group(app)
    shown = re.findall(r"(?:`|\$ |/|-- )vcenter-source((?: [a-z][a-z-]*){1,2})([^`|#\n]*)", text())
    assert shown
    for words, rest in shown:
        command = group.commands.get(words.split()[0])
        assert command is not None, words
        if isinstance(command, type(group)) and len(words.split()) > 1:
            command = command.commands[words.split()[1]]
        options = {option for parameter in command.params for option in parameter.opts}
        has_others = command.context_settings.get("ignore_unknown_options", False)
        assert has_others or set(re.findall(r" (--[a-z-]+)", rest)) <= options, words + rest


def test_the_lock_and_the_documents_name_no_package_index() -> None:
    locks = [*ROOT.glob("requirements*.lock"), *ROOT.glob("functions/*.lock")]
    locked = "".join(lock.read_text() for lock in locks)
    assert len(locks) == 4
    assert re.findall(r"https?://|--index-url|--find-links", locked) == []


def test_the_changelog_has_one_list_a_heading_and_says_nothing_twice() -> None:
    _, *versions = re.split(r"^## ", text(CHANGELOG), flags=re.MULTILINE)
    lists = []
    for version in versions:
        _, *own = re.split(r"^### ", version, flags=re.MULTILINE)
        order = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
        headings = [each.partition("\n")[0] for each in own]
        assert headings == [each for each in order if each in headings]
        lists += own
    assert not [each for each in lists if "\n\n" in each.strip()]
    begins = [" ".join(entry.split()[:4]) for each in lists for entry in re.split(r"^- ", each, flags=re.MULTILINE)[1:]]
    assert [begin for begin in begins if begins.count(begin) > 1] == []
