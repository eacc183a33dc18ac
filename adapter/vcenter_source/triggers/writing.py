"""``vcenter-source trigger``: a Trigger for some types of event, ready for kubectl."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.formats import TYPE_PREFIX
from vcenter_source.triggers.conditions import Comparison
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.lint import findings
from vcenter_source.triggers.values import Judge

Element = dict[str, Any]

_KINDS = {
    "svc": ("v1", "Service"),
    "service": ("v1", "Service"),
    "ksvc": ("serving.knative.dev/v1", "Service"),
}
_PATTERN = re.compile(r"[A-Za-z0-9._*/-]+")  # what types are made of
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # a DNS label (RFC 1123)


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for.

    ``types`` are CloudEvents types, with ``*`` as a wildcard, or class names, which stand for the classes derived from
    them too. ``expression`` is CESQL that must be true as well.
    """

    types: Sequence[str]
    subscriber: str
    broker: str = "default"
    namespace: str | None = None
    name: str | None = None
    expression: str | None = None


def trigger(order: Order, judge: Judge) -> tuple[str, list[Finding]]:
    """The Trigger as YAML, and what cannot be told of it from here. Raises ConfigurationError for what cannot work."""
    elements = list(dict.fromkeys(order.types))
    filters = [_element(each, judge) for each in elements]
    metadata = {"name": checked("--name", order.name or default_name(elements))}
    if order.namespace:
        metadata["namespace"] = checked("--namespace", order.namespace)
    spec = {"broker": checked("--broker", order.broker)}
    spec |= _filter(filters, order.expression) | {"subscriber": subscriber(order.subscriber)}
    found = findings(node(spec), judge)
    wrong = [each.message for each in found if each.severity == "error"]
    if wrong:
        raise ConfigurationError("; ".join(wrong))
    return manifest(metadata, spec), found


def manifest(metadata: Element, spec: Element) -> str:
    """A Trigger as YAML."""
    whole = {"apiVersion": "eventing.knative.dev/v1", "kind": "Trigger", "metadata": metadata, "spec": spec}
    return yaml.safe_dump(whole, sort_keys=False, width=1000)


def node(spec: Element) -> yaml.Node:
    """A ``spec`` as the linter reads it."""
    composed = yaml.compose(yaml.safe_dump(spec))
    assert composed is not None  # noqa: S101  a mapping is never an empty document
    return composed


def _filter(elements: list[Element], expression: str | None) -> Element:
    """The part of the ``spec`` that picks events; the shortest form that Knative has for it."""
    if {} in elements:
        elements = []  # every event
    elif len(elements) > 1:
        elements = [{"any": [part for each in elements for part in each.get("any", [each])]}]
    if expression:
        elements = [*elements, {"cesql": expression}]
    if len(elements) == 1 and "exact" in elements[0]:
        return {"filter": {"attributes": elements[0]["exact"]}}
    return {"filters": elements} if elements else {}


def _element(name: str, judge: Judge) -> Element:
    """What picks the events of one type, wildcard or class; empty for all events."""
    if name in all_classes():
        return _of_class(name, judge)
    if not _PATTERN.fullmatch(name):
        raise ConfigurationError(f"{name!r} is no type of event, and * is the only wildcard of a Trigger")
    for test in _tests(name):
        found = judge.finding(test)
        if found and (found.severity == "error" or judge.foreign(test) or test.value in judge.world.classes):
            hint = f"; an event type id is {TYPE_PREFIX}ex.{name}" if judge.foreign(test) else ""
            raise ConfigurationError(f"{found.message}{hint}")
    return _of_pattern(name)


def _of_class(name: str, judge: Judge) -> Element:
    """A class and those derived from it, by what every event says of its ancestors."""
    lineage = ",".join(event_class(name).lineage)
    derived = any(name in each.lineage[1:] for each in all_classes().values())
    heirs = [{"suffix": {"eventancestors": f",{lineage}"}}] if derived else []
    own = [] if event_class(name).abstract else [_own(name, judge)]
    return own[0] if not heirs else {"any": [*own, *heirs]} if own else heirs[0]


def _own(name: str, judge: Judge) -> Element:
    named_by_id = name not in judge.world.classes.values()
    return {"exact": {"eventclass": name.lower()} if named_by_id else {"type": judge.world.type_of(name)}}


def _of_pattern(pattern: str) -> Element:
    first, *middle, last = pattern.split("*") if "*" in pattern else (pattern, "")
    if "*" not in pattern:
        return {"exact": {"type": pattern}}
    if any(middle):
        like = pattern.replace("_", r"\_").replace("*", "%")
        return {"cesql": f"type LIKE '{like}'"}
    ends: tuple[tuple[str, str], ...] = (("prefix", first), ("suffix", last))
    elements = [{dialect: {"type": value}} for dialect, value in ends if value]
    return {"all": elements} if len(elements) > 1 else elements[0] if elements else {}


def _tests(pattern: str) -> Iterator[Comparison]:
    """The comparisons that a pattern becomes."""
    ends: list[tuple[Literal["exact", "prefix", "suffix"], str]] = [("exact", pattern)]
    if "*" in pattern:
        first, *_, last = pattern.split("*")
        ends = [("prefix", first), ("suffix", last)]
    yield from (Comparison(operator, "type", value, 0) for operator, value in ends if value)


def subscriber(text: str) -> Element:
    """Who gets the events, as a ``spec`` has it. Raises ConfigurationError."""
    kind, _, name = text.partition("/")
    if re.fullmatch(r"https?://[^\s/]+\S*", text):
        return {"uri": text}
    if kind not in _KINDS:
        raise ConfigurationError(f"--subscriber: {text!r} is none; name svc/NAME, ksvc/NAME or an http address")
    version, of_kind = _KINDS[kind]
    return {"ref": {"apiVersion": version, "kind": of_kind, "name": checked("--subscriber", name)}}


def checked(option: str, name: str) -> str:
    """A name that Kubernetes takes. Raises ConfigurationError, which names the option."""
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{option}: {name!r} is no name for Kubernetes: small letters, digits and - alone")
    return name


def default_name(types: list[str]) -> str:
    """Such as ``vm-poweredon``, or ``vm-poweredon-and-2-more``."""
    more = f"-and-{len(types) - 1}-more" if len(types) > 1 else ""
    stem = "-".join(re.findall(r"[a-z0-9]+", types[0].removeprefix(TYPE_PREFIX).lower())) or "all-events"
    return stem[: 63 - len(more)].rstrip("-") + more
