"""Decode what vCenter answers in VI/JSON, whatever it holds.

Nothing is converted: an event's data is what vCenter wrote. Only its key and its time are read.

A page is cut into its events first, by msgspec, and each is parsed in its turn. Against parsing the whole page at once,
that takes 8 % less CPU an event, over all, and 11 MiB less memory: a page of parsed events is ten times its text.
"""

import json
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
import orjson

from vcenter_source.core.event import Event, Identity
from vcenter_source.events.catalog import find_subject
from vcenter_source.vcenter.page import EventPage, parse_created


def _parse_float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text  # JSON has no word for infinity


_VALUES = json.JSONDecoder(strict=False, parse_constant=str, parse_float=_parse_float)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw] | None)
_SPACE, _COMMA = re.compile(r"[\s,:]*"), re.compile(r"\s*,")
_NAMED_BY_ID = frozenset({"EventEx", "ExtendedEvent"})


def parse_json(body: bytes) -> Any:
    """Parse an answer; an empty one is None, as for a method without a result. Raises ValueError for no JSON.

    What orjson refuses, such as NaN or half of a surrogate pair, costs no page: Python's own parser reads it.
    """
    if not body:
        return None
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _mend(_VALUES.decode(body.decode(errors="replace")))


def _mend(value: Any) -> Any:
    """Replace what no JSON can be written with: half of a surrogate pair."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mend(item) for item in value]
    if isinstance(value, dict):
        return {_mend(name): _mend(item) for name, item in value.items()}
    return value


def load_page(body: bytes) -> EventPage:
    """Decode a list of events. No list and null are an empty page. Raises ValueError for anything else."""
    return EventPage(_cut_page(body), _read_event, len(body))


def _cut_page(body: bytes) -> Sequence[Any]:
    """Return the events, each as its text; parsed already if the page is no JSON by the book."""
    try:
        return _ITEMS.decode(body or b"null") or ()
    except msgspec.MsgspecError:
        events = parse_json(body)
        if not isinstance(events, list):
            raise TypeError("no list of events") from None
        return events


def load_partial_page(beginning: bytes) -> EventPage:
    """Decode the first event of a list that was cut off: its complete fields."""
    return EventPage(list(_read_cut(beginning))[:1], _read_event, len(beginning))


def load_identities(body: bytes, *, cut: bool = False) -> list[Identity]:
    """Decode the identities of a list of events.

    An event whose key or time cannot be read is left out; so is an event that was ``cut`` off before them.
    """
    events = list(_read_cut(body)) if cut else parse_json(body) or []
    found = [event for event in events if isinstance(event, dict)]
    pairs = [(event.get("key"), parse_created(event.get("createdTime"))) for event in found]
    return [(key, created) for key, created in pairs if isinstance(key, int) and created is not None]


def load_version(body: bytes, *, cut: bool = False) -> str | None:
    """Decode the version of an UpdateSet; None if the time ran out. The changes are not looked at."""
    if cut:
        found = re.search(rb'"version"\s*:\s*"([^"\\]*)"', body)
        return found[1].decode(errors="replace") if found else None
    update = parse_json(body)
    version = update.get("version") if isinstance(update, dict) else None
    return version if isinstance(version, str) else None


def load_categories(description: Any) -> dict[str, str]:
    """Return the category of each event class or event type id in an EventDescription.

    EventEx and ExtendedEvent are listed once for each id, which stands in ``fullFormat`` before a ``|``.
    """
    categories = {}
    for detail in description["eventInfo"]:
        fields: Mapping[str, Any] = detail if isinstance(detail, dict) else {}
        key, category = fields.get("key"), fields.get("category")
        if isinstance(key, str) and isinstance(category, str):
            named_by_id = key in _NAMED_BY_ID
            categories[str(fields.get("fullFormat") or "").partition("|")[0] if named_by_id else key] = category
    return categories


def _read_event(item: Any, before: datetime) -> Event:
    data, encoded = _parse_item(bytes(item)) if isinstance(item, msgspec.Raw) else (item, None)
    if not isinstance(data, dict):
        data, encoded = {"_typeName": "Event", "_value": data}, None
    class_name, key, created = data.get("_typeName"), data.get("key"), parse_created(data.get("createdTime"))
    if not isinstance(class_name, str):
        class_name = "Event"
    if not isinstance(key, int):
        key = -zlib.crc32(orjson.dumps(data, option=orjson.OPT_SORT_KEYS)) // 2
    return Event(class_name, key, created or before, find_subject(class_name, data), data, encoded)


def _parse_item(text: bytes) -> tuple[Any, bytes | None]:
    """Parse an event; return it with its text, unless it is no JSON by the book and so cannot be passed on."""
    try:
        return orjson.loads(text), text
    except orjson.JSONDecodeError:
        return parse_json(text), None


def _read_cut(beginning: bytes) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list that was cut off; of the last, the fields that are complete."""
    text = beginning.decode(errors="ignore")
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        return
    position = _skip(text, position + 1)
    while text[position : position + 1] == "{":
        try:
            item, position = _VALUES.raw_decode(text, position)
        except ValueError:
            yield _mend(_read_cut_object(text, position + 1))
            return
        yield _mend(item)
        position = _skip(text, position)


def _read_cut_object(text: str, position: int) -> dict[str, Any]:
    """Return the fields that are complete: those before a comma, since a number may have lost its end."""
    fields: dict[str, Any] = {}
    try:
        while True:
            name, position = _VALUES.raw_decode(text, _skip(text, position))
            value, position = _VALUES.raw_decode(text, _skip(text, position))
            if not _COMMA.match(text, position):
                return fields
            fields[str(name)] = value
    except ValueError:
        return fields


def _skip(text: str, position: int) -> int:
    """Return where the next value begins."""
    found = _SPACE.match(text, position)
    return found.end() if found else position
