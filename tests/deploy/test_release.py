"""``make release``: what it refuses, what it sets, and that dist/ is what the README installs."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
import yaml

from release.__main__ import main
from release.bill import join_locks
from release.manifest import read_digests, render_manifest
from release.versions import (
    CHANGELOG,
    DEFAULT_REGISTRY,
    IMAGES,
    IMAGES_PAGE,
    PLACES,
    read_version,
    set_registry,
    set_version,
)
from tests.docs.pages import README, blocks, section, text
from tests.support.kustomize import NEEDED, build
from tests.support.manifest_files import CONFIG, REFERENCE, ROOT
from vcenter_functions import __version__
from vcenter_source.commands.function.standard import NO_REGISTRY

DIGEST = f"sha256:{'0af9' * 16}"
NEXT = "9.0.0"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the files that a release reads and writes."""
    for path in (*PLACES, CHANGELOG, DEFAULT_REGISTRY):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    shutil.copytree(CONFIG / "knative", tmp_path / "config" / "knative")
    return tmp_path


@pytest.fixture
def clone(tree: Path) -> Path:
    """The same, committed."""
    git(tree, "init", "--quiet")
    git(tree, "add", ".")
    git(tree, "commit", "--quiet", "--message", "First")
    return tree


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def edit(path: str, change: Callable[[str], str]) -> Callable[[Path], None]:
    def apply(clone: Path) -> None:
        (clone / path).write_text(change((clone / path).read_text()))

    return apply


def tag_before(clone: Path) -> None:
    git(clone, "tag", f"v{NEXT}")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "Second")


