"""Lint of filters in CESQL."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcenter_source.triggers import cesql
from vcenter_source.triggers.conditions import And, Comparison, Not, Or, Unknown


def same(value: str) -> Comparison:
    return Comparison("exact", "id", value, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type = 'a'", Comparison("exact", "type", "a", 1)),
        ("'a' = TYPE", Comparison("exact", "type", "a", 1)),
        ('type != "it\'s"', Not(Comparison("exact", "type", "it's", 1), 1)),
        ("type <> 'a''b'", Not(Comparison("exact", "type", "a'b", 1), 1)),
        ("subject like 'a%'", Comparison("like", "subject", "a%", 1)),
        ("subject NOT LIKE 'a%'", Not(Comparison("like", "subject", "a%", 1), 1)),
        ("exists subject", Comparison("present", "subject", "", 1)),
        ("type IN ('a', 'b')", Or((Comparison("exact", "type", "a", 1), Comparison("exact", "type", "b", 1)), 1)),
        (
            "id = 'a' AND id = 'b' OR id = 'c'",  # to the right, all alike
            And((same("a"), Or((same("b"), same("c")), 1)), 1),
        ),
        ("NOT (id = 'a')", Not(Comparison("exact", "id", "a", 1), 1)),
        ("NOT id = 'a'", Unknown(1)),  # (NOT id) = 'a'
        ("LOWER(type) = 'a'", Unknown(1)),
        ("id = 7", Unknown(1)),
        ("id = 'a", Unknown(1)),
        ("id = 'a' id", Unknown(1)),
        ("(id = 'a'", Unknown(1)),
        ("", Unknown(1)),
    ],
)
def test_cesql(text: str, expected: Any) -> None:
    assert cesql.parse_cesql(text, 1) == expected


@given(st.text("abN O'T()=\"AND,%", max_size=20))
def test_no_expression_is_too_strange(text: str) -> None:
    cesql.parse_cesql(text, 1)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [("a%", "abc", True), ("a_c", "abc", True), (r"a\_c", "abc", False), (r"a\_c", "a_c", True), ("a.c", "abc", False)],
)
def test_like(pattern: str, text: str, holds: bool) -> None:
    assert Comparison("like", "type", pattern, 1).holds(text) is holds
