"""Whether an event meets a condition, as Knative decides it. Pure."""

from collections.abc import Mapping
from typing import Any

from vcenter_source.triggers.cesql.evaluation import is_met
from vcenter_source.triggers.conditions import And, Comparison, Condition, Expression, Not, Or, Unknown


def is_decidable(condition: Condition) -> bool:
    """Whether ``matches_event`` can decide it: no part of it is unknown."""
    match condition:
        case Comparison() | Expression():
            return True
        case Not(part):
            return is_decidable(part)
        case And(parts) | Or(parts):
            return all(map(is_decidable, parts))
    return False


def matches_event(condition: Condition, attributes: Mapping[str, Any]) -> bool:
    """Whether an event with these attributes meets a condition.

    An attribute that is absent meets no comparison. Raises ValueError for an unknown condition.
    """
    match condition:
        case Comparison("present", name):
            return name in attributes
        case Comparison(_, name):
            return name in attributes and condition.holds(str(attributes[name]))
        case And(parts):
            return all(matches_event(part, attributes) for part in parts)
        case Or(parts):
            return any(matches_event(part, attributes) for part in parts)
        case Not(part):
            return not matches_event(part, attributes)
        case Expression(_, tree):
            return is_met(tree, attributes)
        case Unknown():
            raise ValueError("unknown")
