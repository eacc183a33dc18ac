"""The names that someone may have meant."""

import difflib
from collections.abc import Iterable

_CLOSE = 0.85
"""How alike two names must be, by difflib's ratio, for one to be a misspelling of the other."""


def nearest(word: str, names: Iterable[str]) -> list[str]:
    """The names that a misspelt word is likely to stand for, at most three: those one slip away, else similar ones."""
    names = sorted(set(names))
    same = [name for name in names if name.casefold() == word.casefold()]
    return same[:3] or [name for name in names if one_slip(word, name)] or _similar(word, names)


def one_slip(one: str, other: str) -> bool:
    """Whether a letter more, less, changed, or swapped with the one beside it makes one of the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, other_rest = one[start:], other[start:]
    if rest[1:] == other_rest or rest == other_rest[1:] or rest[1:] == other_rest[1:]:
        return True
    return rest[:2] == other_rest[:2][::-1] and rest[2:] == other_rest[2:]


def or_else(names: Iterable[str]) -> str:
    """``; did you mean this or that?``, or nothing where there are no names."""
    joined = " or ".join(names)
    return f"; did you mean {joined}?" if joined else ""


def _similar(word: str, names: list[str]) -> list[str]:
    folded = {name.casefold(): name for name in names}
    return [folded[each] for each in difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=_CLOSE)]
