"""The functions in a stack.yml, read as faas-cli deploy -f does."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.manifests import Manifest, ManifestError, documents

SECRETS = "/var/openfaas/secrets"
"""Where OpenFaaS puts every key of every secret of a function, each as a file."""


@dataclass(frozen=True, slots=True)
class Function:
    """One function. ``where`` says where it is written down."""

    name: str
    annotations: Mapping[str, str]
    environment: Mapping[str, str]
    secrets: tuple[str, ...]
    image: str
    where: str

    def environment_with(self, secrets: Path) -> dict[str, str]:
        """Return its variables, for a machine on which the secrets' files are in this folder."""
        return {name: value.replace(SECRETS, str(secrets)) for name, value in self.environment.items()}


def read_stack(path: Path) -> list[Function]:
    """Read the functions of a stack.yml. Raises ManifestError."""
    try:
        functions = [function for manifest in documents(path) for function in _functions(manifest)]
    except OSError as exc:
        raise ManifestError(f"{path}: {exc.strerror}") from exc
    if not functions:
        raise ManifestError(f"{path} has no functions")
    return functions


def _functions(manifest: Manifest) -> list[Function]:
    listed = manifest.document.get("functions")
    if not isinstance(listed, Mapping):
        return []
    return [_function(str(name), stated, manifest.where) for name, stated in listed.items()]


def _function(name: str, stated: Any, where: str) -> Function:
    if not isinstance(stated, Mapping) or not stated.get("image"):
        raise ManifestError(f"{where}: function {name} has no image")
    annotations, environment = (_texts(stated, part, name, where) for part in ("annotations", "environment"))
    return Function(
        name, annotations, environment, tuple(map(str, stated.get("secrets") or ())), str(stated["image"]), where
    )


def _texts(stated: Mapping[str, Any], part: str, name: str, where: str) -> dict[str, str]:
    """Return names and values as texts, as faas-cli wants them."""
    values = stated.get(part) or {}
    if not isinstance(values, Mapping):
        raise ManifestError(f"{where}: function {name}: {part} is not a mapping")
    return {str(key): str(value) for key, value in values.items()}
