"""What commands print: lines for programs, and tables for people."""

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Literal, TextIO

import orjson

from vcenter_source.core.errors import OutputClosedError
from vcenter_source.core.logs import has_colours

Colour = Literal["red", "green", "yellow", "dim"]

_CODES: Mapping[Colour, int] = {"red": 31, "green": 32, "yellow": 33, "dim": 2}
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_GAP = "  "
_INDENT = "    "
_DEFAULT_WIDTH = 80
MAX_WIDTH = 44
"""The widest that a column is; a longer value moves the rest of its line alone."""


def print_rows(
    rows: Iterable[Mapping[str, str | None]], columns: Sequence[str], out: TextIO, *, if_empty: str | None = None
) -> None:
    """Print rows: a table on a terminal, tab-separated lines elsewhere.

    A table without rows is replaced by ``if_empty``. Raises OutputClosedError where the reader has gone.
    """
    if out.isatty():
        _print_table(rows, columns, out, if_empty)
    else:
        print_lines(("\t".join(row[column] or "" for column in columns) for row in rows), out)


def print_json(values: Iterable[Any], out: TextIO) -> None:
    """Print each value as a line of JSON. Raises OutputClosedError where the reader has gone."""
    print_lines((orjson.dumps(value).decode() for value in values), out)


def print_lines(lines: Iterable[str], out: TextIO) -> None:
    """Print lines as they come, to the last. Raises OutputClosedError where the reader has gone."""
    try:
        for line in lines:
            print(line, file=out)
        out.flush()
    except BrokenPipeError as exc:
        raise OutputClosedError("standard output is closed") from exc


def paint(text: str, colour: Colour | None, out: TextIO) -> str:
    """Return text in a colour, if ``out`` is a terminal for which NO_COLOR is not set."""
    if colour is None or not text or not has_colours(out):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def to_line(text: str) -> str:
    """Return text as one line without what could change a terminal."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _print_table(
    rows: Iterable[Mapping[str, str | None]], columns: Sequence[str], out: TextIO, if_empty: str | None
) -> None:
    """Print a table as wide as the terminal. A value that has no room left goes to the next line, whole."""
    cells = [[to_line(row[column] or "") for column in columns] for row in rows]
    if not cells and if_empty is not None:
        print_lines([if_empty], out)
        return
    widths = [min(max(map(len, each)), MAX_WIDTH) for each in zip(columns, *cells, strict=True)]
    limit = _find_width(out)
    print_lines(chain.from_iterable(_lay_out(row, widths, limit) for row in (columns, *cells)), out)


def _lay_out(values: Sequence[str], widths: Sequence[int], limit: int) -> Iterator[str]:
    """Yield the lines of a row. Only a value that is longer than a line is broken, between words."""
    line, room = "", max(limit - len(_INDENT), 1)
    for value, width in zip(values, widths, strict=True):
        *before, last = textwrap.wrap(value, room, break_long_words=False, break_on_hyphens=False) or [""]
        if line and (before or len(line) + len(_GAP) + len(last) > limit):
            yield line.rstrip()
            line = _INDENT[: -len(_GAP)]
        for part in before:
            yield f"{line}{_GAP if line else ''}{part}"
            line = _INDENT[: -len(_GAP)]
        line += (_GAP if line else "") + last.ljust(width)
    yield line.rstrip()


def _find_width(out: TextIO) -> int:
    """Return the columns of the terminal: those of COLUMNS, or its own; 80 where it does not say."""
    with suppress(ValueError, OSError):
        return int(os.environ.get("COLUMNS", "")) or _DEFAULT_WIDTH
    with suppress(OSError):
        return os.get_terminal_size(out.fileno()).columns or _DEFAULT_WIDTH
    return _DEFAULT_WIDTH
