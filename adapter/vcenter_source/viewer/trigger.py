"""Triggers made on the page: what is wrong with a filter, which of the last events it picks, and the YAML for kubectl.

The filter is read and checkerd by the rooms that ``vcenter-source lint`` uses, so the two agree.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers import builder
from vcenter_source.triggers.conditions import And, Comparison, Condition, Not, Or, Unknown
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

SHOWN = 200
"""How many of the events that it picks are named."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page asks for. ``filters`` is YAML: a list, or a mapping with ``filters`` or ``filter``."""

    name: str
    broker: str
    namespace: str
    subscriber: str
    filters: str

    def spec(self) -> dict[str, Any]:
        """The Trigger's ``spec``. Raises ConfigurationError."""
        broker = {"broker": builder.validate_name("broker", self.broker)}
        return (
            broker
            | read_filters(self.filters)
            | {"subscriber": builder.parse_subscriber("subscriber", self.subscriber)}
        )

    def manifest(self) -> str:
        """The Trigger as YAML. Raises ConfigurationError."""
        metadata = {"name": builder.validate_name("name", self.name)}
        if self.namespace:
            metadata["namespace"] = builder.validate_name("namespace", self.namespace)
        return builder.format_manifest(metadata, self.spec())


def read_filters(text: str) -> dict[str, Any]:
    """The part of a ``spec`` that picks events. Raises ConfigurationError."""
    try:
        # An alias makes a text of a few lines mean billions.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise ConfigurationError("filters: write it out, without *aliases")
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        line = f", line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ConfigurationError(f"filters: not YAML{line}: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # ValueError: 2026-13-01 is like a date, and none
        raise ConfigurationError(f"filters: not YAML: {' '.join(str(exc).split())}") from exc
    if value is None:
        return {}
    if isinstance(value, list):
        return {"filters": value}
    if isinstance(value, dict) and value.keys() <= {"filter", "filters"}:
        return value
    raise ConfigurationError("filters: not a list of filters, each beginning with a dash")


def made(wish: Wish, checker: ValueChecker, events: Iterable[tuple[int, Mapping[str, Any]]]) -> dict[str, Any]:
    """The answer to the page.

    ``events`` are numbers and attributes. ``matched`` is None where only Knative can tell: for CESQL, and for what it
    would refuse or pass over.
    """
    answer: dict[str, Any] = {"problem": None, "yaml": "", "findings": [], "matched": None, "first": [], "of": 0}
    try:
        filters = read_filters(wish.filters)
        answer["findings"] = [
            {"severity": each.severity, "message": each.message}
            for each in lint_spec(builder.compose_spec(filters), checker)
        ]
        matched, answer["of"] = count(condition_of(filters), events)
        if matched is not None:
            answer |= {"matched": len(matched), "first": matched[:SHOWN]}
        answer["yaml"] = wish.manifest()
    except ConfigurationError as exc:
        answer["problem"] = str(exc)
    return answer


def condition_of(filters: dict[str, Any]) -> Condition | None:
    """What an event must meet; None where only Knative can tell."""
    reader = FilterReader()
    condition = reader.read_spec(builder.compose_spec(filters))
    return None if reader.findings or "cesql" in set(dialects(filters)) else condition


def dialects(value: Any) -> Iterator[str]:
    """Every name in the filters, at any depth."""
    if isinstance(value, Mapping):
        yield from map(str, value)
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from dialects(inner)


def count(condition: Condition | None, events: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[list[int] | None, int]:
    """The numbers of the events that meet it, and how many there were."""
    looked_at = list(events)
    if condition is None:
        return None, len(looked_at)
    return [number for number, attributes in looked_at if holds(condition, attributes)], len(looked_at)


def holds(condition: Condition, attributes: Mapping[str, Any]) -> bool:
    """Whether an event with these attributes meets it, as Knative means it: one that is not there meets no comparison.

    Raises ValueError for what is unclear.
    """
    match condition:
        case Comparison(_, name):
            return name in attributes and condition.holds(str(attributes[name]))
        case And(parts):
            return all(holds(part, attributes) for part in parts)
        case Or(parts):
            return any(holds(part, attributes) for part in parts)
        case Not(part):
            return not holds(part, attributes)
        case Unknown():
            raise ValueError("unclear")  # condition_of lets none through
