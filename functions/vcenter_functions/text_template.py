"""Texts with the fields of an event in them: ``{severity}: {message}``. Pure, but for the catalogue.

Only the fields of an event can be named, so a text that comes from a setting reads nothing else.
"""

import functools
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from vcenter_functions import catalog
from vcenter_functions.event import Event
from vcenter_functions.reference import ManagedObjectReference
from vcenter_functions.spelling import closest_matches, did_you_mean

OBJECT_NAME = "object"
"""The field that has the name of the event's object, or its reference where it has none."""

_FIELDS = frozenset({OBJECT_NAME, *(each.name for each in fields(Event))})
_SAMPLE = Event(
    "1", "type", "name", (), "source", datetime(2026, 1, 31, tzinfo=UTC), ManagedObjectReference("T", "1"), "INFO",
    "user", "message", {},
)  # fmt: skip


class TextTemplate:
    """A text with fields: those of Event (``{message}``), ``{object}``, and properties of its data (``{vm.name}``).

    ``{time:%H:%M}`` formats a field as Python does. A property that an event does not have is empty; a field that no
    event has raises ValueError, and so does anything else that cannot be formatted. It is a type for settings, too.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._parts = list(_parse(text))
        self.render(_SAMPLE)

    def __repr__(self) -> str:
        return f"TextTemplate({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def render(self, event: Event, escape: Callable[[str], str] = str) -> str:
        """Return the text with an event's values, each of them escaped. What the text itself says is not."""
        values = ((text, _format(event, path, spec) if path else "") for text, path, spec in self._parts)
        return "".join(text + escape(value) for text, value in values)

    @classmethod
    def __get_pydantic_core_schema__(cls, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(lambda v: v if isinstance(v, cls) else cls(str(v)))


def find_object_name(event: Event) -> str:
    """Return the name of an event's object, its reference where the data has no name, and nothing without object."""
    arguments = (value for value in event.data.values() if isinstance(value, Mapping))
    for argument in arguments if event.subject else ():
        if any(_is_reference(value, event.subject) for value in argument.values()):
            return str(argument.get("name") or event.subject)
    return str(event.subject or "")


def _is_reference(value: Any, reference: ManagedObjectReference | None) -> bool:
    return isinstance(value, Mapping) and value.get("value") == getattr(reference, "value", None) and "type" in value


def _parse(text: str) -> Iterator[tuple[str, str, str]]:
    """Take a text apart: what stands before a field, the field, and how to format it. Raises ValueError."""
    for literal, field, spec, conversion in string.Formatter().parse(text):
        if field is not None:
            _check(field)
        if conversion or "{" in (spec or ""):
            raise ValueError(f"{{{field}}} is followed by what cannot be used here; write {{{field}}}")
        yield literal, field or "", spec or ""


def _check(field: str) -> None:
    first = field.partition(".")[0]
    if field not in _FIELDS - {"data"} and first not in _list_properties() and not field.startswith("data."):
        near = closest_matches(field, {*_FIELDS, *_list_properties()})
        raise ValueError(f"no event has a field {{{field}}}{did_you_mean(near) or '; write {{ for a brace'}")


@functools.cache
def _list_properties() -> set[str]:
    """List the properties of all classes of event."""
    return {name for each in catalog.list_classes() for name in catalog.find_properties(each) or {}}


def _format(event: Event, path: str, spec: str) -> str:
    value = _find_value(event, path)
    if not spec and isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="seconds")
    return format(value if isinstance(value, datetime) else _write(value), spec)


def _find_value(event: Event, path: str) -> Any:
    if path == OBJECT_NAME:
        return find_object_name(event)
    first, *names = path.split(".")
    value: Any = getattr(event, first) if first in _FIELDS and (first == "data" or not names) else event.data.get(first)
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _write(value: Any) -> str:
    """Write a value for people; a list with commas, a reference with its type, and an empty text for none."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_write, value))
    if isinstance(value, Mapping):
        return str(value.get("name") or value.get("value") or "")
    return "" if value is None else str(value)
