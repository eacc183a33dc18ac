"""What is wrong with a Trigger's filters: values that no event has, and filters that no event can pass. Pure."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import yaml

from vcenter_source.triggers import router
from vcenter_source.triggers.conditions import (
    And,
    Comparison,
    Condition,
    Or,
    alternatives,
    can_all_hold,
    is_satisfiable,
    iterate_comparisons,
)
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.findings import Finding
from vcenter_source.triggers.values import ValueChecker


def lint_spec(spec: yaml.Node, checker: ValueChecker) -> list[Finding]:
    """Return what is wrong with a Trigger's ``spec``, in the order of its lines."""
    reader = FilterReader()
    try:
        condition = reader.read_spec(spec)
        findings = reader.findings + list(_lint_condition(condition, checker))
    except RecursionError:
        return [Finding(spec.start_mark.line + 1, "error", "the filters are nested too deeply")]
    return sorted(dict.fromkeys(findings), key=lambda finding: finding.line)


def _lint_condition(condition: Condition, checker: ValueChecker) -> Iterator[Finding]:
    """Check single values; where each of them is possible, check whether they are so together."""
    comparisons = list(iterate_comparisons(condition))
    if any(map(router.is_router_type, comparisons)):
        yield from router.lint_router_filters(comparisons, checker.catalog)
        yield from _lint_values((each for each in comparisons if not router.is_router_filter(each)), checker)
    elif any(map(checker.is_foreign, comparisons)):
        # Nothing is known of another source's attributes.
        yield from _lint_values((each for each in comparisons if each.attribute in {"type", "source"}), checker)
    else:
        yield from _lint_values(comparisons, checker)
        if all(is_satisfiable(each, checker.catalog.kinds) for each in comparisons):
            yield from _lint_together(condition, checker)


def _lint_values(comparisons: Iterable[Comparison], checker: ValueChecker) -> Iterator[Finding]:
    yield from (finding for each in comparisons if (finding := checker.check(each)))


def _lint_together(condition: Condition, checker: ValueChecker) -> Iterator[Finding]:
    """Report the innermost conditions that no event can meet."""
    parts = condition.parts if isinstance(condition, And | Or) else ()
    inner = [finding for part in parts for finding in _lint_together(part, checker)]
    yield from inner
    if not inner and not is_satisfiable(condition, checker.catalog.kinds):
        yield Finding(condition.line, "error", f"no event can pass: {_explain(condition, checker)}")


def _explain(condition: Condition, checker: ValueChecker) -> str:
    """Name the two comparisons that exclude each other, or all of them where it takes more."""
    way = next(alternatives(condition), ())
    for two in combinations(way, 2):
        if not can_all_hold(two, checker.catalog.kinds):
            return " and ".join(_format(*each) for each in two) + " exclude each other"
    together = " and ".join(_format(*each) for each in way)
    return f"{together} {'is never true' if len(way) == 1 else 'cannot all be true'}"


def _format(comparison: Comparison, wanted: bool) -> str:
    return str(comparison) if wanted else f"not ({comparison})"
