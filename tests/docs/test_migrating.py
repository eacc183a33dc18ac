"""The pages for those who come from a peer: our side of each comparison is what the code and the manifests do."""

import copy
import os
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from demo.manifests import Manifest
from tests.deploy.manifest_schema import faults
from tests.docs.pages import DOCS, blocks, page, section
from tests.support.manifest_files import CONFIG, container, of_kind, the
from vcenter_source.settings.source import load

OVER_KNATIVE = ["migrating-from-vspheresource.md", "migrating-from-event-broker.md"]
THEIRS = {"VSphereSource", "RouterConfig"}


def documents(name: str) -> list[dict[str, Any]]:
    return [document for block in blocks(page(name), "yaml") for document in yaml.safe_load_all(block)]


def patched(document: Any, operations: list[dict[str, Any]]) -> Any:
    """A document after JSON patches that add (RFC 6902), as kustomize applies them."""
    changed = copy.deepcopy(document)
    for operation in operations:
        *way, last = operation["path"].strip("/").split("/")
        place = changed
        for step in way:
            place = place[int(step) if isinstance(place, list) else step]
        assert operation["op"] == "add"
        if isinstance(place, list):
            assert last == "-"
            place.append(operation["value"])
        else:
            place[last] = operation["value"]
    return changed


@pytest.mark.parametrize("name", OVER_KNATIVE)
def test_the_kustomization_is_ours_with_a_source_that_could_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (theirs,) = [each for each in documents(name) if each.get("kind") in THEIRS]
    (shown,) = [each for each in documents(name) if "patches" in each]
    ours = yaml.safe_load((CONFIG / "kustomization.yaml").read_text(encoding="utf-8"))
    assert set(shown["resources"]) < set(ours["resources"])
    assert shown["patches"][0] == ours["patches"][0]
    target = shown["patches"][1]["target"]
    source = the(target["kind"], target["name"])
    changed = patched(source.document, yaml.safe_load(shown["patches"][1]["patch"]))
    assert faults(Manifest(source.path, source.line, changed)) == []
    broker = (theirs["spec"]["sink"] if "spec" in theirs else theirs["eventProcessor"]["knative"]["destination"])["ref"]
    namespace = broker.get("namespace") or theirs["metadata"]["namespace"]
    assert changed["spec"]["sink"]["ref"] == {**broker, "namespace": namespace}
    environment = {each["name"]: each.get("value") for each in container(Manifest(source.path, 1, changed))["env"]}
    variables = {"VCENTER_USERNAME": "u", "VCENTER_PASSWORD": "p", "VCENTER_URL": "vc.example.com"}
    for variable in ("EVENT_FORMAT", "START_FROM"):
        variables[variable] = environment[variable]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    load(sink="http://broker")


@pytest.mark.parametrize("name", OVER_KNATIVE)
def test_its_network_policy_is_one_and_is_for_the_source(name: str) -> None:
    (policy,) = [each for each in documents(name) if each.get("kind") == "NetworkPolicy"]
    assert faults(Manifest(DOCS / name, 1, policy)) == []
    ours = [each for each in of_kind("NetworkPolicy") if each.name == "vcenter-source"]
    assert [each.spec["podSelector"] for each in ours] == [policy["spec"]["podSelector"]]


@pytest.mark.parametrize("name", OVER_KNATIVE)
def test_lint_says_of_the_trigger_what_the_page_shows(name: str, tmp_path: Path) -> None:
    chapter = section(page(name), "## Your Triggers")
    (trigger,) = blocks(chapter, "yaml")
    (shown,) = [block for block in blocks(chapter, "console") if "vcenter-source lint" in block]
    command, *printed = shown.splitlines()
    (tmp_path / "trigger.yaml").write_text(trigger)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    run = partial(subprocess.run, shell=True, check=False, capture_output=True, text=True)
    done = run(command.removeprefix("$ "), cwd=tmp_path, env=environment)
    assert done.stdout.splitlines() == printed
    assert done.returncode == 1


def test_the_connectors_configmap_is_that_of_the_folder() -> None:
    (shown,) = [each for each in documents("migrating-from-vcenter-connector.md") if each["kind"] == "ConfigMap"]
    ours = the("ConfigMap", shown["metadata"]["name"], folder="openfaas").document
    assert shown["data"] == ours["data"]
