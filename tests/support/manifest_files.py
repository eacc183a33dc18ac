"""The manifests under config, read once, and what several tests ask of them."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from demo.manifests import Manifest, read_manifests

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
KNATIVE = CONFIG / "knative"
NAMESPACE = "vcenter-source"
FOLDERS = {
    folder.name: read_manifests(folder)
    for folder in sorted(CONFIG.iterdir())
    if any(re.match(r"\d{3}-", file.name) for file in folder.glob("*.yaml"))
}
"""Every folder that kubectl apply -f takes, by its name, its objects in the order of kubectl apply -f."""

UNNAMED = "kubectl-apply-k://"
"""What stands before the name of an image of ours until config/images has named it."""

REFERENCE = re.compile(r"[a-z\d.-]+(:\d+)?(/[a-z\d]+([._-]+[a-z\d]+)*)+:[\w.-]{1,128}(@sha256:[a-f\d]{64})?")
"""An image with a registry, as the distribution specification writes it: without capital letters."""

WORKLOADS = {"Deployment", "ContainerSource"}


def everything() -> list[Manifest]:
    return [manifest for manifests in FOLDERS.values() for manifest in manifests]


def of_kind(kind: str, manifests: Iterable[Manifest] | None = None) -> list[Manifest]:
    """Those of a kind; of config/knative where nothing else is said."""
    return [m for m in (FOLDERS["knative"] if manifests is None else manifests) if m.kind == kind]


def the(kind: str, name: str | None = None, folder: str = "knative") -> Manifest:
    (manifest,) = (m for m in of_kind(kind, FOLDERS[folder]) if name in {None, m.name})
    return manifest


def workloads() -> list[Manifest]:
    """What makes pods, in every folder."""
    return [manifest for manifest in everything() if manifest.kind in WORKLOADS]


def pod(workload: Manifest) -> Mapping[str, Any]:
    return dict(workload.spec["template"]["spec"])


def labels(workload: Manifest) -> Mapping[str, str]:
    return dict(workload.spec["template"]["metadata"]["labels"])


def container(workload: Manifest) -> Mapping[str, Any]:
    (only,) = pod(workload)["containers"]
    return dict(only)


def ours() -> list[Manifest]:
    """The workloads that run our images."""
    return [workload for workload in workloads() if container(workload)["image"].startswith(UNNAMED)]


def read_images() -> list[dict[str, str]]:
    """What config/images says of each image of ours."""
    text = (CONFIG / "images" / "kustomization.yaml").read_text(encoding="utf-8")
    return list(yaml.safe_load(text)["images"])


def title(manifest: Manifest) -> str:
    """For a test's id: ``knative/Deployment-pytag``."""
    return f"{manifest.path.parent.name}/{manifest.kind}-{manifest.name}"
