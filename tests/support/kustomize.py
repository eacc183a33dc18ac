"""What a real kubectl builds of a kustomization; it needs no cluster for that."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from demo.manifests import Manifest

NEEDED = pytest.mark.skipif(shutil.which("kubectl") is None, reason="no kubectl on PATH")


def build(folder: Path) -> list[Manifest]:
    """Return the objects of the kustomization in a folder."""
    command = ["kubectl", "kustomize", str(folder)]
    built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert built.stderr == ""
    return [Manifest(folder / "kustomization.yaml", 1, each) for each in yaml.safe_load_all(built.stdout)]


def write_overlay(folder: Path, namespace: str, resources: Sequence[str]) -> Path:
    """Write a kustomization that puts what is in these folders or files, beside its own, into a namespace."""
    overlay = folder / "overlay"
    overlay.mkdir()
    lines = ["kind: Kustomization", f"namespace: {namespace}", "resources:", *(f"  - ../{each}" for each in resources)]
    (overlay / "kustomization.yaml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return overlay
