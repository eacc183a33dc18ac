"""Filters as conditions on an event's attributes, and whether any event can meet them. Pure.

What cannot be decided counts as possible: nothing is called impossible that is not.
"""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from vcenter_source.triggers.cesql.grammar import Node
from vcenter_source.triggers.cesql.like import compile_like

MAX_ALTERNATIVES = 512
"""The most alternatives of one condition that are tried; a condition with more counts as possible."""

# A condition is a tree of comparisons. ``alternatives`` expands it into the ways to make it true, each of them a set of
# comparisons with a sign, all of which must come out as the sign says (the disjunctive normal form):
#
#     Or ─┬─ type = A                       1. type = A: true
#         └─ And ─┬─ type starts with B     2. type starts with B: true, severitytext = INFO: false
#                 └─ Not ── severitytext = INFO
#
# A condition is satisfiable if one of its alternatives is. An alternative is satisfiable if, in one kind of event,
# every attribute can have a value that fits all comparisons of this attribute. ``AttributeDomains`` describes a kind of
# event: for each attribute a ``Domain``, the values that it can have. The attributes of one kind are decided
# independently of each other. That is why there are hundreds of kinds: a ``type`` goes with one ``eventname`` only.


@dataclass(frozen=True, slots=True)
class Comparison:
    """One attribute compared with one value. ``present`` asks only whether it is there; ``like`` is CESQL's."""

    operator: Literal["exact", "prefix", "suffix", "like", "present"]
    attribute: str
    value: str
    line: int

    def holds(self, actual: str) -> bool:
        """Whether it is true of an attribute with this value."""
        match self.operator:
            case "exact":
                return actual == self.value
            case "prefix":
                return actual.startswith(self.value)
            case "suffix":
                return actual.endswith(self.value)
            case "like":
                return compile_like(self.value).fullmatch(actual) is not None
        return True

    def __str__(self) -> str:
        """Such as ``type = com.example.made``."""
        sign = {"exact": "=", "prefix": "starts with", "suffix": "ends with", "like": "LIKE", "present": "is there"}
        return f"{self.attribute} {sign[self.operator]} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts are true."""

    parts: tuple["Condition", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of the parts is true."""

    parts: tuple["Condition", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Not:
    """The part is not true."""

    part: "Condition"
    line: int


@dataclass(frozen=True, slots=True)
class Expression:
    """A whole CESQL expression: the condition that it states, as far as this is known, and itself, to be evaluated."""

    part: "Condition"
    tree: Node
    line: int


@dataclass(frozen=True, slots=True)
class Unknown:
    """A part that is not analysed: it may be true or not."""

    line: int


Condition: TypeAlias = Comparison | And | Or | Not | Expression | Unknown
SignedComparison: TypeAlias = tuple[Comparison, bool]
"""A comparison, and whether it must be true or false."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The values that an attribute can have.

    They are ``values``, or, where that is None, all texts between one of ``prefixes`` and ``suffix``. An ``optional``
    attribute may be absent.
    """

    values: frozenset[str] | None = None
    prefixes: tuple[str, ...] = ("",)
    suffix: str = ""
    optional: bool = False

    def admits(self, comparisons: Iterable[SignedComparison]) -> bool:
        """Whether a value, or the lack of one where it is optional, can meet all of the comparisons."""
        comparisons = list(comparisons)
        if self.optional and not any(wanted for _, wanted in comparisons):
            return True
        candidates = self._candidates(comparisons)
        if candidates is None:
            return self._admits_some_text(comparisons)
        return any(all(each.holds(value) is wanted for each, wanted in comparisons) for value in candidates)

    def _candidates(self, comparisons: list[SignedComparison]) -> Iterable[str] | None:
        """Return the only values that come into question; None where there are too many to list."""
        if self.values is not None:
            return self.values
        exact = [each.value for each, wanted in comparisons if wanted and each.operator == "exact"]
        return [v for v in exact if v.startswith(self.prefixes) and v.endswith(self.suffix)] if exact else None

    def _admits_some_text(self, comparisons: list[SignedComparison]) -> bool:
        """Whether a text can meet the comparisons, as far as beginnings and ends decide it."""
        starts = [_get_start(each) for each, wanted in comparisons if wanted]
        ends = [_get_start(each, backwards=True) for each, wanted in comparisons if wanted] + [self.suffix[::-1]]
        if not _fit_one_text(ends) or not any(_fit_one_text([*starts, prefix]) for prefix in self.prefixes):
            return False
        return not any(self._always_holds(each, starts, ends) for each, wanted in comparisons if not wanted)

    def _always_holds(self, comparison: Comparison, starts: list[str], ends: list[str]) -> bool:
        """Whether a comparison is true of every text with these beginnings and ends, so that it cannot be false."""
        if comparison.operator == "prefix":
            in_domain = all(prefix.startswith(comparison.value) for prefix in self.prefixes)
            return in_domain or any(start.startswith(comparison.value) for start in starts)
        if comparison.operator == "suffix":
            return any(end.startswith(comparison.value[::-1]) for end in ends)
        return comparison.operator == "present"


AttributeDomains: TypeAlias = Mapping[str, Domain]
"""What the attributes of one kind of event can be, by name; one that is missing is never there."""


def is_satisfiable(condition: Condition, kinds: Iterable[AttributeDomains]) -> bool:
    """Whether an event of one of these kinds can meet the condition."""
    try:
        ways = list(itertools.islice(alternatives(condition), MAX_ALTERNATIVES + 1))
    except RecursionError:
        return True
    return len(ways) > MAX_ALTERNATIVES or any(can_all_hold(way, kinds) for way in ways)


def can_all_hold(comparisons: Iterable[SignedComparison], kinds: Iterable[AttributeDomains]) -> bool:
    """Whether an event of one of these kinds can meet all of the comparisons."""
    by_name: dict[str, list[SignedComparison]] = {}
    for signed in comparisons:
        by_name.setdefault(signed[0].attribute, []).append(signed)
    return any(all(_can_hold(kind.get(name), group) for name, group in by_name.items()) for kind in kinds)


def alternatives(condition: Condition, *, wanted: bool = True) -> Iterator[tuple[SignedComparison, ...]]:
    """Yield the ways to make the condition true, or false if not ``wanted``, each as signed comparisons."""
    match condition:
        case Comparison():
            yield ((condition, wanted),)
        case Unknown():
            yield ()
        case Expression(part):
            yield from alternatives(part, wanted=wanted)
        case Not(part):
            yield from alternatives(part, wanted=not wanted)
        case And(parts) | Or(parts):
            if isinstance(condition, And) is wanted:  # not (a or b) is not a and not b
                yield from _products(parts, wanted=wanted)
            else:
                yield from itertools.chain.from_iterable(alternatives(part, wanted=wanted) for part in parts)


def iterate_comparisons(condition: Condition) -> Iterator[Comparison]:
    """Yield every comparison in a condition."""
    match condition:
        case Comparison():
            yield condition
        case Not(part) | Expression(part):
            yield from iterate_comparisons(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from iterate_comparisons(part)


def _products(parts: tuple[Condition, ...], *, wanted: bool) -> Iterator[tuple[SignedComparison, ...]]:
    if not parts:
        yield ()
        return
    for first in alternatives(parts[0], wanted=wanted):
        for rest in _products(parts[1:], wanted=wanted):
            yield first + rest


def _can_hold(domain: Domain | None, comparisons: list[SignedComparison]) -> bool:
    return not any(wanted for _, wanted in comparisons) if domain is None else domain.admits(comparisons)


def _fit_one_text(starts: list[str]) -> bool:
    """Whether one text can begin with all of them."""
    longest = max(starts, key=len, default="")
    return all(longest.startswith(start) for start in starts)


def _get_start(comparison: Comparison, *, backwards: bool = False) -> str:
    """Return what a value must begin with; ``backwards``, what it must end with, read from the end."""
    if comparison.operator == "like":
        text = re.split(r"[%_]", comparison.value)[-1 if backwards else 0]
        return "" if "\\" in comparison.value else text[::-1] if backwards else text
    if comparison.operator == ("suffix" if backwards else "prefix"):
        return comparison.value[::-1] if backwards else comparison.value
    return ""
