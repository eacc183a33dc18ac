"""Single values in the data of events, which the page filters by. Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from vcenter_source.viewer.feed import EventRecord


def read_values(records: Iterable[EventRecord], path: Sequence[str]) -> list[tuple[int, str | None]]:
    """Return the value at a path in the data of each event, after the event's number; see ``read_value``."""
    return [(record.number, read_value(orjson.loads(record.body)["data"], path)) for record in records]


def read_value(data: Any, path: Sequence[str]) -> str | None:
    """Return a value as a text, in JSON if it is none; None where there is no value, or one that has parts.

    A path has names of properties, and places in lists.
    """
    for name in path:
        if isinstance(data, list):
            data = dict(zip(map(str, range(len(data))), data, strict=True))
        if not isinstance(data, dict) or name not in data:
            return None
        data = data[name]
    if isinstance(data, float) and data.is_integer():
        data = int(data)  # as JavaScript writes it
    return None if isinstance(data, list | dict) else data if isinstance(data, str) else orjson.dumps(data).decode()
