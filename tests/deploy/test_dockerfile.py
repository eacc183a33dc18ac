"""The images, as far as can be seen without building them: what goes in, what they run as, and that it suffices."""

import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pytag.settings import Settings as PytagSettings
from tests.deploy.dockerfile import (
    DOCKERFILE,
    FINAL,
    FUNCTIONS_NEED,
    PROJECT,
    ROOT,
    STAGES,
    inherited,
    lineage,
    requirements_of,
)
from tests.support.manifest_files import read_images
from vcenter_functions import __version__
from vcenter_source.commands.function.standard import STANDARD, find_missing_modules
from vcenter_source.settings.serving import HealthSettings


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


LOCK = (ROOT / "functions" / "requirements.lock").read_text()


def test_every_image_begins_with_one_slim_python_that_the_project_supports() -> None:
    """The wheels are unpacked in the whole image of the same Python, which has strip."""
    version = re.fullmatch(r"python:(3\.\d+)-slim-([a-z]+)", STAGES["python"].base)
    assert version
    bases = {stage.base for stage in STAGES.values()} - {*STAGES, "scratch"}
    assert bases == {STAGES["python"].base, f"python:{version[1]}-{version[2]}"}
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
    """It begins with nothing, and gets two folders of other stages: one is Python without its packages."""
    assert inherited(target, "RUN") == []
    assert [stage.base for stage in lineage(target)][-1] == "scratch"
    assert inherited(target, "COPY") == [f"--from={target}-venv /opt/venv /opt/venv", "--from=python /image /"]
    (run,) = STAGES["python"].all("RUN")
    steps = run.split(" && ")
    assert steps[0] == "cd /usr/local/lib/python3.13"
    assert set(steps[1].split()) >= {"rm", "ensurepip", "site-packages/*", "idlelib", "test"}
    assert re.findall(r"apt|pip install|gcc|curl|/bin/sh", run) == []
    assert "python -m venv --without-pip /opt/venv" in STAGES["wheels"].all("RUN")[0]


@pytest.mark.parametrize("target", FINAL)
def test_bytecode_is_written_when_the_image_is_built_and_not_later(target: str) -> None:
    environment = " ".join(inherited(target, "ENV"))
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "PATH=/opt/venv/bin:/usr/local/bin" in environment
    steps = STAGES["python"].all("RUN")[0].split(" && ")
    assert [step.partition(" ")[0] for step in steps].index("cp") > steps.index(
        "python -m compileall -q --invalidation-mode unchecked-hash ."
    )
    assert "compileall -q --invalidation-mode unchecked-hash /opt/venv" in STAGES[f"{target}-venv"].all("RUN")[-1]
    tried = [
        step for stage in STAGES.values() for run in stage.all("RUN") for step in run.split(" && ") if "-c '" in step
    ]
    assert [step for step in tried if not step.startswith("/opt/venv/bin/python -B -c 'import ")] == []
    assert len(tried) == 2, "compileall would leave what an import has written"


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
