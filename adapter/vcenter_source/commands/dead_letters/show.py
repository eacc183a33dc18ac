"""``vcenter-source dead-letters list``, ``show`` and ``discard``: what is in DEAD_LETTER_PATH."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

import orjson

from vcenter_source.commands.dead_letters.folder import check_ids, find_letters, is_wanted
from vcenter_source.commands.output import print_json, print_lines, print_rows
from vcenter_source.events.formats import TYPE_PREFIX
from vcenter_source.state.dead_letters import decode_error_data, explain_refusal
from vcenter_source.state.dead_letters.folder import DeadLetterFolder, StoredLetter

_COLUMNS = ("time", "type", "subject", "id", "reason", "vcenter")
_SHORT_COLUMNS = ("id", "time", "type", "subject", "vcenter", "reason")
"""For people: what the next command needs comes first, and what is long last."""

_COUNT_COLUMNS = ("count", "status", "address", "reason")


@dataclass(slots=True)
class RefusalCount:
    """How many letters one receiver has refused with one status, and the last reason that it gave."""

    count: int = 0
    reason: str = ""


def print_letters(letters: Iterable[StoredLetter], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print the letters, oldest first: a table on a terminal, with the count by reason below; else tab-separated lines.

    Lines, and JSON, are printed as they are read: a folder of any size needs no memory. Raises OutputClosedError where
    the reader has gone.
    """
    counts: dict[tuple[str, str], RefusalCount] = {}
    rows = (_describe(letter) for letter in _count(letters, counts))
    if as_json:
        return print_json(rows, out)
    if not out.isatty():
        return print_rows(rows, _COLUMNS, out)
    shown = [_shorten(row) for row in rows]
    if not shown:
        return print_lines(["no dead letters"], out)
    print_rows(shown, [each for each in _SHORT_COLUMNS if any(row[each] for row in shown)], out)
    print_lines([""], out)
    return print_rows(_describe_counts(counts), _COUNT_COLUMNS, out)


def print_counts(letters: Iterable[StoredLetter], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print how many letters there are by who refused them and with which status, the most first.

    Raises OutputClosedError where the reader has gone.
    """
    counts: dict[tuple[str, str], RefusalCount] = {}
    for _ in _count(letters, counts):
        pass
    if as_json:
        print_json(({**row, "count": int(row["count"])} for row in _describe_counts(counts)), out)
    else:
        print_rows(_describe_counts(counts), _COUNT_COLUMNS, out, if_empty="no dead letters")


def _count(letters: Iterable[StoredLetter], counts: dict[tuple[str, str], RefusalCount]) -> Iterator[StoredLetter]:
    """Yield the letters, and count them as they pass."""
    for letter in letters:
        attributes = letter.event.get_attributes()
        key = str(attributes.get("knativeerrordest", "")), str(attributes.get("knativeerrorcode", ""))
        entry = counts.setdefault(key, RefusalCount())
        entry.count += 1
        entry.reason = explain_refusal(letter.event).removeprefix(f"{key[0]} ")
        yield letter


def _describe_counts(counts: dict[tuple[str, str], RefusalCount]) -> Iterator[dict[str, str]]:
    for (address, code), entry in sorted(counts.items(), key=lambda item: -item[1].count):
        values = str(entry.count), code, address, entry.reason
        yield dict(zip(_COUNT_COLUMNS, values, strict=True))


def _describe(letter: StoredLetter) -> dict[str, str]:
    """Return what is shown of a letter. ``time`` is when the adapter gave up, not when the event happened."""
    attributes = letter.event.get_attributes()
    return {
        "time": str(attributes.get("deadlettertime", "")),
        "type": attributes["type"],
        "subject": str(attributes.get("subject", "")),
        "id": attributes["id"],
        "reason": explain_refusal(letter.event),
        "vcenter": str(attributes.get("vcentername", "")),
    }


def _shorten(row: dict[str, str]) -> dict[str, str]:
    """Return a row that fits into a terminal: no milliseconds, and the type as all commands understand it."""
    time, type_name = row["time"].partition(".")[0], row["type"].removeprefix(TYPE_PREFIX)
    return row | {"time": f"{time}Z" if time else "", "type": type_name}


def print_whole(folder: DeadLetterFolder, ids: Sequence[str], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print the letters of these events, or all, in full: why each is one, and the CloudEvent; as JSON, that alone.

    Raises UnknownLetterError and OutputClosedError.
    """
    check_ids(folder, ids)
    for letter in find_letters(folder, ids):
        document = orjson.loads(letter.line)
        if as_json:
            print_json([document], out)
        else:
            facts = [f"{name}: {value}" for name, value in _list_facts(letter) if value]
            print_lines([*facts, orjson.dumps(document, option=orjson.OPT_INDENT_2).decode(), ""], out)


def _list_facts(letter: StoredLetter) -> Iterator[tuple[str, str]]:
    attributes = letter.event.get_attributes()
    yield "given up", str(attributes.get("deadlettertime", ""))
    yield "refused by", str(attributes.get("knativeerrordest", ""))
    yield "status", str(attributes.get("knativeerrorcode", ""))
    yield "reason", explain_refusal(letter.event)
    yield "answer", decode_error_data(letter.event).decode(errors="replace").strip()
    yield "accepted by", ", ".join(letter.takers)


def discard_letters(folder: DeadLetterFolder, ids: Sequence[str]) -> int:
    """Remove the letters of these events, or all that there are without ids; return how many.

    Raises UnknownLetterError and DeadLetterUnavailableError.
    """
    check_ids(folder, ids)
    removed = 0
    for file, size in folder.measure_files():
        lines = {each.line for each in folder.read_letters_of(file, size) if is_wanted(each, ids)}
        if lines:
            folder.filter(file, lambda line: line not in lines)  # noqa: B023  it is called at once
        removed += len(lines)
    return removed
