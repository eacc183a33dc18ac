"""CESQL expressions as conditions, as far as they compare attributes with strings; all else becomes ``Unknown``.

Follows the grammar of the CloudEvents SDK for Go, which Knative uses: AND, OR and XOR have the same precedence and
associate to the right, and NOT binds more tightly than a comparison, so ``NOT type = 'x'`` is not analysed.
"""

import re

from vcenter_source.triggers.conditions import And, Comparison, Condition, Not, Or, Unknown

_TOKEN = re.compile(r"""\s*('(?:\\.|''|[^'\\])*'|"(?:\\.|""|[^"\\])*"|[A-Za-z0-9_]+|<=|>=|!=|<>|\S)""", re.DOTALL)
_KEYWORDS = {"AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"}


class _UnsupportedError(Exception):
    """An expression that this parser does not analyse."""


def parse_cesql(expression: str, line: int) -> Condition:
    """Parse a CESQL expression; one that does more than compare attributes with strings is ``Unknown``."""
    try:
        return _Parser(_TOKEN.findall(expression), line).parse()
    except (_UnsupportedError, RecursionError):
        return Unknown(line)


class _Parser:
    def __init__(self, tokens: list[str], line: int) -> None:
        self._tokens = tokens
        self._line = line

    def parse(self) -> Condition:
        condition = self._expression()
        if self._tokens:
            raise _UnsupportedError
        return condition

    def _expression(self) -> Condition:
        left = self._term()
        if self._accept("AND"):
            return And((left, self._expression()), self._line)
        if self._accept("OR"):
            return Or((left, self._expression()), self._line)
        if self._accept("XOR"):
            right = self._expression()
            only_left = And((left, Not(right, self._line)), self._line)
            return Or((only_left, And((Not(left, self._line), right), self._line)), self._line)
        return left

    def _term(self) -> Condition:
        if self._accept("NOT"):
            if self._next().upper() not in {"(", "EXISTS", "NOT"}:
                raise _UnsupportedError
            return Not(self._term(), self._line)
        if self._accept("("):
            inner = self._expression()
            self._expect(")")
            return inner
        if self._accept("EXISTS"):
            return Comparison("present", self._name(), "", self._line)
        return self._comparison()

    def _comparison(self) -> Condition:
        if self._next()[0] in "'\"":  # 'x' = type
            value, operator, name = self._string(), self._pop(), self._name()
            return self._compare(name, operator, value)
        name = self._name()
        negated = self._accept("NOT")
        if self._accept("LIKE"):
            condition: Condition = Comparison("like", name, self._string(), self._line)
        elif self._accept("IN"):
            condition = Or(tuple(self._compare(name, "=", value) for value in self._strings()), self._line)
        else:
            condition = self._compare(name, self._pop(), self._string())
        return Not(condition, self._line) if negated else condition

    def _compare(self, name: str, operator: str, value: str) -> Condition:
        if operator not in {"=", "!=", "<>"}:
            raise _UnsupportedError
        comparison = Comparison("exact", name, value, self._line)
        return comparison if operator == "=" else Not(comparison, self._line)

    def _strings(self) -> list[str]:
        self._expect("(")
        strings = [self._string()]
        while self._accept(","):
            strings.append(self._string())
        self._expect(")")
        return strings

    def _name(self) -> str:
        name = self._pop()
        if not name.isalnum() or name.isdigit() or name.upper() in _KEYWORDS:
            raise _UnsupportedError
        return name.lower()  # as the SDK does

    def _string(self) -> str:
        text = self._pop()
        quote = text[0]
        if quote not in "'\"" or len(text) == 1:
            raise _UnsupportedError
        return text[1:-1].replace(quote * 2, quote).replace(f"\\{quote}", quote)

    def _next(self) -> str:
        if not self._tokens:
            raise _UnsupportedError
        return self._tokens[0]

    def _pop(self) -> str:
        self._next()
        return self._tokens.pop(0)

    def _accept(self, word: str) -> bool:
        is_next = bool(self._tokens) and self._tokens[0].upper() == word
        if is_next:
            self._tokens.pop(0)
        return is_next

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            raise _UnsupportedError
