"""The Dockerfile, read: its stages, and what the packages that it installs need."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FINAL = ["adapter", "function", "pytag"]


@dataclass(frozen=True)
class Stage:
    base: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [arguments for name, arguments in self.steps if name == instruction]


def parsed() -> dict[str, Stage]:
    """Each stage by name. A line that ends in a backslash goes on, comments stand on lines of their own."""
    stages: dict[str, Stage] = {}
    lines = [line for line in DOCKERFILE.splitlines() if line and not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, arguments = line.partition(" ")
        if name == "FROM":
            base, _, stage = arguments.partition(" AS ")
            stages[stage] = Stage(base, [])
        else:
            stages[stage].steps.append((name, " ".join(arguments.split())))
    return stages


STAGES = parsed()


def lineage(name: str) -> Iterator[Stage]:
    """A stage and those that it is built on: what is in its image."""
    while name in STAGES:
        yield STAGES[name]
        name = STAGES[name].base


def inherited(target: str, instruction: str) -> list[str]:
    return [arguments for stage in lineage(target) for arguments in stage.all(instruction)]


def requirements_of(*roots: str) -> set[str]:
    """The distributions that these need, themselves among them, by the metadata of what is installed here."""
    needed: set[str] = set()
    waiting = list(roots)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name not in needed:
            needed.add(name)
            wanted = (Requirement(line) for line in metadata.requires(name) or ())
            waiting += [each.name for each in wanted if each.marker is None or each.marker.evaluate({"extra": ""})]
    return needed


FUNCTIONS_NEED = [
    Requirement(line)
    for line in (ROOT / "functions" / "requirements.txt").read_text().splitlines()
    if not line.startswith("#")
]
