"""What users set in a kustomization of config, as a real kubectl builds it where there is one; it needs no cluster."""

import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.manifest_schema import faults
from tests.docs.pages import blocks, page, section
from tests.support.kustomize import NEEDED, build
from tests.support.manifest_files import CONFIG, pod

pytestmark = NEEDED


def by_title(documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """kubectl puts what others need first, in an order of its own."""
    return sorted(documents, key=lambda document: (document["kind"], document["metadata"]["name"]))


def test_unchanged_it_makes_what_the_folder_makes() -> None:
    built = [manifest.document for manifest in build(CONFIG)]
    assert by_title(built) == by_title(manifest.document for manifest in build(CONFIG / "knative"))
    kinds = [document["kind"] for document in built]
    assert (kinds[0], kinds[-2:]) == ("Namespace", ["ContainerSource", "SinkBinding"])


def test_address_and_variants_are_set_in_it_alone(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / "kustomization.yaml"
    text = file.read_text(encoding="utf-8")
    text = text.replace("vcenter.example.com", "vc.example.org")
    text = text.replace("knative/300", "knative-kafka/300").replace("knative/600", "knative-kafka/600")
    file.write_text(text.replace("knative/800", "knative-ha/800").replace("# - ", "- "), encoding="utf-8")
    made = build(file.parent)
    assert [found for manifest in made for found in faults(manifest)] == []
    (vcenter,) = (m for m in made if (m.kind, m.name) == ("ConfigMap", "vcenter"))
    assert vcenter.document["data"] == {"VCENTER_URL": "https://vc.example.org/sdk"}
    kinds = [manifest.kind for manifest in made]
    assert (kinds.count("Broker"), kinds.count("ContainerSource"), kinds.count("SinkBinding")) == (1, 0, 2)
    assert "PrometheusRule" in kinds


@pytest.mark.parametrize(
    ("folder", "kustomization", "heading"),
    [
        ("knative", "kustomization.yaml", "## Your own names and variants"),
        ("openfaas", "openfaas/Kustomization", "## Deploy"),
    ],
)
def test_the_patch_of_the_page_puts_the_dead_letters_into_the_pod(
    folder: str, kustomization: str, heading: str, tmp_path: Path
) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    file = tmp_path / "config" / kustomization
    (named,) = re.findall(r"docs/(\w+\.md) shows", (CONFIG / folder / "250-deadletters.yaml").read_text("utf-8"))
    (shown,) = blocks(section(page(named), heading), "yaml")
    patch, wanted = yaml.safe_load(shown), yaml.safe_load(file.read_text(encoding="utf-8"))
    wanted["patches"] = [*wanted.get("patches", ()), *(patch if isinstance(patch, list) else patch["patches"])]
    file.write_text(yaml.safe_dump(wanted), encoding="utf-8")
    made = build(file.parent)
    assert [found for manifest in made for found in faults(manifest)] == []
    assert [manifest.name for manifest in made if manifest.kind == "PersistentVolumeClaim"] == []
    (letters,) = (m for m in made if m.kind == "Deployment" and m.name.endswith("dead-letters"))
    volumes = {volume["name"]: volume for volume in pod(letters)["volumes"]}
    assert volumes["letters"] == {"name": "letters", "emptyDir": {"sizeLimit": "1Gi"}}
