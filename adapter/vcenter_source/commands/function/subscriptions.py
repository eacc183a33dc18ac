"""The Triggers of a handler.py: one for each distinct filter, and no event twice.

A function gets an event once for each Trigger that lets it through, and calls all of its handlers each time. So a
Trigger leaves out what an earlier one lets through already:

    @on("VmEvent")              all events of VMs
    @on(severity="ERROR")       errors, but not those of VMs, which the first Trigger delivers
    @on("VmPoweredOnEvent")     no Trigger: the first one delivers them
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from vcenter_functions.registry import Filter, Registry
from vcenter_source.commands.function.event_names import translate_names, widen_pattern
from vcenter_source.triggers.builder import Element, TriggerRequest, compose_spec, compose_trigger, select_elements
from vcenter_source.triggers.conditions import is_satisfiable
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.values import ValueChecker

_SEVERITIES = ("INFO", "WARN", "ERROR")
_MAX_NAME = 63


def build_subscriptions(registry: Registry, template: TriggerRequest, checker: ValueChecker) -> list[Element]:
    """Return the Triggers of a registry, in the order of its handlers.

    The template has all but the filter; its name begins that of each Trigger. Raises ConfigurationError for a filter
    that no event can pass. That an event type id is not known here is no reason to warn: no vCenter was asked.
    """
    triggers, earlier = list[Element](), list[TriggerRequest]()
    for request in _name_requests(registry, template, checker):
        trigger, _ = compose_trigger(request, checker)
        narrowed = _leave_out(request, earlier, checker)
        if narrowed is not None:
            triggers.append(compose_trigger(narrowed, checker)[0] if narrowed.excluded else trigger)
        earlier.append(request)
    return triggers


def _leave_out(
    request: TriggerRequest, earlier: Sequence[TriggerRequest], checker: ValueChecker
) -> TriggerRequest | None:
    """Return a request without what earlier ones let through; None where nothing is left."""
    rest, excluded = select_elements(request, checker), list[Element]()
    for other in earlier:
        element = _join(select_elements(other, checker))
        if element is None:
            return None
        # Nothing is known of another source's events: they may pass both.
        if (request.foreign and other.foreign) or _is_possible([*rest, element], checker):
            excluded.append(element)
            rest.append({"not": element})
    if excluded and not request.foreign and not _is_possible(rest, checker):
        return None
    return replace(request, excluded=excluded)


def _join(elements: Sequence[Element]) -> Element | None:
    """Return one filter that passes what passes all of these; None for no filter at all."""
    return {"all": [*elements]} if len(elements) > 1 else next(iter(elements), None)


def _is_possible(elements: Sequence[Element], checker: ValueChecker) -> bool:
    condition = FilterReader().read_spec(compose_spec({"filters": [*elements]}))
    return is_satisfiable(condition, checker.catalog.kinds)


def _name_requests(registry: Registry, template: TriggerRequest, checker: ValueChecker) -> Iterator[TriggerRequest]:
    """Yield a request for each distinct filter, with a name of its own."""
    filters: dict[Filter, str] = {}
    for handler in registry.handlers:
        filters.setdefault(handler.filter, handler.name)
    base = template.name or registry.name
    names = [base] if len(filters) == 1 else _number(f"{base}-{_slug(name)}" for name in filters.values())
    for each, name in zip(filters, names, strict=True):
        translated = translate_names(each.types, checker.catalog)
        severities = [severity for severity in _SEVERITIES if severity in each.severities]
        yield replace(
            template,
            name=name,
            types=translated.types,
            foreign=translated.foreign,
            subject=widen_pattern(each.subject) if each.subject else None,
            severities=severities if len(severities) < len(_SEVERITIES) else (),
        )


def _slug(name: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "handler"


def _number(names: Iterable[str]) -> list[str]:
    """Cut names to what Kubernetes allows, and number those that repeat an earlier one."""
    numbered: list[str] = []
    for name in names:
        same, count = name[:_MAX_NAME].rstrip("-"), 1
        while same in numbered:
            count += 1
            same = f"{name[: _MAX_NAME - 4].rstrip('-')}-{count}"
        numbered.append(same)
    return numbered
