"""The Triggers in files of Kubernetes' YAML, each with where it stands. Other kinds are passed over."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from vcenter_source.core.errors import ConfigurationError

_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """A Trigger as it is written: which file, its name, and the node of its ``spec``."""

    file: str
    name: str
    spec: yaml.Node


def files(paths: list[str]) -> Iterator[str]:
    """The files that are named; of a folder every YAML and JSON file in it, hidden ones aside."""
    for path in paths:
        if path == "-" or not Path(path).is_dir():
            yield path
            continue
        for found in sorted(Path(path).rglob("*")):
            hidden = any(part.startswith(".") for part in found.relative_to(path).parts)
            if found.suffix in _SUFFIXES and found.is_file() and not hidden:
                yield str(found)


def read(file: str) -> list[Manifest]:
    """The Triggers of a file, ``-`` being standard input. Raises ConfigurationError for what cannot be read."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8-sig")
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except OSError as exc:
        raise ConfigurationError(f"{file}: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigurationError(f"{file}: not UTF-8 text") from exc
    except yaml.MarkedYAMLError as exc:
        line = f":{exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ConfigurationError(f"{file}{line}: not YAML: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, RecursionError) as exc:
        raise ConfigurationError(f"{file}: not YAML: {' '.join(str(exc).split())}") from exc
    return [each for document in documents for each in _triggers(file, document)]


def _triggers(file: str, document: yaml.Node) -> Iterator[Manifest]:
    kind, version = _text(document, "kind"), _text(document, "apiVersion")
    if kind in {"List", "TriggerList"}:
        items = _get(document, "items")
        for item in items.value if isinstance(items, yaml.SequenceNode) else ():
            yield from _triggers(file, item)
    if kind == "Trigger" and version.startswith("eventing.knative.dev/"):
        metadata, spec = _get(document, "metadata"), _get(document, "spec")
        yield Manifest(file, _text(metadata, "name"), spec if spec is not None else document)


def _get(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _text(node: yaml.Node | None, name: str) -> str:
    found = _get(node, name)
    return str(found.value) if isinstance(found, yaml.ScalarNode) else ""
