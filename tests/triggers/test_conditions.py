"""Conditions that no event can meet are found; whatever an event passes never is."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.filters import trigger_matches
from tests.triggers.catalog_events import EVENTS
from tests.triggers.lint import CHECKER, LONG, OFF, ON, SENT, lint, of_filters
from vcenter_source.triggers.conditions import is_satisfiable
from vcenter_source.triggers.filters import FilterReader
from vcenter_source.triggers.linter import lint_spec


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ([{"exact": {"type": ON}}, {"exact": {"type": OFF}}], f"type = {ON} and type = {OFF} exclude each other"),
        ([{"all": [{"exact": {"type": ON}}, {"exact": {"type": OFF}}]}], "exclude each other"),
        ([{"exact": {"type": ON, "eventname": "VmPoweredOffEvent"}}], "exclude each other"),
        ([{"exact": {"type": ON}}, {"prefix": {"subject": "HostSystem:"}}], "exclude each other"),
        ([{"exact": {"id": "1"}}, {"prefix": {"id": "2"}}], "exclude each other"),
        ([{"prefix": {"subject": "Virtual"}}, {"prefix": {"subject": "Host"}}], "exclude each other"),
        ([{"suffix": {"subject": "7"}}, {"suffix": {"subject": "8"}}], "exclude each other"),
        ([{"exact": {"type": ON}}, {"not": {"exact": {"type": ON}}}], "exclude each other"),
        ([{"prefix": {"id": "12"}}, {"not": {"prefix": {"id": "1"}}}], "exclude each other"),
        ([{"not": {"prefix": {"type": "com.vmware."}}}], "not (type starts with com.vmware.) is never true"),
        ([{"exact": {"eventclass": "eventex"}}, {"exact": {"type": ON}}], "exclude each other"),
        ([{"cesql": f"type = '{ON}' AND type = '{OFF}'"}], "exclude each other"),
        ([{"cesql": f"type = '{ON}' AND type NOT LIKE '%.poweredon'"}], "exclude each other"),
    ],
)
def test_an_impossible_combination(elements: list[Any], said: str) -> None:
    (found,) = of_filters(*elements)
    assert found.severity == "error"
    assert said in found.message


def test_two_event_type_ids_at_once_are_doubted_and_impossible() -> None:
    found = of_filters(*({"exact": {"type": f"com.vmware.event.ex.vendor.{each}"}} for each in ("one", "other")))
    assert [each.severity for each in found] == ["error", "warning", "warning"]


def test_only_the_branch_of_any_that_is_impossible_is_named() -> None:
    branch = f"      - all:\n          - exact: {{type: {ON}}}\n          - exact: {{type: {OFF}}}\n"
    (found,) = lint(f"filters:\n  - any:\n      - exact: {{type: {ON}}}\n{branch}")
    assert found.line == 5


def test_what_takes_too_long_to_decide_counts_as_possible() -> None:
    def any_of(types: list[str]) -> dict[str, Any]:
        return {"any": [{"exact": {"type": each}} for each in types]}

    assert len(of_filters(any_of(SENT[:20]), any_of(SENT[20:40]))) == 1
    assert of_filters(any_of(SENT[:30]), any_of(SENT[30:60])) == []


NAMES = ("type", "eventname", "eventclass", "eventancestors", "severitytext", "subject", "id", "source")


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    """A comparison with a value of one of the events, or a part of it."""
    event = draw(st.sampled_from(EVENTS))
    name = draw(st.sampled_from([name for name in NAMES if name in event]))
    dialect, value = draw(st.sampled_from(["exact", "prefix", "suffix"])), event[name]
    size = draw(st.integers(1, len(value)))
    return {dialect: {name: value if dialect == "exact" else value[:size] if dialect == "prefix" else value[-size:]}}


FILTERS = st.recursive(
    comparisons(),
    lambda inner: st.one_of(
        inner.map(lambda each: {"not": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"all": each}),
        st.lists(inner, min_size=1, max_size=3).map(lambda each: {"any": each}),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("examples", [60, pytest.param(1000, marks=LONG)])
def test_what_an_event_passes_is_never_called_impossible(examples: int) -> None:
    @settings(max_examples=examples)
    @given(st.lists(FILTERS, min_size=1, max_size=3))
    def holds(elements: list[dict[str, Any]]) -> None:
        node = yaml.compose(yaml.safe_dump({"filters": elements}))
        assert node is not None
        condition = FilterReader().read_spec(node)
        if any(trigger_matches({"filters": elements}, event) for event in EVENTS):
            assert is_satisfiable(condition, CHECKER.catalog.kinds)
        (element, *_) = elements
        assert [each for each in lint_spec(node, CHECKER) if "dialect" in each.message] == []
        assert len(of_filters(element)) == len(of_filters({"all": [element]}))

    holds()


@given(comparisons(), comparisons())
@settings(max_examples=150)
def test_two_comparisons_are_impossible_together_where_no_event_passes(one: Any, other: Any) -> None:
    closed = {"eventclass", "severitytext"}  # of these every value is among the events
    if closed.isdisjoint(*one.values()) or closed.isdisjoint(*other.values()):
        return
    passing = any(trigger_matches({"filters": [one, other]}, {**event, "severitytext": level})
                  for event in [*EVENTS, {"eventclass": "adapter"}] for level in ("INFO", "WARN", "ERROR"))  # fmt: skip
    assert (of_filters(one, other) == []) is passing
