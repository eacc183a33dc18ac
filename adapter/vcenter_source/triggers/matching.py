"""Whether an event meets a condition, as Knative decides it. Pure."""

from collections.abc import Mapping
from typing import Any

from vcenter_source.triggers.conditions import And, Comparison, Condition, Expression, Not, Or, Unknown


class _MissingAttributeError(Exception):
    """A CESQL expression compares an attribute that the event does not have."""


def is_decidable(condition: Condition) -> bool:
    """Whether ``matches_event`` can decide it: no part of it is unknown."""
    match condition:
        case Comparison():
            return True
        case Not(part) | Expression(part):
            return is_decidable(part)
        case And(parts) | Or(parts):
            return all(is_decidable(part) for part in parts)
    return False


def matches_event(condition: Condition, attributes: Mapping[str, Any]) -> bool:
    """Whether an event with these attributes meets a condition.

    An attribute that is absent meets no comparison of the other dialects. In CESQL the whole expression fails with it,
    even under a NOT, if the expression is evaluated that far: from left to right, and not beyond what decides it.
    Raises ValueError for an unknown condition.
    """
    match condition:
        case Expression(part):
            try:
                return _evaluate(part, attributes, in_cesql=True)
            except _MissingAttributeError:
                return False
    return _evaluate(condition, attributes, in_cesql=False)


def _evaluate(condition: Condition, attributes: Mapping[str, Any], *, in_cesql: bool) -> bool:
    match condition:
        case Comparison("present", name):
            return name in attributes
        case Comparison(_, name):
            if in_cesql and name not in attributes:
                raise _MissingAttributeError(name)
            return name in attributes and condition.holds(str(attributes[name]))
        case And(parts):
            return all(_evaluate(part, attributes, in_cesql=in_cesql) for part in parts)
        case Or(parts):
            return any(_evaluate(part, attributes, in_cesql=in_cesql) for part in parts)
        case Not(part):
            return not _evaluate(part, attributes, in_cesql=in_cesql)
        case Expression():
            return matches_event(condition, attributes)
        case Unknown():
            raise ValueError("unknown")
