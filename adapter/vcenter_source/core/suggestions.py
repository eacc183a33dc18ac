"""Suggestions for a name that was probably misspelt. Pure."""

import difflib
from collections.abc import Iterable

from vcenter_functions.spelling import is_one_slip

_CLOSE = 0.85
"""How alike two names must be, by difflib's ratio, for one to be a misspelling of the other."""


def closest_matches(word: str, names: Iterable[str]) -> list[str]:
    """List what a misspelt word may stand for: the names that are one slip away, else at most three similar ones."""
    names = sorted(set(names))
    same = [name for name in names if name.casefold() == word.casefold()]
    return same[:3] or [name for name in names if is_one_slip(word, name)] or _similar(word, names)


def did_you_mean(names: Iterable[str]) -> str:
    """Return ``; did you mean this or that?``, or nothing where there are no names."""
    joined = " or ".join(names)
    return f"; did you mean {joined}?" if joined else ""


def _similar(word: str, names: list[str]) -> list[str]:
    folded = {name.casefold(): name for name in names}
    return [folded[each] for each in difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=_CLOSE)]
