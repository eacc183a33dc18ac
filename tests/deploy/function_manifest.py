"""What ``vcenter-source function manifest`` prints for a handler.py, and two handlers for it."""

from pathlib import Path
from typing import Any

import yaml

from demo.manifests import Manifest
from vcenter_source.commands.function.manifest import ManifestRequest, build_manifest
from vcenter_source.commands.function.standard import NO_REGISTRY, REGISTRY

NO_REGISTRY_NOTE = "no registry is set: --base-image says where vcenter-source-function is"
NOTED = [NO_REGISTRY_NOTE] if REGISTRY == NO_REGISTRY else []
"""What is noted of the image where none is given; nothing, once a release has set where the images are."""

HANDLER = """
from vcenter_functions import Event, VCenter, on

@on("VmPoweredOnEvent")
async def stamp(event: Event, vcenter: VCenter) -> None: ...
"""
SETTINGS = """
from pydantic import FilePath, SecretStr
from pydantic_settings import BaseSettings
from vcenter_functions import Event, on

class Settings(BaseSettings):
    channel: str
    limit: int = 5
    words: list[str] = []
    file: FilePath | None = None
    webhook_url: SecretStr

@on("VmPoweredOnEvent")
async def notify(event: Event, settings: Settings) -> None: ...
"""


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
