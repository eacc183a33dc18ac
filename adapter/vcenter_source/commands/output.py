"""What commands print: lines for programs, and tables for people."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TextIO

import orjson

from vcenter_source.core.errors import OutputClosedError

Colour = Literal["red", "green", "yellow", "dim"]

_CODES: Mapping[Colour, int] = {"red": 31, "green": 32, "yellow": 33, "dim": 2}


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
    if colour is None or not text or not out.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def _print_table(
    rows: Iterable[Mapping[str, str | None]], columns: Sequence[str], out: TextIO, if_empty: str | None
) -> None:
    """Print a table as wide as the terminal; long values are folded."""
    from rich.console import Console  # slow to load, and not needed for lines
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[column] or "", overflow="fold") for column in columns))
    Console(file=out).print(if_empty if if_empty is not None and not table.row_count else table)
