"""``vcenter-source dead-letters``: the events in DEAD_LETTER_PATH that the sink refused for good."""

import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

from vcenter_source.commands.output import print_json, print_rows
from vcenter_source.state.dead_letters.folder import StoredLetter

COLUMNS = ("time", "type", "subject", "id", "reason")


def print_letters(letters: Iterable[StoredLetter], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print the letters, oldest first, as they are read: a folder of any size needs no memory.

    They are a table for a terminal, tab-separated lines or JSON for a program. Raises OutputClosedError where the
    reader has gone.
    """
    rows = _describe(letters)
    if as_json:
        print_json(rows, out)
    else:
        print_rows(rows, COLUMNS, out, if_empty="no dead letters")


def _describe(letters: Iterable[StoredLetter]) -> Iterator[dict[str, str]]:
    """Yield what is shown of each letter. ``time`` is when the adapter gave up, not when the event happened."""
    for letter in letters:
        attributes = letter.event.get_attributes()
        yield {
            "time": str(attributes.get("deadlettertime", "")),
            "type": attributes["type"],
            "subject": str(attributes.get("subject", "")),
            "id": attributes["id"],
            "reason": " ".join(str(attributes.get("deadletterreason", "")).split()),
        }
