"""Whether a version is the next one, and where it stands.

Python reads it of ``SOURCE`` alone, and so does the build of the wheel. What is no Python (images, pages) repeats it;
``PLACES`` lists these files, and a test holds that there are no others.
"""

import re
from datetime import date
from pathlib import Path

from release.errors import ReleaseError

SOURCE = "functions/vcenter_functions/__init__.py"
IMAGES = "config/images/kustomization.yaml"
IMAGES_PAGE = "docs/knative.md"
DEFAULT_REGISTRY = "adapter/vcenter_source/commands/function/standard.py"
PLACES = (
    SOURCE,
    IMAGES,
    "Dockerfile",
    "README.md",
    "docs/functions.md",
    "docs/getting-started.md",
    IMAGES_PAGE,
    "functions/pytag/stack.yml",
)
CHANGELOG = "CHANGELOG.md"
_UNRELEASED = "## Unreleased\n"
_NUMBER = r"(?:0|[1-9]\d*)"
_REGISTRY = r"[a-z\d][a-z\d.-]*(?::\d+)?(?:/[a-z\d]+(?:[._-]+[a-z\d]+)*)*"


def read_version(root: Path) -> str:
    """Return the version of the source in ``root``."""
    found = re.search(r'^__version__ = "(.+)"$', _read(root, SOURCE), re.MULTILINE)
    if found is None:
        raise ReleaseError(f"{SOURCE} has no line __version__ = …; restore it")
    return found[1]


def read_registry(root: Path) -> str:
    """Return where config/images says that the images are."""
    return str(re.findall(r"newName: (\S+)/[\w-]+", _read(root, IMAGES))[0])


def check_version(root: Path, version: str) -> None:
    """Raise ReleaseError unless this may follow, or is, the last version in CHANGELOG.md."""
    if not version:
        raise ReleaseError("VERSION is missing; say for example: make release VERSION=1.2.3")
    if not re.fullmatch(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}", version):
        raise ReleaseError(f"VERSION={version} is no version; write three numbers, such as 1.2.3")
    changes = _read(root, CHANGELOG)
    if _UNRELEASED not in changes:
        raise ReleaseError(f"{CHANGELOG} has no section {_UNRELEASED.strip()}; begin one above the last version")
    released = re.findall(r"^## (\d+\.\d+\.\d+)", changes, re.MULTILINE)
    last = max(released, key=_order, default=None)
    if last is not None and _order(version) < _order(last):
        raise ReleaseError(
            f"VERSION={version} is lower than {last}, the last in {CHANGELOG}; choose that or a higher one"
        )


def is_registry(text: str) -> bool:
    """Return whether images can be named in this registry; in what stands there until one is set, they cannot."""
    return re.fullmatch(_REGISTRY, text) is not None


def check_registry(registry: str) -> None:
    """Raise ReleaseError unless images can be named in this registry."""
    if not is_registry(registry):
        raise ReleaseError(f"REGISTRY={registry} is no registry; write it in small letters, such as ghcr.io/team")


def set_version(root: Path, version: str, today: date) -> list[str]:
    """Write the version wherever it stands, and date its section in CHANGELOG.md; return which files changed."""
    old = re.compile(rf"(?<![\d.]){re.escape(read_version(root))}(?![\d.]*\d)")
    changed = [path for path in PLACES if _replace(root, path, old.sub(version, _read(root, path)))]
    changes = _read(root, CHANGELOG)
    if not re.search(rf"^## {re.escape(version)}\b", changes, re.MULTILINE):
        dated = changes.replace(_UNRELEASED, f"{_UNRELEASED}\n## {version} - {today.isoformat()}\n", 1)
        changed += [CHANGELOG] if _replace(root, CHANGELOG, dated) else []
    return changed


def set_registry(root: Path, registry: str) -> list[str]:
    """Write where the images are, for kustomize and for ``function manifest``; return which files changed.

    The commands that set another registry name this one.
    """
    old = re.compile(rf"(newName: |s\|){re.escape(read_registry(root))}(?=[/|])")
    texts = {path: old.sub(rf"\g<1>{registry}", _read(root, path)) for path in (IMAGES, IMAGES_PAGE)}
    texts[DEFAULT_REGISTRY] = re.sub(r"(?m)^REGISTRY = .*$", f'REGISTRY = "{registry}"', _read(root, DEFAULT_REGISTRY))
    return [path for path, text in texts.items() if _replace(root, path, text)]


def _order(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _read(root: Path, path: str) -> str:
    return (root / path).read_text(encoding="utf-8")


def _replace(root: Path, path: str, text: str) -> bool:
    """Write a file, if the text is another; return whether it is."""
    if _read(root, path) == text:
        return False
    (root / path).write_text(text, encoding="utf-8")
    return True
