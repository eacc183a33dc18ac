"""CESQL's values, how one becomes another (3.7), and the functions of the language (3.5)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Value: TypeAlias = bool | int | str
"""A value of an expression; an integer has 32 bits."""

LARGEST = 2**31 - 1

ErrorKind: TypeAlias = Literal["cast", "math", "missingAttribute", "functionEvaluation"]


class EvaluationError(Exception):
    """An expression that fails for an event, with the name that the conformance tests of CESQL have for the error."""

    def __init__(self, kind: ErrorKind) -> None:
        super().__init__(kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Builtin:
    """A function: ``types`` are those of its arguments, ``object`` for any.

    The last ones may be left out from ``least`` on. Where it ``is_open``, more of the last type may follow.
    """

    run: Callable[..., Value]
    types: tuple[type, ...]
    least: int | None = None
    is_open: bool = False

    def takes(self, count: int) -> bool:
        """Whether it can be called with so many arguments."""
        least = len(self.types) if self.least is None else self.least
        return least <= count and (self.is_open or count <= len(self.types))

    def call(self, arguments: list[Value]) -> Value:
        """Call it with arguments, each made the type that it needs. Raises EvaluationError."""
        types = [*self.types, *self.types[-1:] * (len(arguments) - len(self.types))]
        return self.run(*(cast(value, to) for value, to in zip(arguments, types, strict=False)))


def cast(value: Value, target: type) -> Any:
    """Return a value as one of another type. Raises EvaluationError."""
    if isinstance(value, target) and (target is object or type(value) is target):
        return value
    if not isinstance(value, str):
        return str(value).lower() if target is str else target(value)
    if target is bool and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if target is int and re.fullmatch(r"[+-]?[0-9]{1,20}", value) and -LARGEST - 1 <= int(value) <= LARGEST:
        return int(value)
    raise EvaluationError("cast")


def _can_cast(value: Value, target: type) -> bool:
    try:
        cast(value, target)
    except EvaluationError:
        return False
    return True


def _get_absolute(number: int) -> int:
    if number < -LARGEST:
        raise EvaluationError("math")
    return abs(number)


def _take_left(text: str, count: int) -> str:
    if count < 0:
        raise EvaluationError("functionEvaluation")
    return text[:count]


def _take_right(text: str, count: int) -> str:
    if count < 0:
        raise EvaluationError("functionEvaluation")
    return text[max(0, len(text) - count) :]


def _take_part(text: str, position: int, length: int = LARGEST) -> str:
    """Return a part of a text. Positions count from 1; from -1 backwards from the end; 0 is no text."""
    if abs(position) > len(text) or length < 0:
        raise EvaluationError("functionEvaluation")
    if position == 0:
        return ""
    start = position - 1 if position > 0 else len(text) + position
    return text[start : start + length]


FUNCTIONS = {
    "INT": Builtin(lambda value: cast(value, int), (object,)),
    "BOOL": Builtin(lambda value: cast(value, bool), (object,)),
    "STRING": Builtin(lambda value: cast(value, str), (object,)),
    "IS_INT": Builtin(lambda value: _can_cast(value, int), (object,)),
    "IS_BOOL": Builtin(lambda value: _can_cast(value, bool), (object,)),
    "ABS": Builtin(_get_absolute, (int,)),
    "LENGTH": Builtin(len, (str,)),
    "CONCAT": Builtin(lambda *texts: "".join(texts), (str,), least=0, is_open=True),
    "CONCAT_WS": Builtin(lambda delimiter, *texts: delimiter.join(texts), (str,), is_open=True),
    "LOWER": Builtin(str.lower, (str,)),
    "UPPER": Builtin(str.upper, (str,)),
    "TRIM": Builtin(str.strip, (str,)),
    "LEFT": Builtin(_take_left, (str, int)),
    "RIGHT": Builtin(_take_right, (str, int)),
    "SUBSTRING": Builtin(_take_part, (str, int, int), least=2),
}
