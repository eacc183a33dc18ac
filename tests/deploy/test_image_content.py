"""What is in the images is enough for our code, and not much more."""

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.dockerfile import FUNCTIONS_NEED, PROJECT, ROOT, STAGES, requirements_of
from tests.support.kube_api import kube_api, kubeconfig


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


def list_removed() -> list[str]:
    """The packages of whose modules the adapter's image has none, and those of which it has __init__.py alone."""
    (run,) = STAGES["adapter-venv"].all("RUN")
    (place, whole, inner) = re.findall(r"cd \S+/([a-z]+) && rm -r (\w+) && find (.+?) -name '\*.py' ! -name", run)[0]
    assert whole == "aio"
    return [f"{place}.{each.replace('/', '.')}." for each in inner.split()] + [f"{place}.{whole}"]


def test_the_adapter_speaks_with_an_api_server_without_what_is_removed(tmp_path: Path) -> None:
    with kube_api() as api:
        environment = {"KUBECONFIG": str(kubeconfig(tmp_path, api)), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-c", WITHOUT, *list_removed()]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr, done.stdout) == (0, "", "1 2\n")
        assert api.verbs("configmaps") == ["create", "get", "update", "get"]


WITHOUT = """
import sys

class Removed:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.startswith(tuple(sys.argv[1:])):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Removed)
from vcenter_source.state import kube

found = kube.connect().locate(kube.CONFIG_MAP, "one", "CHECKPOINT")
found.create({"data": {"a": "1"}})
first = found.read()
found.replace(first | {"data": {"a": "2"}})
print(first["data"]["a"], found.read()["data"]["a"])
"""


BOUNDS = {"requirements.lock": 65, "functions/requirements.lock": 60}
"""The most MB that the packages of an image take, without bytecode. Today it is 61, and 49."""


@pytest.mark.parametrize("lock", BOUNDS)
def test_an_image_installs_no_tools_and_is_bounded(lock: str) -> None:
    """By the files of the same packages here; what the Dockerfile removes again is left out."""
    names = set(re.findall(r"(?m)^([a-z\d-]+)==", (ROOT / lock).read_text()))
    assert (
        names & {"hatchling", "hypothesis", "mypy", "pip", "playwright", "pytest", "ruff", "setuptools", "wheel"}
        == set()
    )
    removed = tuple(each.replace(".", "/") for each in list_removed())
    here = [each for each in metadata.distributions() if re.sub(r"[-_.]+", "-", each.name).lower() in names]
    assert len(here) > 0.9 * len(names), "but for those of another platform"
    files = [file for each in here for file in each.files or () if file.suffix != ".pyc"]
    size = sum(Path(str(file.locate())).stat().st_size for file in files if not str(file).startswith(removed))
    assert 20e6 < size < BOUNDS[lock] * 1e6


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
