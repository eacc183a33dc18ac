"""``vcenter-source lint``: which Triggers can never match, or match more than they say, and where that is written."""

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import TextIO

import yaml

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.triggers import manifests, router
from vcenter_source.triggers.conditions import (
    Comparison,
    Condition,
    Every,
    Some,
    alternatives,
    can_all,
    comparisons,
    possible,
)
from vcenter_source.triggers.event_catalog import World
from vcenter_source.triggers.filters import Reading
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.values import Judge

UNREADABLE_EXIT = 2
FOUND_EXIT = 1


def findings(spec: yaml.Node, judge: Judge) -> list[Finding]:
    """What is wrong with a Trigger's ``spec``, in the order of its lines."""
    reading = Reading()
    try:
        condition = reading.condition(spec)
        found = reading.findings + list(_of_condition(condition, judge))
    except RecursionError:
        return [Finding(spec.start_mark.line + 1, "error", "the filters are nested too deeply")]
    return sorted(dict.fromkeys(found), key=lambda each: each.line)


def _of_condition(condition: Condition, judge: Judge) -> Iterator[Finding]:
    """What is wrong with single values; where each is possible, what is wrong with them together."""
    every = list(comparisons(condition))
    if any(map(router.is_router_type, every)):
        yield from router.findings(every, judge.world)
        every = [test for test in every if not router.is_router_type(test) and not router.is_router_subject(test)]
        yield from (found for test in every if (found := judge.finding(test)))
        return
    if any(judge.foreign(test) for test in every):
        # Of another source's attributes nothing is known.
        every = [test for test in every if test.attribute in {"type", "source"}]
        yield from (found for test in every if (found := judge.finding(test)))
        return
    yield from (found for test in every if (found := judge.finding(test)))
    if all(possible(test, judge.world.shapes) for test in every):
        yield from _together(condition, judge)


def _together(condition: Condition, judge: Judge) -> Iterator[Finding]:
    """The innermost conditions that no event can meet."""
    inner = [found for part in _parts(condition) for found in _together(part, judge)]
    yield from inner
    if not inner and not possible(condition, judge.world.shapes):
        yield Finding(condition.line, "error", f"no event can pass: {_contradiction(condition, judge)}")


def _parts(condition: Condition) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, Every | Some) else ()


def _contradiction(condition: Condition, judge: Judge) -> str:
    """The two comparisons that exclude each other, or all of them where it takes more."""
    way = next(alternatives(condition), ())
    for two in combinations(way, 2):
        if not can_all(two, judge.world.shapes):
            return " and ".join(_said(*each) for each in two) + " exclude each other"
    every = " and ".join(_said(*each) for each in way)
    return f"{every} {'is never true' if len(way) == 1 else 'cannot all be true'}"


def _said(test: Comparison, wanted: bool) -> str:
    return str(test) if wanted else f"not ({test})"


@dataclass
class Linter:
    """Reads files and prints what it finds, a line each: ``file:line: error: Trigger name: what``."""

    world: World
    out: TextIO = sys.stdout
    counts: Counter[str] = field(default_factory=Counter)

    def run(self, paths: list[str], *, strict: bool = False) -> int:
        """The exit code: 2 where a file could not be read, 1 where something was found, warnings only if ``strict``."""
        judge = Judge(self.world)
        for file in manifests.files(paths):
            self._file(file, judge)
        print(self._summary(), file=self.out)
        if self.counts["unreadable"]:
            return UNREADABLE_EXIT
        return FOUND_EXIT if self.counts["error"] or (strict and self.counts["warning"]) else 0

    def _file(self, file: str, judge: Judge) -> None:
        try:
            triggers = manifests.read(file)
        except ConfigurationError as exc:
            self.counts["unreadable"] += 1
            print(f"{exc}", file=self.out)
            return
        for trigger in triggers:
            self.counts["trigger"] += 1
            for each in findings(trigger.spec, judge):
                self.counts[each.severity] += 1
                print(f"{file}:{each.line}: {each.severity}: {trigger.name}: {each.message}", file=self.out)

    def _summary(self) -> str:
        told = [_counted(self.counts[what], what) for what in ("error", "warning") if self.counts[what]]
        told += [f"{_counted(self.counts['unreadable'], 'file')} unreadable"] if self.counts["unreadable"] else []
        return f"{_counted(self.counts['trigger'], 'Trigger')}: {', '.join(told) or 'nothing found'}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
