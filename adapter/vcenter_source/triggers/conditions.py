"""Filters as conditions on an event's attributes, and whether any event can meet them. Pure.

What cannot be decided counts as possible: nothing is called impossible that is not.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

LIMIT = 512
"""The most ways to meet a filter that are looked at; one with more of them counts as possible."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute compared with one value. ``present`` asks only whether it is there; ``like`` is CESQL's."""

    operator: Literal["exact", "prefix", "suffix", "like", "present"]
    attribute: str
    value: str
    line: int

    def holds(self, found: str) -> bool:
        """Whether it is true of an attribute with this value."""
        match self.operator:
            case "exact":
                return found == self.value
            case "prefix":
                return found.startswith(self.value)
            case "suffix":
                return found.endswith(self.value)
            case "like":
                return _like(self.value).fullmatch(found) is not None
        return True

    def __str__(self) -> str:
        """Such as ``type = com.example.made``."""
        sign = {"exact": "=", "prefix": "starts with", "suffix": "ends with", "like": "LIKE", "present": "is there"}
        return f"{self.attribute} {sign[self.operator]} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Every:
    """All of the parts are true."""

    parts: tuple["Condition", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Some:
    """At least one of the parts is true."""

    parts: tuple["Condition", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not true."""

    part: "Condition"
    line: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """What is not looked into: it may be true or not."""

    line: int


Condition: TypeAlias = Comparison | Every | Some | Not | Unclear
Signed: TypeAlias = tuple[Comparison, bool]
"""A test, and whether it is to be true or false."""


@dataclass(frozen=True, slots=True)
class Values:
    """What an attribute can be: one of ``known``, or, where that is None, any text between a head and ``tail``."""

    known: frozenset[str] | None = None
    heads: tuple[str, ...] = ("",)
    tail: str = ""
    optional: bool = False

    def admits(self, tests: Iterable[Signed]) -> bool:
        """Whether a value, or the lack of one where it is optional, can meet all of the tests."""
        tests = list(tests)
        if self.optional and not any(wanted for _, wanted in tests):
            return True
        exact = [test.value for test, wanted in tests if wanted and test.operator == "exact"]
        candidates = self.known if self.known is not None else [v for v in exact if self._fits(v)] if exact else None
        if candidates is None:
            return self._open(tests)
        return any(all(test.holds(value) is wanted for test, wanted in tests) for value in candidates)

    def _fits(self, value: str) -> bool:
        return value.startswith(self.heads) and value.endswith(self.tail)

    def _open(self, tests: list[Signed]) -> bool:
        """As far as can be told from the beginnings and the ends."""
        heads = [_head(test) for test, wanted in tests if wanted]
        tails = [_head(test, backwards=True) for test, wanted in tests if wanted] + [self.tail[::-1]]
        if not _agree(tails) or not any(_agree([*heads, head]) for head in self.heads):
            return False
        return not any(self._excludes(test, heads, tails) for test, wanted in tests if not wanted)

    def _excludes(self, test: Comparison, heads: list[str], tails: list[str]) -> bool:
        """Whether no value is left when ``test`` must be false."""
        if test.operator == "prefix":
            known = all(head.startswith(test.value) for head in self.heads)
            return known or any(head.startswith(test.value) for head in heads)
        if test.operator == "suffix":
            return any(tail.startswith(test.value[::-1]) for tail in tails)
        return test.operator == "present"


Shape: TypeAlias = Mapping[str, Values]
"""What the attributes of one kind of event can be, by name; one that is missing is never there."""


def possible(condition: Condition, shapes: Iterable[Shape]) -> bool:
    """Whether an event of one of these shapes can meet the condition."""
    try:
        ways = list(itertools.islice(alternatives(condition), LIMIT + 1))
    except RecursionError:
        return True
    return len(ways) > LIMIT or any(can_all(way, shapes) for way in ways)


def can_all(tests: Iterable[Signed], shapes: Iterable[Shape]) -> bool:
    """Whether an event of one of these shapes can meet all of the tests."""
    by_name: dict[str, list[Signed]] = {}
    for signed in tests:
        by_name.setdefault(signed[0].attribute, []).append(signed)
    return any(all(_admitted(shape.get(name), group) for name, group in by_name.items()) for shape in shapes)


def alternatives(condition: Condition, *, wanted: bool = True) -> Iterator[tuple[Signed, ...]]:
    """The ways to make the condition true (or false, if not ``wanted``), each as the tests that it takes."""
    match condition:
        case Comparison():
            yield ((condition, wanted),)
        case Unclear():
            yield ()
        case Not(part):
            yield from alternatives(part, wanted=not wanted)
        case Every(parts) | Some(parts):
            if isinstance(condition, Every) is wanted:
                yield from _products(parts, wanted=wanted)
            else:
                yield from itertools.chain.from_iterable(alternatives(part, wanted=wanted) for part in parts)


def comparisons(condition: Condition) -> Iterator[Comparison]:
    """Every comparison in a condition."""
    match condition:
        case Comparison():
            yield condition
        case Not(part):
            yield from comparisons(part)
        case Every(parts) | Some(parts):
            for part in parts:
                yield from comparisons(part)


def _products(parts: tuple[Condition, ...], *, wanted: bool) -> Iterator[tuple[Signed, ...]]:
    if not parts:
        yield ()
        return
    for first in alternatives(parts[0], wanted=wanted):
        for rest in _products(parts[1:], wanted=wanted):
            yield first + rest


def _admitted(values: Values | None, signed: list[Signed]) -> bool:
    return not any(wanted for _, wanted in signed) if values is None else values.admits(signed)


def _agree(heads: list[str]) -> bool:
    """Whether one text can begin with all of them."""
    longest = max(heads, key=len, default="")
    return all(longest.startswith(head) for head in heads)


def _head(test: Comparison, *, backwards: bool = False) -> str:
    """What a value must begin with to meet the test; ``backwards``, what it must end with, read from the end."""
    if test.operator == "like":
        text = re.split(r"[%_]", test.value)[-1 if backwards else 0]
        return "" if "\\" in test.value else text[::-1] if backwards else text
    if test.operator == ("suffix" if backwards else "prefix"):
        return test.value[::-1] if backwards else test.value
    return ""


def _like(pattern: str) -> re.Pattern[str]:
    r"""CESQL's LIKE (3.5.1): ``%`` is any text, ``_`` one character, and a backslash takes the meaning of either."""
    pieces = re.findall(r"\\[%_]|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return re.compile("".join(wild.get(p, re.escape(p[-1])) for p in pieces), re.DOTALL)
