"""Triggers as YAML, ready for kubectl: made from types of event, or from filters that are there already."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.formats import EVENT_ID_PREFIX, TYPE_PREFIX
from vcenter_source.triggers.conditions import Comparison
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.linter import lint_spec
from vcenter_source.triggers.values import ValueChecker

Element: TypeAlias = dict[str, Any]
"""A filter, or another part of a Trigger's ``spec``."""

_SUBSCRIBER_KINDS = {
    "svc": ("v1", "Service"),
    "service": ("v1", "Service"),
    "ksvc": ("serving.knative.dev/v1", "Service"),
}
_TYPE_PATTERN = re.compile(r"[A-Za-z0-9._*/-]+")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """What the Trigger is to do.

    ``types`` are CloudEvents types, with ``*`` as a wildcard, or class names, each with the classes derived from it.
    ``expression`` is CESQL that must be true as well.
    """

    types: Sequence[str]
    subscriber: str
    broker: str = "default"
    namespace: str | None = None
    name: str | None = None
    expression: str | None = None


def build_trigger(request: TriggerRequest, checker: ValueChecker) -> tuple[str, list[Finding]]:
    """Return the Trigger as YAML, and warnings about it. Raises ConfigurationError for one that cannot work."""
    names = list(dict.fromkeys(request.types))
    filters = [_type_filter(name, checker) for name in names]
    metadata = {"name": validate_name("--name", request.name or default_name(names))}
    if request.namespace:
        metadata["namespace"] = validate_name("--namespace", request.namespace)
    spec: Element = {"broker": validate_name("--broker", request.broker)}
    spec |= _combine(filters, request.expression) | {"subscriber": parse_subscriber("--subscriber", request.subscriber)}
    findings = lint_spec(compose_spec(spec), checker)
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise ConfigurationError("; ".join(errors))
    return format_manifest(metadata, spec), findings


def format_manifest(metadata: Element, spec: Element) -> str:
    """Format a Trigger as YAML."""
    trigger = {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": metadata, "spec": spec}
    return yaml.safe_dump(trigger, sort_keys=False, width=1000)


def compose_spec(spec: Element) -> yaml.Node:
    """Return a ``spec`` in the form that the linter reads."""
    composed = yaml.compose(yaml.safe_dump(spec))
    assert composed is not None  # noqa: S101  a mapping is never an empty document
    return composed


def parse_subscriber(option: str, text: str) -> Element:
    """Return the subscriber as a ``spec`` has it. Raises ConfigurationError, which names the option."""
    kind, _, name = text.partition("/")
    if re.fullmatch(r"https?://[^\s/]+\S*", text):
        return {"uri": text}
    if kind not in _SUBSCRIBER_KINDS:
        raise ConfigurationError(f"{option}: invalid value {text!r}; use svc/NAME, ksvc/NAME or an http(s) URL")
    version, object_kind = _SUBSCRIBER_KINDS[kind]
    return {"ref": {"apiVersion": version, "kind": object_kind, "name": validate_name(option, name)}}


def validate_name(option: str, name: str) -> str:
    """Return a name that Kubernetes accepts. Raises ConfigurationError, which names the option, for any other."""
    if not _DNS_LABEL.fullmatch(name):
        raise ConfigurationError(
            f"{option}: {name!r} is not a valid Kubernetes name; use lower-case letters, digits and -"
        )
    return name


def default_name(types: list[str]) -> str:
    """Derive a name from the types, such as ``vm-poweredon``, or ``vm-poweredon-and-2-more``."""
    more = f"-and-{len(types) - 1}-more" if len(types) > 1 else ""
    stem = "-".join(re.findall(r"[a-z0-9]+", types[0].removeprefix(TYPE_PREFIX).lower())) or "all-events"
    return stem[: 63 - len(more)].rstrip("-") + more


def _combine(filters: list[Element], expression: str | None) -> Element:
    """Return the part of the ``spec`` that selects events, in the shortest form that Knative has for it."""
    if {} in filters:
        filters = []  # every event
    elif len(filters) > 1:
        filters = [{"any": [part for element in filters for part in element.get("any", [element])]}]
    if expression:
        filters = [*filters, {"cesql": expression}]
    if len(filters) == 1 and "exact" in filters[0]:
        return {"filter": {"attributes": filters[0]["exact"]}}
    return {"filters": filters} if filters else {}


def _type_filter(name: str, checker: ValueChecker) -> Element:
    """Return the filter for one type, wildcard or class; empty for all events. Raises ConfigurationError."""
    if name in all_classes():
        return _class_filter(name, checker)
    if not _TYPE_PATTERN.fullmatch(name):
        raise ConfigurationError(f"{name!r} cannot be a type of event; the only wildcard of a Trigger is *")
    for comparison in _comparisons(name):
        finding, foreign = checker.check(comparison), checker.is_foreign(comparison)
        if finding and (finding.severity == "error" or foreign or comparison.value in checker.catalog.classes):
            hint = f"; the type of an event type id is {EVENT_ID_PREFIX}{name}" if foreign else ""
            raise ConfigurationError(f"{finding.message}{hint}")
    return _pattern_filter(name)


def _class_filter(name: str, checker: ValueChecker) -> Element:
    """Return the filter for a class and those derived from it, which have it among their ancestors."""
    lineage = ",".join(event_class(name).lineage)
    has_derived = any(name in entry.lineage[1:] for entry in all_classes().values())
    derived = [{"suffix": {"eventancestors": f",{lineage}"}}] if has_derived else []
    own = [] if event_class(name).abstract else [_own_filter(name, checker)]
    return own[0] if not derived else {"any": [*own, *derived]} if own else derived[0]


def _own_filter(name: str, checker: ValueChecker) -> Element:
    """Return the filter for the events of exactly this class."""
    if name in checker.catalog.classes.values():
        return {"exact": {"type": checker.catalog.type_of(name)}}
    return {"exact": {"eventclass": name.lower()}}  # an EventEx, say, whose type has its event type id


def _pattern_filter(pattern: str) -> Element:
    if "*" not in pattern:
        return {"exact": {"type": pattern}}
    first, *middle, last = pattern.split("*")
    if any(middle):
        like = pattern.replace("_", r"\_").replace("*", "%")
        return {"cesql": f"type LIKE '{like}'"}
    ends: tuple[tuple[str, str], ...] = (("prefix", first), ("suffix", last))
    filters: list[Element] = [{dialect: {"type": value}} for dialect, value in ends if value]
    return {"all": filters} if len(filters) > 1 else filters[0] if filters else {}


def _comparisons(pattern: str) -> Iterator[Comparison]:
    """Yield the comparisons that a pattern consists of."""
    ends: list[tuple[Literal["exact", "prefix", "suffix"], str]] = [("exact", pattern)]
    if "*" in pattern:
        first, *_, last = pattern.split("*")
        ends = [("prefix", first), ("suffix", last)]
    yield from (Comparison(operator, "type", value, 0) for operator, value in ends if value)
