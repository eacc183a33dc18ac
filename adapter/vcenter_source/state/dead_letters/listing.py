"""The letters of a folder on standard output: a table for a terminal, tab-separated lines or JSON for a program."""

import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

import orjson

from vcenter_source.state.dead_letters.folder import StoredLetter

COLUMNS = ("time", "type", "subject", "id", "reason")


def described(letters: Iterable[StoredLetter]) -> Iterator[dict[str, str]]:
    """What is shown of each letter. ``time`` is when the event was given up, not when it happened."""
    for letter in letters:
        attributes = letter.event.get_attributes()
        yield {
            "time": str(attributes.get("deadlettertime", "")),
            "type": attributes["type"],
            "subject": str(attributes.get("subject", "")),
            "id": attributes["id"],
            "reason": " ".join(str(attributes.get("deadletterreason", "")).split()),
        }


def show(letters: Iterable[StoredLetter], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print the letters, oldest first."""
    rows = described(letters)
    if as_json:
        print_lines((orjson.dumps(row).decode() for row in rows), out)
    elif out.isatty():
        print_table(rows, out)
    else:
        print_lines(("\t".join(row[column] for column in COLUMNS) for row in rows), out)


def print_lines(lines: Iterable[str], out: TextIO) -> None:
    """One letter a line, each at once, so that a folder of any size needs no memory."""
    for line in lines:
        print(line, file=out)


def print_table(rows: Iterable[dict[str, str]], out: TextIO) -> None:
    """A table as wide as the terminal; long reasons are folded."""
    from rich.console import Console  # takes its time to load, and a program that reads lines has no need of it
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(Text(row[column], overflow="fold") for column in COLUMNS))
    Console(file=out).print(table if table.row_count else "no dead letters")
