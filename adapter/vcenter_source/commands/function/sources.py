"""The files of a function that go into a ConfigMap, or why they cannot."""

import ast
import hashlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vcenter_source.commands.function.standard import IMAGE, find_missing_modules, find_strangers
from vcenter_source.core.errors import ConfigurationError

MAX_BYTES = 1024 * 1024
"""The most that a ConfigMap holds."""

MAX_APPLIED_BYTES = 200 * 1024
"""Above this, kubectl apply fails unless it is --server-side: it keeps a copy in an annotation of at most 256 KiB."""

_REQUIREMENTS = "requirements.txt"
DOCKERFILE = (
    "FROM python:3.13-slim-trixie AS packages",
    "COPY requirements.txt .",
    "RUN pip install --no-cache-dir --target /packages --requirement requirements.txt",
    f"FROM {IMAGE}",
    "COPY --from=packages /packages /packages",
    "ENV PYTHONPATH=/packages",
    "COPY . /function/",
)
"""How to build an image with packages of its own; docs/functions.md shows it."""

_HINT = f"build an image and name it with --image; its Dockerfile: {' | '.join(DOCKERFILE)}"


@dataclass(frozen=True, slots=True)
class HandlerSource:
    """The text of a handler's files by their names; ``main`` is the one with the handlers."""

    main: str
    files: Mapping[str, str] = field(repr=False)

    @property
    def size(self) -> int:
        """Return how much of a ConfigMap it fills, in bytes."""
        return sum(len(name) + len(text.encode()) for name, text in self.files.items())

    @property
    def digest(self) -> str:
        """Return a text that differs where any of the files does."""
        parts = "\0".join(f"{name}\0{text}" for name, text in sorted(self.files.items()))
        return hashlib.sha256(parts.encode()).hexdigest()


def read_source(path: Path) -> HandlerSource:
    """Read a handler.py, the modules beside it that it imports, and its requirements.txt.

    Raises ConfigurationError for what only an image can hold.
    """
    files: dict[str, str] = {}
    outside = set(_read_modules(path, files))
    if (requirements := path.with_name(_REQUIREMENTS)).is_file():
        files[_REQUIREMENTS] = _read(requirements)
        if strangers := find_strangers(files[_REQUIREMENTS]):
            raise ConfigurationError(f"{_REQUIREMENTS}: {strangers[0]} is not in the image {IMAGE}; {_HINT}")
    if missing := find_missing_modules(outside):
        raise ConfigurationError(f"{path.name}: imports {missing[0]}, which is not in the image {IMAGE}; {_HINT}")
    source = HandlerSource(path.name, files)
    if source.size > MAX_BYTES:
        raise ConfigurationError(
            f"{path.name}: {source.size} bytes, more than a ConfigMap holds ({MAX_BYTES}); {_HINT}"
        )
    return source


def _read_modules(path: Path, files: dict[str, str]) -> Iterator[str]:
    """Put a module and those beside it that it imports into ``files``; yield the top names of what else it imports."""
    files[path.name] = _read(path)
    for name in _list_imports(ast.parse(files[path.name])):
        beside = path.with_name(f"{name}.py")
        if path.with_name(name).is_dir() and not beside.is_file() and any(path.with_name(name).glob("*.py")):
            raise ConfigurationError(f"{path.name}: imports {name}, a folder, which no ConfigMap holds; {_HINT}")
        if not beside.is_file():
            if name not in sys.stdlib_module_names:
                yield name
        elif beside.name not in files:
            yield from _read_modules(beside, files)


def _list_imports(tree: ast.AST) -> Iterator[str]:
    """Yield the top names of what a module imports when it runs."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for each in node.orelse:
                yield from _list_imports(each)
        else:
            yield from _list_imports(node)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise ConfigurationError(f"{path}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{path}: not UTF-8 text") from exc
