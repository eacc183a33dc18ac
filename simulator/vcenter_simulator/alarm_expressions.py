"""What sets off an alarm, and what it does then: its expressions and actions, as far as they are simulated.

Expressions over events are; those over metrics and states never come true by themselves: nothing is measured.
"""

from collections.abc import Callable, Iterator
from typing import Any

from vcenter_simulator.history import Body
from vcenter_simulator.vmomi import vim, wire_name

_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "equals": lambda given, wanted: given == wanted,
    "notEqualTo": lambda given, wanted: given != wanted,
    "startsWith": lambda given, wanted: given.startswith(wanted),
    "doesNotStartWith": lambda given, wanted: not given.startswith(wanted),
    "endsWith": lambda given, wanted: given.endswith(wanted),
    "doesNotEndWith": lambda given, wanted: not given.endswith(wanted),
}


def _leaves(expression: Any) -> Iterator[Any]:
    """The expressions of which one is enough. Those that must all hold (AndAlarmExpression) are not simulated."""
    if isinstance(expression, vim.alarm.OrAlarmExpression):
        for inner in expression.expression:
            yield from _leaves(inner)
    else:
        yield expression


def object_types(expression: Any) -> set[str]:
    """The types of object that can set off the alarm, by their names on the wire."""
    kinds = (getattr(leaf, "objectType", None) or getattr(leaf, "type", None) for leaf in _leaves(expression))
    return {wire_name(kind) for kind in kinds if kind}


def status_by(expression: Any, event: Any, body: Body) -> str | None:
    """The status that this event gives the alarm, None where it gives none."""
    for leaf in _leaves(expression):
        if isinstance(leaf, vim.alarm.EventAlarmExpression) and leaf.status and _matches(leaf, event, body):
            return str(leaf.status)
    return None


def _matches(leaf: Any, event: Any, body: Body) -> bool:
    type_id = leaf.eventTypeId or wire_name(leaf.eventType)
    names = body.names if leaf.eventTypeId else body.kinds
    return type_id in names and all(_holds(comparison, event) for comparison in leaf.comparisons)


def _holds(comparison: Any, event: Any) -> bool:
    value = event
    for step in comparison.attributeName.split("."):
        value = getattr(value, step, None)
    compare = _COMPARE.get(comparison.operator)
    return compare is not None and compare("" if value is None else str(value), comparison.value)


def actions_at(action: Any, status: str) -> Iterator[Any]:
    """What an alarm does when it gets this status: the actions of its transitions to it."""
    if isinstance(action, vim.alarm.GroupAlarmAction):
        for inner in action.action:
            yield from actions_at(inner, status)
    elif action is not None and status in _final_states(action):
        yield action.action


def _final_states(action: Any) -> set[str]:
    flags = {"green2yellow": "yellow", "yellow2red": "red", "red2yellow": "yellow", "yellow2green": "green"}
    by_flag = {state for flag, state in flags.items() if getattr(action, flag)}
    return by_flag | {str(spec.finalState) for spec in action.transitionSpecs}
