"""What kubectl apply -f meets in each folder, object by object: nothing refers to what comes later or is not there."""

import re

import pytest
import yaml

from tests.deploy.references import MADE_BY_OTHERS, apply, name_of, refs
from tests.support.manifest_files import CONFIG, FOLDERS, KNATIVE, everything, ours, the, title

VARIANTS = [folder for folder in FOLDERS if folder != "knative"]


def test_the_folder_alone_makes_everything_before_it_is_needed() -> None:
    assert apply(FOLDERS["knative"], set(MADE_BY_OTHERS)) == []


@pytest.mark.parametrize("variant", VARIANTS)
def test_so_does_each_variant_on_top_of_it(variant: str) -> None:
    there = MADE_BY_OTHERS | {name_of(manifest) for manifest in FOLDERS["knative"]}
    assert apply(FOLDERS[variant], there) == []


def test_a_reference_to_what_comes_later_is_found() -> None:
    found = apply(FOLDERS["knative"][::-1], set(MADE_BY_OTHERS))
    assert "knative/Trigger-tag-new-resource-pools needs ('Service', 'vcenter-source', 'pytag')" in found
    assert "knative/Deployment-pytag needs ('ConfigMap', 'vcenter-source', 'vcenter')" in found
    assert "knative/ContainerSource-vcenter-source needs ('Broker', 'vcenter-source', 'default')" in found
    assert "knative/Broker-default needs ('Service', 'vcenter-source', 'dead-letters')" in found


def test_no_object_is_in_a_folder_twice() -> None:
    for folder, manifests in FOLDERS.items():
        names = [name_of(manifest) for manifest in manifests]
        assert len(set(names)) == len(names), folder


def test_only_numbered_yaml_files_lie_in_the_folders() -> None:
    for folder in FOLDERS:
        names = sorted(path.name for path in (CONFIG / folder).iterdir() if path.name != "Kustomization")
        assert all(re.fullmatch(r"\d{3}-[a-z]+\.yaml", name) for name in names), names
        assert len({name[:3] for name in names}) == len(names)


def test_a_binding_comes_before_what_it_binds() -> None:
    kinds = [manifest.kind for manifest in FOLDERS["knative-ha"]]
    assert kinds.index("SinkBinding") < kinds.index("Deployment")


def test_references_name_the_version_that_the_object_has() -> None:
    versions = {(m.kind, m.name): m.document["apiVersion"] for m in everything()}
    for manifest in everything():
        for ref in refs({key: value for key, value in manifest.document.items() if key != "kind"}):
            if "apiVersion" in ref:
                assert ref["apiVersion"] == versions[ref["kind"], ref["name"]], title(manifest)


def test_no_secret_is_in_any_folder_and_the_command_that_makes_it_is_told() -> None:
    assert not [title(manifest) for manifest in everything() if manifest.kind == "Secret"]
    command = "kubectl -n vcenter-source create secret generic vcenter-credentials"
    assert command in (KNATIVE / "100-namespace.yaml").read_text(encoding="utf-8")
    assert command in (CONFIG.parent / "docs" / "knative.md").read_text(encoding="utf-8")


def test_what_the_source_has_written_outlives_another_apply() -> None:
    for manifest in (the("ConfigMap", "vcenter-source-checkpoint"), the("Lease")):
        assert set(manifest.document) == {"apiVersion", "kind", "metadata"}, title(manifest)


def test_the_kustomizations_take_every_file_of_the_folder_in_its_order() -> None:
    files = [path.name for path in sorted(KNATIVE.glob("*.yaml"))]
    kustomization = yaml.safe_load((CONFIG / "kustomization.yaml").read_text(encoding="utf-8"))
    assert kustomization["resources"] == [f"knative/{name}" for name in files]
    for folder in {workload.path.parent for workload in ours()}:
        files = [path.name for path in sorted(folder.glob("*.yaml"))]
        assert yaml.safe_load((folder / "Kustomization").read_text(encoding="utf-8"))["resources"] == files
        assert not (folder / "kustomization.yaml").exists()  # kubectl apply -f would fail of it


def test_what_the_kustomization_offers_besides_is_there() -> None:
    text = (CONFIG / "kustomization.yaml").read_text(encoding="utf-8")
    offered = set(re.findall(r"(?:# - |or )([a-z-]+/\d{3}-[a-z]+\.yaml)", text))
    assert {path.split("/")[0] for path in offered} == {"knative-kafka", "knative-ha", "jaeger", "monitoring"}
    assert [path for path in offered if not (CONFIG / path).is_file()] == []
