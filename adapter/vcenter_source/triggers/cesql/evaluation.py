"""Whether an event meets a CESQL expression, as Knative decides it. Pure.

An error anywhere fails the expression. Characters are counted as the specification says; the SDK for Go, which Knative
uses, counts bytes, which is the same in ASCII.
"""

import math
import operator
from collections.abc import Mapping
from typing import Any

from vcenter_source.triggers.cesql.functions import FUNCTIONS, LARGEST, EvaluationError, Value, cast
from vcenter_source.triggers.cesql.grammar import Attribute, Exists, In, Invocation, Like, Literal, Node, Operation
from vcenter_source.triggers.cesql.like import compile_like

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SUMS = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_QUOTIENTS = {"/": lambda x, y: int(x / y), "%": lambda x, y: int(math.fmod(x, y))}  # both are exact for 32 bits


def is_met(node: Node, attributes: Mapping[str, Any]) -> bool:
    """Whether an event with these attributes meets an expression; not if it fails, or its value is no boolean."""
    try:
        return evaluate(node, attributes) is True
    except EvaluationError:
        return False


def evaluate(node: Node, attributes: Mapping[str, Any]) -> Value:
    """Return the value of an expression for an event with these attributes. Raises EvaluationError."""
    match node:
        case Literal(value):
            return value
        case Attribute(name):
            return _read(name, attributes)
        case Invocation(name, arguments):
            return FUNCTIONS[name].call([evaluate(each, attributes) for each in arguments])
        case Operation(sign, operands):
            return _operate(sign, operands, attributes)
    return _ask(node, attributes)


def _ask(node: Exists | Like | In, attributes: Mapping[str, Any]) -> bool:
    """Evaluate the operators that have a grammar of their own."""
    match node:
        case Exists(name):
            return name in attributes
        case Like(operand, pattern):
            return compile_like(pattern).fullmatch(cast(evaluate(operand, attributes), str)) is not None
        case In(operand, choices):
            value = evaluate(operand, attributes)
            return any(cast(evaluate(each, attributes), type(value)) == value for each in choices)


def _operate(sign: str, operands: tuple[Node, ...], attributes: Mapping[str, Any]) -> Value:
    first = evaluate(operands[0], attributes)
    if len(operands) == 1:
        return not cast(first, bool) if sign == "NOT" else _wrap(-cast(first, int))
    if sign in {"AND", "OR", "XOR"}:
        return _combine(sign, cast(first, bool), operands[1], attributes)
    return _calculate(sign, first, evaluate(operands[1], attributes))


def _read(name: str, attributes: Mapping[str, Any]) -> Value:
    if name not in attributes:
        raise EvaluationError("missingAttribute")
    value = attributes[name]
    return value if isinstance(value, bool | int | str) else str(value)


def _combine(sign: str, left: bool, right: Node, attributes: Mapping[str, Any]) -> bool:
    """Evaluate ``right`` only where ``left`` does not decide."""
    if (sign == "AND" and not left) or (sign == "OR" and left):
        return left
    value: bool = cast(evaluate(right, attributes), bool)
    return left != value if sign == "XOR" else value


def _calculate(sign: str, left: Value, right: Value) -> Value:
    if sign in {"=", "!="}:
        return bool((cast(left, type(right)) == right) is (sign == "="))
    x, y = cast(left, int), cast(right, int)
    if sign in _ORDERS:
        return bool(_ORDERS[sign](x, y))
    if sign in _SUMS:
        return _wrap(_SUMS[sign](x, y))
    if y == 0:
        raise EvaluationError("math")
    return _wrap(_QUOTIENTS[sign](x, y))


def _wrap(number: int) -> int:
    """Return a number in 32 bits, as Go calculates."""
    return (number + LARGEST + 1) % 2**32 - LARGEST - 1
