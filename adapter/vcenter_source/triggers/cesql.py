"""CESQL expressions as conditions, as far as they compare attributes with texts; the rest is left unclear.

Read from the grammar of the CloudEvents SDK for Go, which Knative uses: AND, OR and XOR bind alike and to the right,
and NOT binds more tightly than a comparison, so ``NOT type = 'x'`` is not looked into.
"""

import re

from vcenter_source.triggers.conditions import Comparison, Condition, Every, Not, Some, Unclear

_TOKEN = re.compile(r"""\s*('(?:\\.|''|[^'\\])*'|"(?:\\.|""|[^"\\])*"|[A-Za-z0-9_]+|<=|>=|!=|<>|\S)""", re.DOTALL)
_KEYWORDS = {"AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"}


class _UnclearError(Exception):
    """Something that this parser does not look into."""


def condition_of(expression: str, line: int) -> Condition:
    """The condition that a CESQL expression states; ``Unclear`` for one that does more than compare."""
    try:
        return _Parser(_TOKEN.findall(expression), line).whole()
    except (_UnclearError, RecursionError):
        return Unclear(line)


class _Parser:
    def __init__(self, tokens: list[str], line: int) -> None:
        self._tokens = tokens
        self._line = line

    def whole(self) -> Condition:
        condition = self._logic()
        if self._tokens:
            raise _UnclearError
        return condition

    def _logic(self) -> Condition:
        left = self._unit()
        if self._take("AND"):
            return Every((left, self._logic()), self._line)
        if self._take("OR"):
            return Some((left, self._logic()), self._line)
        if self._take("XOR"):
            right = self._logic()
            only_left = Every((left, Not(right, self._line)), self._line)
            return Some((only_left, Every((Not(left, self._line), right), self._line)), self._line)
        return left

    def _unit(self) -> Condition:
        if self._take("NOT"):
            if self._next().upper() not in {"(", "EXISTS", "NOT"}:
                raise _UnclearError
            return Not(self._unit(), self._line)
        if self._take("("):
            inner = self._logic()
            self._expect(")")
            return inner
        if self._take("EXISTS"):
            return Comparison("present", self._name(), "", self._line)
        return self._comparison()

    def _comparison(self) -> Condition:
        if self._next()[0] in "'\"":  # 'x' = type
            value, operator, name = self._text(), self._pop(), self._name()
            return self._compared(name, operator, value)
        name = self._name()
        negated = self._take("NOT")
        if self._take("LIKE"):
            condition: Condition = Comparison("like", name, self._text(), self._line)
        elif self._take("IN"):
            condition = Some(tuple(self._compared(name, "=", value) for value in self._texts()), self._line)
        else:
            condition = self._compared(name, self._pop(), self._text())
        return Not(condition, self._line) if negated else condition

    def _compared(self, name: str, operator: str, value: str) -> Condition:
        if operator not in {"=", "!=", "<>"}:
            raise _UnclearError
        test = Comparison("exact", name, value, self._line)
        return test if operator == "=" else Not(test, self._line)

    def _texts(self) -> list[str]:
        self._expect("(")
        texts = [self._text()]
        while self._take(","):
            texts.append(self._text())
        self._expect(")")
        return texts

    def _name(self) -> str:
        name = self._pop()
        if not name.isalnum() or name.isdigit() or name.upper() in _KEYWORDS:
            raise _UnclearError
        return name.lower()  # as the SDK does

    def _text(self) -> str:
        text = self._pop()
        quote = text[0]
        if quote not in "'\"" or len(text) == 1:
            raise _UnclearError
        return text[1:-1].replace(quote * 2, quote).replace(f"\\{quote}", quote)

    def _next(self) -> str:
        if not self._tokens:
            raise _UnclearError
        return self._tokens[0]

    def _pop(self) -> str:
        self._next()
        return self._tokens.pop(0)

    def _take(self, word: str) -> bool:
        found = bool(self._tokens) and self._tokens[0].upper() == word
        if found:
            self._tokens.pop(0)
        return found

    def _expect(self, word: str) -> None:
        if not self._take(word):
            raise _UnclearError
