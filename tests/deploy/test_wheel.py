"""What pip installs: three import packages with names of their own, which work beside a user's own folders."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.manifest_files import ROOT
from tests.support.processes import clean_environment, process_anew
from vcenter_functions import __version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, as ``pip wheel`` does, with the hatchling that the lock for development names."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a program that finds the wheel's content before this clone."""
    folder = tmp_path_factory.mktemp("installed")
    zipfile.ZipFile(wheel).extractall(folder)
    return clean_environment(PYTHONPATH=str(folder))


@pytest.fixture
def folder_of_a_user(tmp_path: Path) -> Path:
    """A folder whose own packages have the names of our folders, and fail where they are imported."""
    for name in ("adapter", "functions", "simulator", "demo", "pytag"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError\n")
    return tmp_path


def test_it_holds_three_import_packages_their_types_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {"vcenter_source", "vcenter_functions", "vcenter_simulator"}
    assert {name.partition("/")[0] for name in names} == packages | {f"vcenter_source-{__version__}.dist-info"}
    assert {f"{package}/py.typed" for package in packages} <= set(names)
    assert "vcenter_source/viewer/page/index.html" in names
    assert not [name for name in names if "__pycache__" in name or "/test_" in name]


@pytest.mark.parametrize("arguments", [["--version"], ["types", "resourcepool"], ["simulate", "--help"]])
def test_a_command_runs_in_a_folder_that_has_such_names_itself(
    arguments: list[str], installed: dict[str, str], folder_of_a_user: Path
) -> None:
    command = [sys.executable, "-m", "vcenter_source", *arguments]
    done = subprocess.run(command, cwd=folder_of_a_user, env=installed, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    where = "import vcenter_source; print(vcenter_source.__file__)"
    found = subprocess.run([sys.executable, "-c", where], env=installed, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(installed["PYTHONPATH"] + os.sep)


def test_it_prints_events_of_the_simulator_that_it_brings(
    installed: dict[str, str], folder_of_a_user: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder_of_a_user)
    login = {"VCENTER_USERNAME": "administrator@vsphere.local", "VCENTER_PASSWORD": "VMware1!"}
    path = {"PYTHONPATH": installed["PYTHONPATH"]}
    with process_anew("vcenter_source", "simulate", "--port", "0", "--backlog", "1", **path) as simulator:
        assert simulator.stdout is not None
        url = simulator.stdout.readline().removeprefix("simulator ready: ").strip()
        settings = {"VCENTER_URL": url, "START_FROM": "beginning", **login, **path}
        with process_anew("vcenter_source", "run", "--sink", "-", **settings) as adapter:
            assert adapter.stdout is not None
            assert '"specversion":"1.0"' in adapter.stdout.readline().replace(" ", "")


def test_without_its_extra_the_simulator_is_named_with_the_command_that_installs_it(tmp_path: Path) -> None:
    code = """import sys, importlib.util as u
real = u.find_spec
u.find_spec = lambda name, *more: None if name == "uvicorn" else real(name, *more)
sys.argv[1:] = ["simulate"]
from vcenter_source.cli import main
main()"""
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "pip install 'vcenter-source[simulator]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
