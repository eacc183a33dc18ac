"""Knative's Trigger filters, and the durations of its delivery specs."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.filters import FilterError, check_trigger, describe, passes, trigger_matches
from demo.manifests import Delivery, seconds

EVENT = {"type": "com.example.pool.made", "source": "https://vc/sdk", "id": "7", "subject": "Pool:9"}

NAMES = st.sampled_from(["type", "source", "subject", "missing"])
VALUES = st.sampled_from(["com.example", "com.example.pool.made", "https://vc/sdk", "made", "Pool:9", "x"])
LEAVES = st.builds(lambda d, n, v: {d: {n: v}}, st.sampled_from(["exact", "prefix", "suffix"]), NAMES, VALUES)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        inner.map(lambda f: {"not": f}),
        st.lists(inner, min_size=1, max_size=3).map(lambda f: {"all": f}),
        st.lists(inner, min_size=1, max_size=3).map(lambda f: {"any": f}),
    ),
    max_leaves=6,
)


@pytest.mark.parametrize(
    ("attributes", "wanted"),
    [
        ({"type": "com.example.pool.made"}, True),
        ({"type": "com.example.pool"}, False),
        ({"type": "COM.EXAMPLE.POOL.MADE"}, False),
        ({"type": "com.example.pool.made", "subject": "Pool:9"}, True),
        ({"type": "com.example.pool.made", "subject": "Pool:8"}, False),
        ({"subject": ""}, True),
        ({"severitytext": ""}, False),
        ({}, True),
    ],
)
def test_attributes_must_all_be_equal_and_empty_means_any_value_that_is_there(
    attributes: dict[str, str], wanted: bool
) -> None:
    assert trigger_matches({"filter": {"attributes": attributes}}, EVENT) is wanted


@pytest.mark.parametrize(
    ("element", "wanted"),
    [
        ({"exact": {"type": "com.example.pool.made"}}, True),
        ({"prefix": {"type": "com.example."}}, True),
        ({"prefix": {"type": "example."}}, False),
        ({"suffix": {"subject": ":9"}}, True),
        ({"suffix": {"missing": ":9"}}, False),
        ({"not": {"prefix": {"missing": "x"}}}, True),
        ({"all": [{"exact": {"id": "7"}}, {"exact": {"id": "8"}}]}, False),
        ({"any": [{"exact": {"id": "7"}}, {"exact": {"id": "8"}}]}, True),
    ],
)
def test_each_dialect(element: dict[str, Any], wanted: bool) -> None:
    assert trigger_matches({"filters": [element]}, EVENT) is wanted


def test_a_trigger_without_a_filter_wants_every_event() -> None:
    assert trigger_matches({}, EVENT)


def test_filters_replace_filter() -> None:
    spec = {"filter": {"attributes": {"type": "another"}}, "filters": [{"exact": {"id": "7"}}]}
    assert trigger_matches(spec, EVENT)


def test_every_element_of_filters_must_pass() -> None:
    assert not trigger_matches({"filters": [{"exact": {"id": "7"}}, {"exact": {"id": "8"}}]}, EVENT)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"filters": [{"cesql": "type = 'x'"}]}, "does not evaluate cesql"),
        ({"filters": [{"not": {"cesql": "type = 'x'"}}]}, "does not evaluate cesql"),
        ({"filters": [{"exact": {"type": "x"}, "prefix": {"type": "x"}}]}, "exactly one dialect"),
        ({"filters": [{"regex": {"type": "x"}}]}, "not a filter dialect"),
        ({"filters": [{"any": []}]}, "at least one filter"),
        ({"filters": [{"exact": {}}]}, "attribute names"),
        ({"filters": [{"prefix": {"type": ""}}]}, "must be a string"),
        ({"filter": {"attributes": {"id": 7}}}, "id must be a string, not 7"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_by_name(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(FilterError, match=message):
        check_trigger(spec)


@given(FILTERS)
def test_every_well_formed_filter_is_accepted_described_and_negated_by_not(element: Mapping[str, Any]) -> None:
    check_trigger({"filters": [element]})
    assert describe({"filters": [element]})
    assert passes({"not": element}, EVENT) is not passes(element, EVENT)


@given(st.lists(FILTERS, min_size=1, max_size=4))
def test_any_is_not_all_of_the_opposites(elements: list[Mapping[str, Any]]) -> None:
    opposites = [{"not": element} for element in elements]
    assert passes({"any": elements}, EVENT) is not passes({"all": opposites}, EVENT)


@given(st.text(min_size=1), st.text(min_size=1))
def test_prefix_and_suffix_agree_with_exact_on_the_whole_value(name: str, value: str) -> None:
    for dialect in ("exact", "prefix", "suffix"):
        assert passes({dialect: {name: value}}, {name: value})
        assert not passes({dialect: {name: value}}, {})


def test_the_filter_in_a_line() -> None:
    assert describe({"filter": {"attributes": {"type": "a", "subject": ""}}}) == "type = a and any subject"
    element = {"any": [{"prefix": {"type": "a"}}, {"not": {"suffix": {"type": "b"}}}]}
    assert describe({"filters": [element]}) == "(type starts with a or not (type ends with b))"
    assert describe({}) == "every event"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("PT0.5S", 0.5), ("PT10S", 10), ("PT1M30S", 90), ("PT1H", 3600), ("P1DT1S", 86401), ("P2D", 172800)],
)
def test_durations(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "P", "PT", "1s", "0.5", "PT5", "P1Y", "pt5s"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="ISO 8601"):
        seconds(text)


def test_back_off_counts_as_knative_does() -> None:
    exponential = Delivery(3, "exponential", 0.5)
    assert [exponential.delay(n) for n in range(3)] == [0.5, 1.0, 2.0]
    assert [Delivery(3, "linear", 0.5).delay(n) for n in range(3)] == [0.0, 0.5, 1.0]
