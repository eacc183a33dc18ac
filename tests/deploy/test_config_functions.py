"""config/functions: each folder is what the command prints, and a cluster takes it beside config/knative."""

import shutil
import subprocess

import pytest
import yaml

from demo.manifests import Manifest
from docs.tools.function_manifests import FOLDER, OPTIONS, render
from docs.tools.settings import FUNCTIONS
from tests.deploy.manifest_schema import faults
from tests.deploy.pod_checks import check_bounded, check_restricted
from tests.support.manifest_files import FOLDERS, of_kind, pod

IN_KNATIVE = {"display", "pytag"}
"""Functions that config/knative has, or that are a program."""


def read(name: str) -> list[Manifest]:
    file = FOLDER / name / "function.yaml"
    return [Manifest(file, 1, each) for each in yaml.safe_load_all(file.read_text())]


def test_every_function_of_the_gallery_has_a_folder() -> None:
    assert set(OPTIONS) == {readme.parent.name for readme in FUNCTIONS} - IN_KNATIVE
    assert {folder.name for folder in FOLDER.iterdir()} == set(OPTIONS)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_is_what_the_command_prints(name: str) -> None:
    for file, text in render(name).items():
        assert (FOLDER / name / file).read_text() == text, "run: make docs"


@pytest.mark.parametrize("name", OPTIONS)
def test_a_cluster_takes_it(name: str) -> None:
    manifests = read(name)
    assert [fault for manifest in manifests for fault in faults(manifest)] == []
    (deployment,) = of_kind("Deployment", manifests)
    check_restricted(pod(deployment))
    check_bounded(pod(deployment))
    taken = {(each.kind, each.name) for each in FOLDERS["knative"]}
    assert [each.name for each in manifests if (each.kind, each.name) in taken] == []


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not at hand")
def test_kubectl_builds_it() -> None:
    built = subprocess.run(["kubectl", "kustomize", FOLDER / "pyattr"], capture_output=True, text=True, check=True)
    assert [each["kind"] for each in yaml.safe_load_all(built.stdout)] != []
