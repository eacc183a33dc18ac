"""The images, as far as can be seen without building them: what goes in, what they run as, and that it suffices."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pytag.settings import Settings as PytagSettings
from tests.support.manifest_files import read_images
from vcenter_functions import __version__
from vcenter_source.commands.function.standard import STANDARD, find_missing_modules
from vcenter_source.settings.serving import HealthSettings

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "functions" / "requirements.lock").read_text()
FINAL = ["adapter", "function", "pytag"]


@dataclass(frozen=True)
class Stage:
    base: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.steps if name == instruction]


def parsed() -> dict[str, Stage]:
    """Each stage by name. A line that ends in a backslash goes on, comments stand on lines of their own."""
    stages: dict[str, Stage] = {}
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            base, _, stage = arguments.partition(" AS ")
            stages[stage] = Stage(base, [])
        else:
            stages[stage].steps.append((name, " ".join(arguments.split())))
    return stages


STAGES = parsed()


def lineage(name: str) -> Iterator[Stage]:
    """A stage and those that it is built on: what is in its image."""
    while name in STAGES:
        yield STAGES[name]
        name = STAGES[name].base


def inherited(target: str, instruction: str) -> list[str]:
    return [arguments for stage in lineage(target) for arguments in stage.all(instruction)]


def sent(path: str) -> bool:
    """Whether .dockerignore lets a path through: the last pattern that matches it, or a folder above it, decides."""
    allowed = True
    parts = Path(path).parts
    above = ["/".join(parts[: n + 1]) for n in range(len(parts))]
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!").removeprefix("**/")
            names = parts if line.startswith("**/") else above
            if any(fnmatch(name, pattern) for name in names):
                allowed = line.startswith("!")
    return allowed


def requirements_of(*roots: str) -> set[str]:
    """The distributions that these need, themselves among them, by the metadata of what is installed here."""
    needed: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in needed:
            needed.add(name)
            wanted = (Requirement(line) for line in metadata.requires(name) or ())
            waiting += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return needed


FUNCTIONS_NEED = [
    Requirement(line)
    for line in (ROOT / "functions" / "requirements.txt").read_text().splitlines()
    if not line.startswith("#")
]


def test_every_image_begins_with_one_slim_python_that_the_project_supports() -> None:
    bases = {stage.base for stage in STAGES.values()} - set(STAGES)
    assert len(bases) == 1
    version = re.fullmatch(r"python:(3\.\d+)-slim-[a-z]+", bases.pop())
    assert version
    assert f"/lib/python{version[1]}/" in DOCKERFILE
    assert set(re.findall(r"python(3\.\d+)/", DOCKERFILE)) == {version[1]}
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(f"{version[1]}.0")


def test_the_last_stage_is_the_adapter_which_a_build_without_a_target_makes() -> None:
    assert list(STAGES)[-1] == "adapter"
    assert set(FINAL) <= set(STAGES)


@pytest.mark.parametrize("target", FINAL)
def test_an_image_runs_as_a_number_that_is_not_root(target: str) -> None:
    assert inherited(target, "USER") == ["65532:65532"]


@pytest.mark.parametrize("target", FINAL)
def test_an_image_has_no_pip_no_build_tools_and_nothing_of_the_context(target: str) -> None:
    runs = " && ".join(inherited(target, "RUN"))
    assert runs.startswith("python -m pip uninstall --yes")
    assert re.findall(r"apt|pip install|gcc|curl", runs) == []
    assert inherited(target, "COPY") == [f"--from={target}-venv /opt/venv /opt/venv"]


@pytest.mark.parametrize("target", FINAL)
def test_bytecode_is_written_when_the_image_is_built_and_not_later(target: str) -> None:
    environment = " ".join(inherited(target, "ENV"))
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "PATH=/opt/venv/bin:$PATH" in environment
    assert "compileall" in " ".join(inherited(target, "RUN"))
    assert "compileall -q --invalidation-mode unchecked-hash /opt/venv" in STAGES[f"{target}-venv"].all("RUN")[-1]


def test_nothing_is_installed_that_the_lock_does_not_hold() -> None:
    installs = [step for stage in STAGES.values() for run in stage.all("RUN") for step in run.split("&&")]
    from_an_index = [step for step in installs if re.search(r"\bpip (--python \S+ )?(install|download|wheel) ", step)]
    assert len(from_an_index) == 7
    assert [s for s in from_an_index if not re.search(r"--require-hashes|--no-index|--no-build-isolation", s)] == []


def test_awk_takes_hatchling_and_all_that_it_needs_out_of_the_lock() -> None:
    named = re.search(r"\^\(([a-z|-]+)\)==", DOCKERFILE)
    assert named
    assert set(named[1].split("|")) == requirements_of("hatchling")
    assert set(named[1].split("|")) <= set(
        re.findall(r"(?m)^([a-z\d-]+)==", (ROOT / "requirements-dev.lock").read_text())
    )


def test_what_is_copied_is_there_and_the_build_is_sent_it_and_no_more() -> None:
    copied = {
        source
        for stage in STAGES.values()
        for copy in stage.all("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source for source in copied if not (ROOT / source).exists()} == set()
    assert {source.partition("/")[0] for source in copied} == allowed
    assert all(map(sent, copied))
    unwanted = [
        ".git/config",
        ".venv/bin/python",
        "adapter/vcenter_source/__pycache__/run.pyc",
        "tests/conftest.py",
        "config/knative",
    ]
    assert [path for path in [*unwanted, "demo/scenario.py", "password", ".env"] if sent(path)] == []


def test_an_image_is_of_the_projects_version_and_the_manifests_use_it() -> None:
    for target in FINAL:
        assert f"VERSION={__version__}" in inherited(target, "ARG")
        assert "org.opencontainers.image.version=$VERSION" in " ".join(inherited(target, "LABEL"))
        assert f"org.opencontainers.image.title=vcenter-source-{target}" in STAGES[target].all("LABEL")[0]
    made = {f"vcenter-source-{target}:{__version__}" for target in FINAL}
    assert {f"{each['newName'].rpartition('/')[2]}:{each['newTag']}" for each in read_images()} == made
    assert set(re.findall(r"--tag (\S+)", DOCKERFILE)) == {f"$REGISTRY/{name}" for name in made}


def test_the_ports_are_those_that_the_settings_begin_with() -> None:
    assert inherited("adapter", "EXPOSE") == [str(HealthSettings.model_fields["port"].default)]
    assert (
        inherited("function", "EXPOSE")
        == inherited("pytag", "EXPOSE")
        == [str(PytagSettings.model_fields["port"].default)]
    )


def test_an_image_started_as_it_is_does_its_work_and_gets_the_signals() -> None:
    """In the exec form there is no shell between, which would keep SIGTERM to itself."""
    assert json.loads(inherited("adapter", "ENTRYPOINT")[0]) + json.loads(inherited("adapter", "CMD")[0]) == [
        "vcenter-source",
        "run",
    ]
    assert "vcenter-source" in PROJECT["scripts"]
    assert json.loads(inherited("pytag", "ENTRYPOINT")[0]) == ["python", "-m", "pytag"]
    assert json.loads(inherited("function", "ENTRYPOINT")[0]) == ["python", "-m", "vcenter_functions"]
    assert json.loads(inherited("function", "CMD")[0]) == ["/function/handler.py"]
    assert [inherited(target, "STOPSIGNAL") for target in FINAL] == [["SIGTERM"]] * len(FINAL)


def test_a_handler_may_import_what_the_functions_need() -> None:
    assert {need.name for need in FUNCTIONS_NEED} == STANDARD
    assert find_missing_modules(["httpx", "pyVmomi", "anyio", "vcenter_functions"]) == []
    assert find_missing_modules(["vcenter_source", "typer", "nowhere", "httpx"]) == [
        "nowhere",
        "typer",
        "vcenter_source",
    ]


def test_what_the_functions_need_is_in_the_lock() -> None:
    locked = dict(re.findall(r"(?m)^([a-z\d-]+)==(\S+)", LOCK))
    assert {name for name in requirements_of(*(need.name for need in FUNCTIONS_NEED)) if name not in locked} == set()
    assert [need for need in FUNCTIONS_NEED if not need.specifier.contains(locked[need.name])] == []


@pytest.mark.parametrize(
    ("rooms", "roots"),
    [
        ("vcenter_functions pytag display", [need.name for need in FUNCTIONS_NEED]),
        (
            "vcenter_source vcenter_functions.net vcenter_functions.otel",
            [Requirement(line).name for line in PROJECT["dependencies"]],
        ),
    ],
)
def test_what_is_in_an_image_is_enough_to_import_all_of_its_code(rooms: str, roots: list[str]) -> None:
    """In a process that finds the standard library, these packages, what these distributions bring, and no more."""
    provided = metadata.packages_distributions()
    wanted = requirements_of(*roots)
    allowed = {top for top, owners in provided.items() if {o.lower().replace("_", "-") for o in owners} & wanted}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, rooms, *sorted(allowed)],
        env={"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert int(done.stdout) > 5


IMPORT_ALL = """
import importlib, pkgutil, sys
rooms, *allowed = sys.argv[1:]
rooms = rooms.split()

class Image:
    @staticmethod
    def find_spec(name, path=None, target=None):
        top = name.partition(".")[0]
        known = {*(room.partition(".")[0] for room in rooms), *allowed, *sys.stdlib_module_names}
        if top not in known and not top.startswith("_sysconfigdata"):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Image)
paths = {room: getattr(importlib.import_module(room), "__path__", []) for room in rooms}
found = [module.name for room, path in paths.items() for module in pkgutil.walk_packages(path, f"{room}.")]
for name in found:
    if name not in {"vcenter_source.__main__", "vcenter_functions.pytest_plugin"}:  # which pytest alone imports
        importlib.import_module(name)
print(len(found))
"""
