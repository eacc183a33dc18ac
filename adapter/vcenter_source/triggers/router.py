"""Filters written for VMware's event router (the event broker appliance up to 0.7), and their translation.

The event router's type names only the kind of class that an event has; the class, or the event type id, is the subject.
"""

from collections.abc import Iterable, Iterator

from vcenter_source.events.catalog import all_classes
from vcenter_source.events.formats import TYPE_PREFIX
from vcenter_source.triggers.conditions import Comparison
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.findings import Finding

ROUTER = f"{TYPE_PREFIX}router/"
ROUTER_TYPES = frozenset({f"{ROUTER}event", f"{ROUTER}eventex", f"{ROUTER}extendedevent"})


def is_router_type(comparison: Comparison) -> bool:
    """Return whether a comparison filters by the event router's types."""
    is_type = comparison.attribute == "type" and comparison.operator in {"exact", "prefix"}
    return is_type and comparison.value.startswith(ROUTER)


def is_router_filter(comparison: Comparison) -> bool:
    """Return whether a comparison fits only the event router's events."""
    return is_router_type(comparison) or _is_router_subject(comparison)


def _is_router_subject(comparison: Comparison) -> bool:
    """Whether it filters by a class or an event type id as the subject, where this adapter has an object."""
    return comparison.attribute == "subject" and comparison.operator == "exact" and ":" not in comparison.value


def lint_router_filters(comparisons: Iterable[Comparison], catalog: EventCatalog) -> Iterator[Finding]:
    """Report each of the event router's types, with what to write in place of it and the subject."""
    comparisons = list(comparisons)
    subjects = list(dict.fromkeys(comparison.value for comparison in comparisons if _is_router_subject(comparison)))
    for comparison in filter(is_router_type, comparisons):
        unknown = comparison.value not in ROUTER_TYPES and comparison.operator != "prefix"
        origin = "neither VMware's event router nor this" if unknown else "VMware's event router, not of this"
        message = f"{comparison.value} is a type of {origin} adapter; {_translate(subjects, catalog)}"
        yield Finding(comparison.line, "error", message)


def _translate(subjects: list[str], catalog: EventCatalog) -> str:
    """Say what to write instead."""
    if not subjects:
        return "here the type names the class: see vcenter-source types, or leave the type out for all events"
    types = [catalog.type_of(name) if name in all_classes() else catalog.type_of_id(name) for name in subjects]
    return f"instead of it and the subject {' or '.join(subjects)}, write type: {' or '.join(types)}"
