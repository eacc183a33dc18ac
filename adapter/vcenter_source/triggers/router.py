"""Filters written for VMware's event router (the event broker appliance up to 0.7), and what they are called here.

Its type says only what kind of class an event has; the class, or the event type id, is the subject.
"""

from collections.abc import Iterable, Iterator

from vcenter_source.events.catalog import all_classes
from vcenter_source.events.formats import TYPE_PREFIX
from vcenter_source.triggers.conditions import Comparison
from vcenter_source.triggers.event_catalog import World
from vcenter_source.triggers.findings import Finding

ROUTER = f"{TYPE_PREFIX}router/"
KINDS = frozenset({f"{ROUTER}event", f"{ROUTER}eventex", f"{ROUTER}extendedevent"})


def is_router_type(test: Comparison) -> bool:
    """Whether it asks for the event router's types."""
    return test.attribute == "type" and test.operator in {"exact", "prefix"} and test.value.startswith(ROUTER)


def is_router_subject(test: Comparison) -> bool:
    """Whether it asks for a class or an event type id as the subject, where this adapter has an object."""
    return test.attribute == "subject" and test.operator == "exact" and ":" not in test.value


def findings(tests: Iterable[Comparison], world: World) -> Iterator[Finding]:
    """One finding for each of the event router's types, with what to write in its place and its subject's."""
    tests = list(tests)
    subjects = list(dict.fromkeys(test.value for test in tests if is_router_subject(test)))
    for test in filter(is_router_type, tests):
        known = "" if test.value in KINDS or test.operator == "prefix" else ", which knows no such type either"
        told = f"{test.value} is a type of VMware's event router{known}, not of this adapter; "
        yield Finding(test.line, "error", told + translation(subjects, world))


def translation(subjects: list[str], world: World) -> str:
    """What to write instead."""
    if not subjects:
        return "here the type says the class: see vcenter-source types, or leave the type out for all events"
    types = [world.type_of(name) if name in all_classes() else world.type_of_id(name) for name in subjects]
    return f"instead of it and the subject {' or '.join(subjects)}, write type: {' or '.join(types)}"