@pytest.mark.parametrize(
    ("arguments", "prepare", "said"),
    [
        ([""], None, "VERSION is missing; say for example: make release VERSION=1.2.3"),
        (["1.2"], None, "VERSION=1.2 is no version; write three numbers, such as 1.2.3"),
        (["v1.2.3"], None, "VERSION=v1.2.3 is no version; write three numbers, such as 1.2.3"),
        (["01.2.3"], None, "VERSION=01.2.3 is no version; write three numbers, such as 1.2.3"),
        (["-1"], None, "VERSION=-1 is no version; write three numbers, such as 1.2.3"),
        (
            ["8.9.9"],
            edit(CHANGELOG, lambda old: old.replace("## Unreleased\n", f"## Unreleased\n\n## {NEXT} - 2026-01-31\n")),
            f"VERSION=8.9.9 is lower than {NEXT}, the last in CHANGELOG.md; choose that or a higher one",
        ),
        (
            [NEXT],
            edit(CHANGELOG, lambda old: old.replace("## Unreleased", "## Later")),
            "CHANGELOG.md has no section ## Unreleased; begin one above the last version",
        ),
        (
            [NEXT],
            edit("README.md", lambda old: old + "more\n"),
            "there are changes since the last commit: README.md; commit or stash them",
        ),
        ([NEXT], tag_before, f"the tag v{NEXT} is of another commit; check that out, or choose a higher version"),
        (
            [NEXT, "--registry=Team"],
            None,
            "REGISTRY=Team is no registry; write it in small letters, such as ghcr.io/team",
        ),
        ([NEXT, "--digests=no"], None, "DIGESTS=no: No such file or directory; name a file, or leave DIGESTS out"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    arguments: list[str],
    prepare: Callable[[Path], None] | None,
    said: str,
    clone: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    if prepare is not None:
        prepare(clone)
    version, *options = arguments
    assert main(["--bill-tool=none", *options, "--", version], clone) == 2
    assert capfd.readouterr() == ("", f"release: {said}\n")
    assert not (clone / "dist").exists()


def test_no_clone_is_one_line_too(
    tree: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tree.parent))
    assert main(["--bill-tool=none", NEXT], tree) == 2
    assert capfd.readouterr().err.startswith("release: a release is made in a clone: git status says: fatal: not a git")


def test_the_version_is_set_wherever_it_stands_and_the_changelog_is_dated(tree: Path) -> None:
    before = (tree / CHANGELOG).read_text()
    assert set(set_version(tree, NEXT, date(2027, 1, 31))) == {*PLACES, CHANGELOG}
    assert read_version(tree) == NEXT
    for path in PLACES:
        new = (tree / path).read_text()
        assert new == re.sub(rf"(?<![\d.]){re.escape(__version__)}(?![\d.]*\d)", NEXT, (ROOT / path).read_text())
    after = (tree / CHANGELOG).read_text()
    assert after == before.replace("## Unreleased\n", f"## Unreleased\n\n## {NEXT} - 2027-01-31\n", 1)
    assert set_version(tree, NEXT, date(2027, 2, 28)) == [], "a second time, nothing is left to do"


def test_the_registry_is_set_for_kustomize_and_for_function_manifest(tree: Path) -> None:
    set_registry(tree, "ghcr.io/team")
    images = yaml.safe_load((tree / "config/images/kustomization.yaml").read_text())["images"]
    assert {each["newName"].rpartition("/")[0] for each in images} == {"ghcr.io/team"}
    assert '\nREGISTRY = "ghcr.io/team"\n' in (tree / DEFAULT_REGISTRY).read_text()
    for path in (IMAGES, IMAGES_PAGE):  # the command that sets another one
        assert re.findall(r"sed -i ['\"]s\|([^|]+)\|\S+\|['\"] config/images", (tree / path).read_text()) == [
            "ghcr.io/team"
        ]
    assert set_registry(tree, "registry:5000/a/b") != []
    assert "registry:5000/a/b/vcenter-source-pytag:" in render_manifest(tree, __version__, {})


@NEEDED
def test_the_file_is_what_kubectl_makes_of_the_folder() -> None:
    def key(document: dict[str, object]) -> str:
        return json.dumps(document, sort_keys=True, default=str)

    rendered = list(yaml.safe_load_all(render_manifest(ROOT, __version__, {})))
    built = [manifest.document for manifest in build(CONFIG / "knative")]
    assert sorted(map(key, rendered)) == sorted(json.dumps(dict(each), sort_keys=True, default=str) for each in built)


def test_images_have_their_digest_where_it_is_known(tree: Path) -> None:
    (tree / "digests").write_text(f"vcenter-source-adapter {DIGEST}\n")
    set_registry(tree, "ghcr.io/team")
    rendered = render_manifest(tree, __version__, read_digests(tree / "digests"))
    named = set(re.findall(r"image: (\S+)", rendered))
    assert named == {
        f"ghcr.io/team/vcenter-source-adapter:{__version__}@{DIGEST}",
        f"ghcr.io/team/vcenter-source-pytag:{__version__}",
    }
    assert [name for name in named if not REFERENCE.fullmatch(name)] == []


def test_its_first_lines_are_commands_that_change_it(tree: Path) -> None:
    for registry in (NO_REGISTRY, "ghcr.io/team"):
        set_registry(tree, registry)
        rendered = render_manifest(tree, __version__, {})
        head, _, body = rendered.partition("# Everything is in this namespace.")
        changes = re.findall(r"sed -i 's\|(\S+)\|(\S+)\|' vcenter-source.yaml", head)
        assert [old for old, _ in changes if old not in body] == []
        assert len(changes) == (2 if registry == NO_REGISTRY else 1)
        for old, new in changes:
            body = body.replace(old, new)
        assert [image for image in re.findall(r" image: (\S+)", body) if not REFERENCE.fullmatch(image)] == []


def test_the_bill_has_each_locked_package_once() -> None:
    names = re.findall(r"(?m)^([a-z\d-]+)==", join_locks(ROOT))
    locked = [(ROOT / lock).read_text() for lock in ("requirements.lock", "functions/requirements.lock")]
    assert sorted(names) == sorted({name for lock in locked for name in re.findall(r"(?m)^([a-z\d-]+)==", lock)})


def read_readme() -> list[str]:
    """The commands of the README by which a release is made, installed and deployed."""
    shown = [*blocks(section(text(README), "## Install"), "console")[-1:]]
    shown += blocks(section(text(README), "## Deploy"), "console")[:1]
    return [line.removeprefix("$ ").partition("   ")[0] for line in "".join(shown).splitlines()]


def test_the_readme_makes_this_version_and_installs_and_applies_what_it_makes(tree: Path) -> None:
    made, installed, changed, applied, *_ = read_readme()
    assert made == f"make release VERSION={__version__} REGISTRY=registry.example.com/team"
    assert installed == f"python3 -m pip install dist/vcenter_source-{__version__}-py3-none-any.whl"
    (old,) = re.findall(r"^sed -i 's\|(\S+)\|\S+\|' dist/vcenter-source.yaml$", changed)
    set_registry(tree, "registry.example.com/team")
    assert old in render_manifest(tree, __version__, {}).partition("# Everything is")[2]
    assert applied == "kubectl apply -f dist/vcenter-source.yaml"


@pytest.mark.guarantees
@pytest.mark.timeout(400)
def test_the_tests_hold_with_another_version_and_a_registry(tmp_path: Path) -> None:
    """They are run for the tag, in the tree that is released."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], check=True)
    clone = tmp_path / "clone"
    set_version(clone, "8.0.0", date(2027, 1, 31))
    set_registry(clone, "ghcr.io/team")
    path = os.pathsep.join(str(clone / each) for each in ("adapter", "functions", "simulator"))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "tests/deploy", "tests/docs"]
    done = subprocess.run(
        command, cwd=clone, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.guarantees
@pytest.mark.timeout(400)
def test_a_fresh_clone_writes_what_the_readme_installs(tmp_path: Path) -> None:
    """With what PyPI has, and nothing else: the environment is this one, the tool for the bill comes from there."""
    made, installed, *_ = read_readme()
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(tmp_path / "clone")], check=True)
    command = f"{made} VENV={sys.prefix} RELEASE_VENV=.venv-release --assume-old={sys.prefix}/.ready"
    done = subprocess.run(command.split(), cwd=tmp_path / "clone", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    dist = tmp_path / "clone" / "dist"
    sums = dict(line.split("  ")[::-1] for line in (dist / "SHA256SUMS").read_text().splitlines())
    assert sums == {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in dist.iterdir() if file.name != "SHA256SUMS"
    }
    wheel = installed.rpartition("/")[2]
    bill = f"vcenter-source-{__version__}.cdx.json"
    assert set(sums) == {wheel, f"vcenter_source-{__version__}.tar.gz", bill, "vcenter-source.yaml"}
    assert "registry.example.com/team/vcenter-source-adapter:" in (dist / "vcenter-source.yaml").read_text()
    standard = zipfile.ZipFile(dist / wheel).read("vcenter_source/commands/function/standard.py").decode()
    assert 'REGISTRY = "registry.example.com/team"' in standard
    content = json.loads((dist / bill).read_text())
    assert (content["bomFormat"], content["metadata"]["component"]["version"]) == ("CycloneDX", __version__)
    assert len(content["components"]) > 50
    assert re.findall(rf"{re.escape(os.fspath(tmp_path))}|{re.escape(os.fspath(ROOT))}", json.dumps(content)) == []
