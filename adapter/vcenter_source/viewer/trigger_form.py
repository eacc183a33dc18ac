"""Triggers made on the page: what is wrong with the filters, which of the last events match, and the YAML for kubectl.

The filters are read and checked by the same code as in ``vcenter-source lint``, so both agree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers import builder
from vcenter_source.triggers.conditions import Condition
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.matching import is_decidable, matches_event
from vcenter_source.triggers.values import ValueChecker


@dataclass(frozen=True, slots=True)
class TriggerForm:
    """What is in the page's form. ``filters`` is YAML: a list, or a mapping with ``filters`` or ``filter``."""

    name: str
    broker: str
    namespace: str
    subscriber: str
    filters: str

    def spec(self) -> dict[str, Any]:
        """Return the Trigger's ``spec``. Raises ConfigurationError."""
        broker = {"broker": builder.validate_name("broker", self.broker)}
        subscriber = {"subscriber": builder.parse_subscriber("subscriber", self.subscriber)}
        return broker | parse_filters(self.filters) | subscriber

    def manifest(self) -> str:
        """Return the Trigger as YAML. Raises ConfigurationError."""
        metadata = {"name": builder.validate_name("name", self.name)}
        if self.namespace:
            metadata["namespace"] = builder.validate_name("namespace", self.namespace)
        return builder.format_manifest(metadata, self.spec())


def parse_filters(text: str) -> dict[str, Any]:
    """Return the part of a ``spec`` that selects events. Raises ConfigurationError."""
    try:
        # With aliases, a few lines of text can stand for billions of values.
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.SafeLoader)):
            raise ConfigurationError("filters: *aliases are not allowed; write the values out")
        value = yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        line = f", line {exc.problem_mark.line + 1}" if exc.problem_mark else ""
        raise ConfigurationError(f"filters: not YAML{line}: {exc.problem or exc.context}") from exc
    except (yaml.YAMLError, ValueError, RecursionError) as exc:  # ValueError: 2026-13-01 looks like a date
        raise ConfigurationError(f"filters: not YAML: {' '.join(str(exc).split())}") from exc
    if value is None:
        return {}
    if isinstance(value, list):
        return {"filters": value}
    if isinstance(value, dict) and value.keys() <= {"filter", "filters"}:
        return value
    raise ConfigurationError("filters: must be a list of filters, each beginning with a dash")


def evaluate_form(form: TriggerForm, checker: ValueChecker, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the answer to the page.

    ``events`` are the attributes of the last events. ``matched`` is how many of them match, and ``places`` says which;
    None for filters that Knative would refuse or ignore, or that are too long for this.
    """
    answer: dict[str, Any] = {"problem": None, "yaml": "", "findings": [], "matched": None, "places": None, "of": 0}
    try:
        filters = parse_filters(form.filters)
        findings = lint_spec(builder.compose_spec(filters), checker)
        answer["findings"] = [{"severity": each.severity, "message": each.message} for each in findings]
        places = find_matches(read_condition(filters), events)
        answer |= {"matched": None if places is None else len(places), "places": places, "of": len(events)}
        answer["yaml"] = form.manifest()
    except ConfigurationError as exc:
        answer["problem"] = str(exc)
    return answer


def read_condition(filters: dict[str, Any]) -> Condition | None:
    """Return what an event must meet; None where that is not known."""
    reader = FilterReader()
    condition = reader.read_spec(builder.compose_spec(filters))
    return condition if not reader.findings and is_decidable(condition) else None


def find_matches(condition: Condition | None, events: Sequence[Mapping[str, Any]]) -> list[int] | None:
    """Return the places of the events that meet the condition; None for no condition, or one that is too long."""
    if condition is None:
        return None
    try:
        return [place for place, attributes in enumerate(events) if matches_event(condition, attributes)]
    except RecursionError:
        return None
