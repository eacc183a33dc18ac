"""Names that look like a misspelling of another: variables of the environment, types of event. Pure.

The adapter uses this, too.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping

_CLOSE = 0.85
"""How alike two names must be, by difflib's ratio, for one to be a misspelling of the other."""

MIN_LENGTH = 5
"""Letters of a setting that is compared: too many other names are one slip away from HOST, PORT or TAG."""

KNOWN_ELSEWHERE = frozenset({"LOGLEVEL"})
"""Variables one slip away from a setting that other software reads."""


def find_misspelt(environment: Mapping[str, str], settings: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield each variable that is one slip away from a setting, with that setting.

    An empty variable counts as not set. Variables that somebody else sets for a purpose of their own are left out.
    """
    compared = sorted(name for name in settings if len(name) >= MIN_LENGTH)
    for variable in sorted(environment.keys() - set(settings)):
        if environment[variable] and not _is_foreign(variable, environment):
            yield from ((variable, setting) for setting in compared if is_one_slip(variable, setting))


def _is_foreign(variable: str, environment: Mapping[str, str]) -> bool:
    """Return whether a variable is known as another program's, or Kubernetes sets it for a Service."""
    is_service_link = f"{variable.removesuffix('_PORT')}_SERVICE_HOST" in environment
    return variable in KNOWN_ELSEWHERE or is_service_link


def is_one_slip(one: str, other: str) -> bool:
    """Return whether one letter added, left out or changed, or two neighbours swapped, turns one into the other."""
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    rest, other_rest = one[start:], other[start:]
    if rest[1:] == other_rest or rest == other_rest[1:] or rest[1:] == other_rest[1:]:
        return True
    return rest[:2] == other_rest[:2][::-1] and rest[2:] == other_rest[2:]


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
