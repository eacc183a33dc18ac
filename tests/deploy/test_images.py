"""config/images names every image of ours; until it has a registry, what a pod shows says what to set."""

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.docs.pages import blocks, page, section
from tests.support.kustomize import NEEDED, build
from tests.support.manifest_files import CONFIG, REFERENCE, ROOT, UNNAMED, container, of_kind, read_images, workloads
from vcenter_functions import __version__
from vcenter_source.commands.function.standard import IMAGE, NO_REGISTRY, REGISTRY

KUSTOMIZED = [path.parent for path in sorted(CONFIG.rglob("[Kk]ustomization*")) if path.parent != CONFIG / "images"]


def find_images(folder: Path) -> set[str]:
    made = build(folder)
    return {container(each)["image"] for kind in ("Deployment", "ContainerSource") for each in of_kind(kind, made)}


def test_every_image_of_ours_is_named_in_one_place_with_this_version() -> None:
    used = {container(workload)["image"] for workload in workloads()} | {f"{UNNAMED}vcenter-source-function"}
    images = read_images()
    assert {each["name"] for each in images} == {name for name in used if name.startswith(UNNAMED)}
    assert {(each["newName"], each["newTag"]) for each in images} == {
        (each["name"].replace(UNNAMED, f"{REGISTRY}/"), __version__) for each in images
    }
    assert f"{REGISTRY}/vcenter-source-function:{__version__}" == IMAGE
    assert yaml.safe_load((CONFIG / "images" / "kustomization.yaml").read_text())["kind"] == "Component"


@pytest.mark.parametrize("folder", KUSTOMIZED, ids=lambda folder: folder.relative_to(ROOT).as_posix())
def test_every_kustomization_takes_it_from_there(folder: Path) -> None:
    (file,) = (path for path in folder.iterdir() if path.name.lower().startswith("kustomization"))
    (component,) = yaml.safe_load(file.read_text())["components"]
    assert (folder / component).resolve() == CONFIG / "images"


@NEEDED
def test_what_is_not_set_is_no_reference_and_says_what_to_set() -> None:
    without = {container(workload)["image"] for workload in workloads() if UNNAMED in container(workload)["image"]}
    assert [image for image in without if REFERENCE.fullmatch(image)] == []
    assert {image.partition("://")[0] for image in without} == {"kubectl-apply-k"}
    for image in find_images(CONFIG / "knative"):
        assert image.startswith(f"{REGISTRY}/")
        assert (REGISTRY == NO_REGISTRY) is not bool(REFERENCE.fullmatch(image))
    assert "SET-IT-IN-config-images" in NO_REGISTRY


@NEEDED
def test_after_the_command_of_the_page_every_folder_has_the_registry(tmp_path: Path) -> None:
    shutil.copytree(CONFIG, tmp_path / "config")
    commands = "".join(blocks(section(page("knative.md"), "## Images"), "console"))
    (old, new, file) = re.findall(r'sed -i "s\|([^|]+)\|(\S+)\|" (\S+)', commands)[0]
    assert f"s|{old}|" in (CONFIG / "images" / "kustomization.yaml").read_text()
    (registry,) = re.findall(r"export REGISTRY=(\S+)", commands)
    text = (tmp_path / file).read_text()
    (tmp_path / file).write_text(text.replace(old, new.replace("$REGISTRY", registry)))
    pushed = set(re.findall(r"docker push (\S+)", commands.replace("$REGISTRY", registry)))
    built = {folder: find_images(tmp_path / folder.relative_to(ROOT)) for folder in KUSTOMIZED}
    named = set().union(*built.values())
    assert named == pushed | {f"{registry}/vcenter-source-function:{__version__}"}
    assert [image for image in named if not REFERENCE.fullmatch(image)] == []
