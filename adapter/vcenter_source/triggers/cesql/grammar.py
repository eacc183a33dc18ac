"""CESQL expressions as trees.

Follows the grammar of the CloudEvents SDK for Go, which Knative uses. From the tightest to the loosest: ``NOT`` and
``-`` before a value; ``LIKE``; ``IN``; ``* / %``; ``+ -``; comparisons; and ``AND``, ``OR`` and ``XOR``, which are
alike and associate to the right. So ``NOT type = 'x'`` is ``(NOT type) = 'x'``. ``4 -1`` is two numbers, which is no
expression; ``4 - 1`` is a difference.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from vcenter_functions.spelling import closest_matches, did_you_mean
from vcenter_source.triggers.cesql.functions import FUNCTIONS, LARGEST, Value

_STRING = r"""'(?:\\.|''|[^'\\])*'|"(?:\\.|""|[^"\\])*\""""
_INTEGER = r"[+-][0-9]+|[0-9]+(?![A-Za-z0-9])"
_WORD = r"[A-Za-z][A-Za-z_]*(?![A-Za-z0-9_])|[A-Za-z0-9]+"
_TOKEN = re.compile(rf"({_STRING})|({_INTEGER})|({_WORD})|(<=|>=|!=|<>|[^ \t\r\n])", re.DOTALL)
_KEYWORDS = {"AND", "OR", "XOR", "NOT", "LIKE", "EXISTS", "IN", "TRUE", "FALSE"}

_LOGIC, _COMPARISON, _SUM, _PRODUCT, _IN, _LIKE, _UNARY = range(1, 8)
_POWERS = {
    **dict.fromkeys(("AND", "OR", "XOR"), _LOGIC),
    **dict.fromkeys(("=", "!=", "<>", "<", "<=", ">", ">="), _COMPARISON),
    **dict.fromkeys("+-", _SUM),
    **dict.fromkeys("*/%", _PRODUCT),
    "IN": _IN,
    "LIKE": _LIKE,
}
"""How tightly an operator between two operands binds."""


class CesqlSyntaxError(Exception):
    """Not an expression; the message says why."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value that is written out."""

    value: Value


@dataclass(frozen=True, slots=True)
class Attribute:
    """The value of an attribute of the event."""

    name: str


@dataclass(frozen=True, slots=True)
class Exists:
    """Whether the event has an attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Like:
    """Whether a text matches a pattern."""

    operand: "Node"
    pattern: str


@dataclass(frozen=True, slots=True)
class In:
    """Whether a value is one of others."""

    operand: "Node"
    choices: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Invocation:
    """A call of one of ``FUNCTIONS``, with as many arguments as it takes."""

    name: str
    arguments: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator with one operand or two; ``<>`` is ``!=``."""

    operator: str
    operands: tuple["Node", ...]


Node: TypeAlias = Literal | Attribute | Exists | Like | In | Invocation | Operation


def parse_cesql(expression: str) -> Node:
    """Parse an expression. Raises CesqlSyntaxError, and RecursionError for one with hundreds of operators."""
    return _Parser(expression).parse()


class _Parser:
    """Parses by the operators' powers: an operand ends before an operator that binds less tightly than its own."""

    def __init__(self, expression: str) -> None:
        self._tokens = [match[0] for match in _TOKEN.finditer(expression)][::-1]

    def parse(self) -> Node:
        node = self._operand(_LOGIC)
        if self._tokens:
            raise CesqlSyntaxError(f"unexpected {self._tokens[-1]}")
        return node

    def _operand(self, least: int) -> Node:
        """Parse up to an operator that has less than this power."""
        left = self._unary()
        while True:
            is_negated = self._next() == "NOT" and self._next(1) in {"LIKE", "IN"}
            operator = self._next(1 if is_negated else 0)
            power = _POWERS.get(operator, 0)
            if power < least or not power:
                return left
            if is_negated:
                self._pop()
            self._pop()
            left = self._extend(left, operator, power)
            if is_negated:
                left = Operation("NOT", (left,))

    def _extend(self, left: Node, operator: str, power: int) -> Node:
        """Parse what follows an operator that has ``left`` before it."""
        if operator == "LIKE":
            return Like(left, self._string())
        if operator == "IN":
            return In(left, self._list(is_empty_allowed=False))
        right = self._operand(power if power == _LOGIC else power + 1)
        return Operation("!=" if operator == "<>" else operator, (left, right))

    def _unary(self) -> Node:
        """Parse a value, and what is before it."""
        token = self._pop()
        word = token.upper()
        if word in {"NOT", "-"}:
            return Operation(word, (self._operand(_UNARY),))
        if word == "EXISTS":
            return Exists(self._name(self._pop()))
        if word == "(":
            node = self._operand(_LOGIC)
            self._expect(")")
            return node
        if self._next() == "(":
            return self._invocation(word)
        return Literal(word == "TRUE") if word in {"TRUE", "FALSE"} else self._atom(token)

    def _atom(self, token: str) -> Node:
        if token[0] in "'\"":
            return Literal(_unquote(token))
        if re.fullmatch(_INTEGER, token):
            number = int(token)
            if not -LARGEST - 1 <= number <= LARGEST:
                raise CesqlSyntaxError(f"{token} does not fit into 32 bits")
            return Literal(number)
        return Attribute(self._name(token))

    def _invocation(self, name: str) -> Node:
        if name in _KEYWORDS or not re.fullmatch(r"[A-Z][A-Z_]*", name):
            raise CesqlSyntaxError(f"unexpected ( after {name}")
        arguments = self._list(is_empty_allowed=True)
        if name not in FUNCTIONS:
            raise CesqlSyntaxError(f"there is no function {name}{did_you_mean(closest_matches(name, FUNCTIONS))}")
        if not FUNCTIONS[name].takes(len(arguments)):
            raise CesqlSyntaxError(f"{name} does not take {len(arguments)} arguments")
        return Invocation(name, arguments)

    def _list(self, *, is_empty_allowed: bool) -> tuple[Node, ...]:
        """Parse expressions in parentheses."""
        self._expect("(")
        nodes: list[Node] = []
        if not (is_empty_allowed and self._next() == ")"):
            nodes.append(self._operand(_LOGIC))
            while self._next() == ",":
                self._pop()
                nodes.append(self._operand(_LOGIC))
        self._expect(")")
        return tuple(nodes)

    def _name(self, token: str) -> str:
        """Return an attribute's name in lower case, as the SDK does."""
        if not re.fullmatch(r"[A-Za-z0-9]+", token) or token.upper() in _KEYWORDS:
            raise CesqlSyntaxError(f"unexpected {token}")
        return token.lower()

    def _string(self) -> str:
        token = self._pop()
        if len(token) == 1 or token[0] not in "'\"":
            raise CesqlSyntaxError(f"LIKE needs a text in quotes, not {token}")
        return _unquote(token)

    def _next(self, ahead: int = 0) -> str:
        """Return a token that comes, in upper case; empty at the end."""
        return self._tokens[-1 - ahead].upper() if len(self._tokens) > ahead else ""

    def _pop(self) -> str:
        if not self._tokens:
            raise CesqlSyntaxError("it ends too early")
        return self._tokens.pop()

    def _expect(self, token: str) -> None:
        found = self._pop()
        if found != token:
            raise CesqlSyntaxError(f"expected {token}, not {found}")


def _unquote(token: str) -> str:
    """Return the text of a literal."""
    quote = token[0]
    if len(token) == 1:
        raise CesqlSyntaxError(f"a text that begins with {quote} does not end")
    return token[1:-1].replace(f"\\{quote}", quote)
