"""CESQL: expressions as conditions for lint, their values for an event, and what is no expression."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcenter_source.triggers.cesql.analysis import find_condition
from vcenter_source.triggers.cesql.evaluation import evaluate, is_met
from vcenter_source.triggers.cesql.functions import EvaluationError
from vcenter_source.triggers.cesql.grammar import CesqlSyntaxError, Node, parse_cesql
from vcenter_source.triggers.conditions import And, Comparison, Not, Or, Unknown

EVENT = {
    "id": "4711", "type": "com.vmware.event.vm.poweredon", "subject": "VirtualMachine:vm-15", "hop": "5", "ttl": "10",
    "flag": "TRUE", "small": 7,
}  # fmt: skip


def value_or_error(tree: Node) -> Any:
    """The value of an expression, or the name of its error."""
    try:
        return evaluate(tree, EVENT)
    except EvaluationError as exc:
        return exc.kind


def same(value: str) -> Comparison:
    return Comparison("exact", "id", value, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type = 'a'", Comparison("exact", "type", "a", 1)),
        ("'a' = TYPE", Comparison("exact", "type", "a", 1)),
        ('type != "it\'s"', Not(Comparison("exact", "type", "it's", 1), 1)),
        ("type <> 'a\\'b'", Not(Comparison("exact", "type", "a'b", 1), 1)),
        ("type <> 'a''b'", Not(Comparison("exact", "type", "a''b", 1), 1)),  # as the SDK for Go reads it
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
    ],
)
def test_cesql(text: str, expected: Any) -> None:
    assert find_condition(parse_cesql(text), 1) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id = 'a", "a text that begins with ' does not end"),
        ("id = 'a' id", "unexpected id"),
        ("(id = 'a'", "it ends too early"),
        ("(id = 'a']", "expected ), not ]"),
        ("", "it ends too early"),
        ("id =", "it ends too early"),
        ("id LIKE 5", "LIKE needs a text in quotes, not 5"),
        ("id IN ()", "unexpected )"),
        ("id IN 'a'", "expected (, not 'a'"),
        ("my_id = 'a'", "unexpected my_id"),
        ("and = 'a'", "unexpected and"),
        ("4 -1 = 3", "unexpected -1"),  # -1 is a number, as in the SDK for Go
        ("2147483648 > 1", "2147483648 does not fit into 32 bits"),
        ("LENGHT(id) > 1", "there is no function LENGHT; did you mean LENGTH?"),
        ("LENGTH(id, 1) > 1", "LENGTH does not take 2 arguments"),
        ("CONCAT_WS() = ''", "CONCAT_WS does not take 0 arguments"),
        ("f1(id) = ''", "unexpected ( after F1"),
    ],
)
def test_what_is_no_expression_is_said_to_be_none(text: str, says: str) -> None:
    with pytest.raises(CesqlSyntaxError) as caught:
        parse_cesql(text)
    assert str(caught.value) == says


@given(st.text("abN O'T()=\"AND,%+-1_<", max_size=20))
def test_no_expression_is_too_strange(text: str) -> None:
    try:
        is_met(parse_cesql(text), EVENT)
    except CesqlSyntaxError as exc:
        assert str(exc)  # noqa: PT017  most of them are no expression


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # values, and what they become beside others
        ("id", "4711"), ("small", 7), ("tRuE", True), ("'a\"b\\'c'", "a\"b'c"), ("-10", -10), ("--10", 10),
        ("-'10'", -10), ("hop < ttl", True), ("int(hop) < INT(ttl) and hop < 1000", True), ("hop = 5", True),
        ("hop != 6", True), ("flag = true", True), ("true = flag", False), ("true = 'true'", True),
        ("'TRUE' IN (TRUE)", False), ("1 IN ('1')", True), ("hop NOT IN (1, ttl)", True), ("2344 LIKE '23%'", True),
        ("FALSE LIKE 'f_lse'", True), ("NOT 'FALSE'", True), ("NOT 0", True),
        # the order of operators
        ("4 * 2 + 4 / 2", 10), ("4 * (2 + 4) / 2", 12), ("10 - 4 - 1", 5), ("4 + -1", 3),
        ("1 + 1 = 2 AND 2 >= 2", True), ("NOT hop = 5", "cast"), ("- 2 * 3", -6), ("true OR true AND false", True),
        ("true XOR true OR true", False),
        # numbers have 32 bits, and are divided towards zero
        ("5 / 3", 1), ("-5 / 3", -1), ("-5 % 3", -2), ("5 % -3", 2), ("'5' + TRUE", 6),
        ("2147483647 + 1", -2147483648),
        # functions
        ("LENGTH(TRUE)", 4), ("length('')", 0), ("CONCAT()", ""), ("CONCAT('a', 1, true)", "a1true"),
        ("CONCAT_WS(',')", ""), ("CONCAT_WS('-', 'a', 'b')", "a-b"), ("LOWER('AbC')", "abc"),
        ("UPPER(subject)", "VIRTUALMACHINE:VM-15"), ("TRIM(' a b ')", "a b"), ("LEFT('abc', 2)", "ab"),
        ("LEFT('abc', 9)", "abc"), ("RIGHT('abc', 2)", "bc"), ("RIGHT('abc', 0)", ""), ("RIGHT('abc', 9)", "abc"),
        ("SUBSTRING('abcdef', 2)", "bcdef"), ("SUBSTRING('abcdef', -3)", "def"), ("SUBSTRING('abcdef', 2, 3)", "bcd"),
        ("SUBSTRING('abcdef', -5, 99)", "bcdef"), ("SUBSTRING('abcdef', 0, 1)", ""), ("ABS(-10)", 10),
        ("INT('+5')", 5), ("BOOL(-50)", True), ("STRING(FALSE)", "false"), ("IS_INT(hop)", True),
        ("IS_INT('1_0')", False), ("IS_BOOL('x')", False),
        # errors, where they are reached
        ("missing = 2", "missingAttribute"), ("missing != 2", "missingAttribute"), ("1 / missing", "missingAttribute"),
        ("EXISTS missing OR missing = 1", "missingAttribute"), ("hop = 5 OR missing = 1", True),
        ("hop = 6 AND missing = 1", False), ("5 / 0", "math"), ("5 % 0", "math"), ("ABS(-2147483648)", "math"),
        ("hop = 5 AND 1 / 0 = 1", "math"), ("type < 5", "cast"), ("INT('2147483648')", "cast"),
        ("BOOL('ABC')", "cast"), ("type = true", "cast"), ("' 5' = 5", "cast"),
        ("LEFT('abc', -2)", "functionEvaluation"), ("RIGHT('abc', -2)", "functionEvaluation"),
        ("SUBSTRING('abc', 4)", "functionEvaluation"), ("SUBSTRING('abc', -4, 1)", "functionEvaluation"),
        ("SUBSTRING('abc', 1, -1)", "functionEvaluation"),
    ],
)  # fmt: skip
def test_an_expression_has_a_value_or_fails(text: str, expected: Any) -> None:
    """As the specification says, and its conformance tests."""
    tree = parse_cesql(text)
    found = value_or_error(tree)
    assert (type(found), found) == (type(expected), expected)
    assert is_met(tree, EVENT) is (expected is True)


@pytest.mark.parametrize(
    ("pattern", "text", "holds"),
    [
        ("a%", "abc", True), ("a_c", "abc", True), (r"a\_c", "abc", False), (r"a\_c", "a_c", True),
        ("a.c", "abc", False), (r"50\%%", "50% of", True), (r"50\%%", "500", False), ("%b%", "abc", True),
        ("a%c%e", "abcde", True), ("a%b", "ab b", True), ("a%a", "a", False), ("%_b", "ab", True), ("", "", True),
        ("%", "", True),
    ],
)  # fmt: skip
def test_like(pattern: str, text: str, holds: bool) -> None:
    assert Comparison("like", "type", pattern, 1).holds(text) is holds


def test_like_takes_no_longer_for_a_text_that_does_not_match() -> None:
    assert not Comparison("like", "type", "%a" * 20 + "%b", 1).holds("a" * 200)
