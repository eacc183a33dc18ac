"""What ``vcenter-source function manifest`` prints for a handler.py."""

from pathlib import Path
from typing import Any

import yaml

from demo.manifests import Manifest
from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest


def write(folder: Path, text: str, **files: str) -> str:
    """A function's folder, called stamp."""
    (folder / "stamp").mkdir()
    for name, content in {"handler.py": text, **files}.items():
        (folder / "stamp" / name).parent.mkdir(exist_ok=True)
        (folder / "stamp" / name).write_text(content)
    return str(folder / "stamp" / "handler.py")


def printed(path: str, **more: Any) -> list[Manifest]:
    text = build_manifest(ManifestRequest(path, **more)).format()
    return [Manifest(Path("function.yaml"), 1, document) for document in yaml.safe_load_all(text)]


def one(kind: str, manifests: list[Manifest]) -> Manifest:
    (found,) = (manifest for manifest in manifests if manifest.kind == kind)
    return found
