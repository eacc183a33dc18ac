"""An event as a line for people: time, severity, type, object, user and message."""

from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import TextIO

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.commands.output import MAX_WIDTH, Colour, paint, print_lines, to_line
from vcenter_source.core.event import Event, Gap
from vcenter_source.events.codec import OrjsonFormat
from vcenter_source.events.subjects import find_object_name

_COLUMNS = ("TIME", "SEVERITY", "TYPE", "OBJECT", "USER", "MESSAGE")

_COLOURS: dict[str, Colour] = {"WARN": "yellow", "ERROR": "red"}


class EventPrinter:
    """Prints events as they come: aligned on a terminal, tab-separated for a program, or as CloudEvents in JSON."""

    def __init__(self, out: TextIO, *, as_json: bool) -> None:
        self._out = out
        self._as_json = as_json
        self._widths = [len(column) for column in _COLUMNS[:-1]]
        self._has_begun = False

    def fit(self, events: Iterable[tuple[CloudEvent, Event | Gap]]) -> None:
        """Widen the columns for events that are printed next."""
        for cloudevent, event in events if self._out.isatty() and not self._as_json else ():
            self._fit(describe(cloudevent, event))

    def print(self, cloudevent: CloudEvent, event: Event | Gap) -> None:
        """Print an event, at once. Raises OutputClosedError where the reader has gone."""
        if self._as_json:
            print_lines([OrjsonFormat().write(cloudevent).decode()], self._out)
            return
        values = describe(cloudevent, event)
        if not self._out.isatty():
            print_lines(["\t".join(values)], self._out)
            return
        if not self._has_begun:
            self._has_begun = True
            self._fit(values)
            print_lines([paint(self._align(_COLUMNS), "dim", self._out)], self._out)
        self._fit(values)
        print_lines([paint(self._align(values), _COLOURS.get(values[1]), self._out)], self._out)

    def _fit(self, values: Sequence[str]) -> None:
        """Widen the columns for these values."""
        self._widths = [
            max(width, min(len(value), MAX_WIDTH)) for width, value in zip(self._widths, values, strict=False)
        ]

    def _align(self, values: Sequence[str]) -> str:
        aligned = [value.ljust(width) for value, width in zip(values, self._widths, strict=False)]
        return "  ".join([*aligned, values[-1]])


def describe(cloudevent: CloudEvent, event: Event | Gap) -> tuple[str, ...]:
    """Return what is shown of an event, a value for each column."""
    attributes = cloudevent.get_attributes()
    time = attributes["time"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about, user, message = _describe_gap(event) if isinstance(event, Gap) else _describe_event(event)
    values = (time, attributes["severitytext"], attributes["type"], about, user, message)
    return tuple(to_line(value) or "-" for value in values)


def _describe_event(event: Event) -> tuple[str, str, str]:
    data, subject = event.data, event.subject
    name = find_object_name(data, subject) if subject else None
    about = f"{subject.type}/{name}" if subject and name else str(subject or "")
    message = data.get("fullFormattedMessage") or data.get("message") or event.name
    return about, str(data.get("userName") or ""), str(message)


def _describe_gap(gap: Gap) -> tuple[str, str, str]:
    return "", "", f"Events before this are missing, or may be: {gap.reason}"
