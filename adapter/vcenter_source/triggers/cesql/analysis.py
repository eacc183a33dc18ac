"""CESQL expressions as conditions for the linter, as far as they compare attributes with texts."""

from vcenter_source.triggers.cesql.grammar import Attribute, Exists, In, Like, Literal, Node, Operation
from vcenter_source.triggers.conditions import And, Comparison, Condition, Not, Or, Unknown


class _UnsupportedError(Exception):
    """An expression that does more than compare attributes with texts."""


def find_condition(node: Node, line: int) -> Condition:
    """Return the condition that an expression states; ``Unknown`` if it does more than compare attributes."""
    try:
        return _convert(node, line)
    except (_UnsupportedError, RecursionError):
        return Unknown(line)


def _convert(node: Node, line: int) -> Condition:
    match node:
        case Exists(name):
            return Comparison("present", name, "", line)
        case Like(Attribute(name), pattern):
            return Comparison("like", name, pattern, line)
        case In(Attribute() as attribute, choices):
            return Or(tuple(_convert(Operation("=", (attribute, each)), line) for each in choices), line)
        case Operation("=", (Attribute(name), Literal(str(value))) | (Literal(str(value)), Attribute(name))):
            return Comparison("exact", name, value, line)
        case Operation("!=", operands):
            return Not(_convert(Operation("=", operands), line), line)
        case Operation(sign, operands):
            return _combine(sign, [_convert(each, line) for each in operands], line)
    raise _UnsupportedError


def _combine(sign: str, parts: list[Condition], line: int) -> Condition:
    match sign, parts:
        case "NOT", [part]:
            return Not(part, line)
        case "AND", _:
            return And(tuple(parts), line)
        case "OR", _:
            return Or(tuple(parts), line)
        case "XOR", [left, right]:
            only_left, only_right = And((left, Not(right, line)), line), And((Not(left, line), right), line)
            return Or((only_left, only_right), line)
    raise _UnsupportedError
