"""vcenter-source.yaml: config/knative with the images of config/images, as one file for kubectl apply -f.

The comments stay, since people read the file before they apply it; so this joins text, and kustomize is not needed. A
test compares the result with what kubectl makes of the folder.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from release.errors import ReleaseError
from release.versions import IMAGES, is_registry, read_registry

NAME = "vcenter-source.yaml"
FOLDER = "config/knative"
_HEAD = """\
# vcenter-source {version}: config/knative as one file. Put in your vCenter's address{registry}, and apply it:
#
{commands}#
# https://github.com/vcenter-source/vcenter-source/blob/v{version}/docs/knative.md says more.
"""
_ADDRESS = f"#   sed -i 's|vcenter.example.com|YOUR-VCENTER|' {NAME}\n"
_REGISTRY = f"#   sed -i 's|{{registry}}|registry.example.com/team|' {NAME}\n"
_APPLY = f"#   kubectl apply -f {NAME}\n"


def read_digests(path: Path) -> dict[str, str]:
    """Read lines of an image's name and its digest, as the workflow writes them. Raises ReleaseError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as exc:
        raise ReleaseError(f"DIGESTS={path}: {exc.strerror}; name a file, or leave DIGESTS out") from exc
    digests = {}
    for number, line in enumerate(lines, 1):
        found = re.fullmatch(r"([\w-]+) (sha256:[a-f\d]{64})", line)
        if found is None:
            raise ReleaseError(f"{path}:{number}: no digest; write NAME sha256:… with 64 digits")
        digests[found[1]] = found[2]
    return digests


def render_manifest(root: Path, version: str, digests: Mapping[str, str]) -> str:
    """Return the text of vcenter-source.yaml; images have their digest where it is known."""
    images = _read_yaml(root / IMAGES)["images"]
    names = {each["name"]: _format_image(each, digests) for each in images}
    files = _read_yaml(root / FOLDER / "Kustomization")["resources"]
    texts = [(root / FOLDER / file).read_text(encoding="utf-8").strip("\n") for file in files]
    text = "\n---\n".join([_format_head(version, read_registry(root)) + texts[0], *texts[1:]])
    return re.sub(r"(?m)^( *image: )(\S+)$", lambda found: found[1] + names.get(found[2], found[2]), text) + "\n"


def _format_head(version: str, registry: str) -> str:
    if is_registry(registry):
        return _HEAD.format(version=version, registry="", commands=_ADDRESS + _APPLY)
    commands = _ADDRESS + _REGISTRY.format(registry=registry) + _APPLY
    return _HEAD.format(version=version, registry=" and your registry", commands=commands)


def _format_image(image: Mapping[str, str], digests: Mapping[str, str]) -> str:
    digest = digests.get(image["newName"].rpartition("/")[2])
    return f"{image['newName']}:{image['newTag']}" + (f"@{digest}" if digest else "")


def _read_yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
