"""The Triggers in files of Kubernetes manifests, each with its place. Other kinds are ignored."""

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from vcenter_source.core.errors import ConfigurationError

_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class TriggerManifest:
    """A Trigger as it is written: its file, its name, and the node of its ``spec``."""

    file: str
    name: str
    spec: yaml.Node


def find_files(paths: Iterable[str]) -> Iterator[str]:
    """Yield the files that are named, and every YAML and JSON file in a folder that is not hidden."""
    for path in paths:
        if path == "-" or not Path(path).is_dir():
            yield path
            continue
        for file in sorted(Path(path).rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            if file.suffix in _SUFFIXES and file.is_file() and not hidden:
                yield str(file)


def read_triggers(file: str) -> list[TriggerManifest]:
    """Read the Triggers of a file; ``-`` is standard input. Raises ConfigurationError for an unreadable file."""
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
    return [trigger for document in documents for trigger in _triggers(file, document)]


def _triggers(file: str, document: yaml.Node) -> Iterator[TriggerManifest]:
    kind, version = _scalar(document, "kind"), _scalar(document, "apiVersion")
    if kind in {"List", "TriggerList"}:
        items = _get(document, "items")
        for item in items.value if isinstance(items, yaml.SequenceNode) else ():
            yield from _triggers(file, item)
    if kind == "Trigger" and version.startswith("eventing.knative.dev/"):
        metadata, spec = _get(document, "metadata"), _get(document, "spec")
        yield TriggerManifest(file, _scalar(metadata, "name"), spec if spec is not None else document)


def _get(node: yaml.Node | None, name: str) -> yaml.Node | None:
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((value for key, value in pairs if key.value == name), None)


def _scalar(node: yaml.Node | None, name: str) -> str:
    value = _get(node, name)
    return str(value.value) if isinstance(value, yaml.ScalarNode) else ""
