"""Triggers as YAML, ready for kubectl: made from types of event, or from filters that are there already."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.formats import EVENT_ID_PREFIX, TYPE_PREFIX
from vcenter_source.events.short_types import expand_type
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
_SUBJECT_PATTERN = re.compile(r"[A-Za-z0-9._*:-]+")
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123


@dataclass(frozen=True, slots=True)
class TriggerRequest:
    """What the Trigger is to do.

    ``types`` are CloudEvents types, whole or short, with ``*`` as a wildcard, or class names, each with the classes
    derived from it. ``foreign`` are types of other sources, which nothing is known about. ``subject`` is a pattern with
    ``*``, and ``severities`` are those of which it must be one. ``expression`` is CESQL that must be true as well, and
    ``excluded`` are filters that must be false.
    """

    types: Sequence[str]
    subscriber: str
    broker: str = "default"
    namespace: str | None = None
    name: str | None = None
    expression: str | None = None
    foreign: Sequence[str] = ()
    subject: str | None = None
    severities: Sequence[str] = ()
    excluded: Sequence[Element] = ()

    def list_types(self) -> list[str]:
        """List the types, each once and none in its short form."""
        return list(dict.fromkeys(map(expand_type, self.types)))


def build_trigger(request: TriggerRequest, checker: ValueChecker) -> tuple[str, list[Finding]]:
    """Return the Trigger as YAML, and warnings about it. Raises ConfigurationError for one that cannot work."""
    trigger, findings = compose_trigger(request, checker)
    return yaml.safe_dump(trigger, sort_keys=False, width=1000), findings


def compose_trigger(request: TriggerRequest, checker: ValueChecker) -> tuple[Element, list[Finding]]:
    """Return the Trigger as an object, and warnings about it. Raises ConfigurationError for one that cannot work."""
    metadata = {"name": validate_name("--name", request.name or default_name(request.list_types()))}
    if request.namespace:
        metadata["namespace"] = validate_name("--namespace", request.namespace)
    spec: Element = {"broker": validate_name("--broker", request.broker)}
    spec |= _select(select_elements(request, checker))
    spec |= {"subscriber": parse_subscriber("--subscriber", request.subscriber)}
    findings = lint_spec(compose_spec(spec), checker)
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise ConfigurationError("; ".join(errors))
    return _describe_trigger(metadata, spec), findings


def select_elements(request: TriggerRequest, checker: ValueChecker) -> list[Element]:
    """Return the filters that an event must pass, all of them. Raises ConfigurationError for one that cannot be."""
    if not _SUBJECT_PATTERN.fullmatch(request.subject or "*"):
        raise ConfigurationError(
            f"{request.subject!r} cannot be a subject; it is like VirtualMachine:vm-42 or HostSystem:*"
        )
    types = [_type_filter(name, checker) for name in request.list_types()]
    types += [_pattern_filter("type", name) for name in request.foreign]
    severities = [{"exact": {"severitytext": severity}} for severity in request.severities]
    elements = [*_any_of(types), *_any_of([_pattern_filter("subject", request.subject)] if request.subject else [])]
    elements += _any_of(severities)
    elements += [{"cesql": request.expression}] if request.expression else []
    return elements + [{"not": element} for element in request.excluded]


def format_manifest(metadata: Element, spec: Element) -> str:
    """Format a Trigger as YAML."""
    return yaml.safe_dump(_describe_trigger(metadata, spec), sort_keys=False, width=1000)


def _describe_trigger(metadata: Element, spec: Element) -> Element:
    return {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": metadata, "spec": spec}


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


def _any_of(filters: list[Element]) -> list[Element]:
    """Return the filter that passes what one of these passes; none where that is every event."""
    if {} in filters or not filters:
        return []
    parts = [part for element in filters for part in element.get("any", [element])]
    return [{"any": parts} if len(parts) > 1 else parts[0]]


def _select(filters: list[Element]) -> Element:
    """Return the part of the ``spec`` that selects events, in the shortest form that Knative has for it."""
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
    return _pattern_filter("type", name)


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


def _pattern_filter(attribute: str, pattern: str) -> Element:
    """Return the filter for an attribute that has this text, where ``*`` stands for any; empty for all events."""
    if "*" not in pattern:
        return {"exact": {attribute: pattern}}
    first, *middle, last = pattern.split("*")
    if any(middle):
        like = pattern.replace("_", r"\_").replace("*", "%")
        return {"cesql": f"{attribute} LIKE '{like}'"}
    ends: tuple[tuple[str, str], ...] = (("prefix", first), ("suffix", last))
    filters: list[Element] = [{dialect: {attribute: value}} for dialect, value in ends if value]
    return {"all": filters} if len(filters) > 1 else filters[0] if filters else {}


def _comparisons(pattern: str) -> Iterator[Comparison]:
    """Yield the comparisons that a pattern consists of."""
    ends: list[tuple[Literal["exact", "prefix", "suffix"], str]] = [("exact", pattern)]
    if "*" in pattern:
        first, *_, last = pattern.split("*")
        ends = [("prefix", first), ("suffix", last)]
    yield from (Comparison(operator, "type", value, 0) for operator, value in ends if value)
