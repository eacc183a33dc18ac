"""What the image vcenter-source-function has, and so a handler can import without an image of its own."""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata

from vcenter_functions import __version__

NO_REGISTRY = "registry/SET-IT-IN-config-images"
"""What stands in place of a registry until one is set. A kubelet refuses its capital letters, and shows the text."""

REGISTRY = NO_REGISTRY
"""Where the images of this version are; config/images has the same for kustomize."""

IMAGE = f"{REGISTRY}/vcenter-source-function:{__version__}"
"""The image that serves a handler.py from a ConfigMap."""

STANDARD = frozenset({
    "aiohttp", "asyncpg", "cloudevents", "httpx", "httpx-aiohttp", "opentelemetry-api",
    "opentelemetry-exporter-otlp-proto-http", "opentelemetry-sdk", "orjson", "pydantic", "pydantic-core",
    "pydantic-settings", "pyvmomi", "pyyaml", "requests", "starlette", "structlog", "uvicorn",
})  # fmt: skip
"""The distributions in functions/requirements.txt. What they need is in the image as well."""

_KIT = "vcenter_functions"
_PROJECT = "vcenter-source"


def find_strangers(requirements: str) -> list[str]:
    """Return the lines of a requirements.txt that ask for what the image does not have."""
    lines = (line.partition(" #")[0].strip() for line in requirements.splitlines())
    wanted = [line for line in lines if line and not line.startswith("#")]
    return [line for line in wanted if _read_name(line) not in {*STANDARD, _PROJECT}]


def find_missing_modules(modules: Iterable[str]) -> list[str]:
    """Return those of some modules to import that the image does not have, by what is installed here."""
    provided, present = _map_modules(), _find_present()
    return sorted(
        module
        for module in set(modules) - {_KIT}
        if not present & {_normalize(owner) for owner in provided.get(module, ())}
    )


@functools.cache
def _map_modules() -> Mapping[str, Sequence[str]]:
    """Map each module that can be imported here to the distributions that it comes from."""
    return metadata.packages_distributions()


@functools.cache
def _find_present() -> frozenset[str]:
    """Return the distributions of the image, what they need included."""
    waiting, present = [*STANDARD], set[str]()
    while waiting:
        name = waiting.pop()
        if name not in present:
            present.add(name)
            waiting += _list_needed(name)
    return frozenset(present)


def _list_needed(name: str) -> list[str]:
    try:
        lines = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # for another platform, say
        return []
    return [_read_name(line) for line in lines if "extra ==" not in line]


def _read_name(requirement: str) -> str:
    """Return what a requirement names; empty for an option, a path or an address."""
    found = re.fullmatch(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*([<>=!~;( ].*)?", requirement)
    return _normalize(found[1]) if found else ""


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
