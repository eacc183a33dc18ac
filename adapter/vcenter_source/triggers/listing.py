"""``vcenter-source types``: a table for a terminal, tab-separated lines or JSON for a program."""

import fnmatch
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TextIO

import orjson

from vcenter_source.core.errors import ConfigurationError, OutputClosedError, PermanentError
from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE
from vcenter_source.events.catalog import NAMED_BY_ID, all_classes
from vcenter_source.events.severity import derive_severity
from vcenter_source.triggers import schema
from vcenter_source.triggers.event_catalog import World, subject_types
from vcenter_source.triggers.suggestions import nearest, or_else

COLUMNS = ("type", "class", "family", "severity", "object")
_ANY = ("ManagedEntity", "ManagedObject")
_FEW = 2


@dataclass(frozen=True, slots=True)
class EventType:
    """One type of event. ``objects`` are the types of object that it can be about; empty where that is open.

    ``severity_from``: ``vcenter`` for vCenter's own category, ``name`` for a guess from the class's name, ``event``
    where each event says for itself, ``adapter`` for events of the adapter's own.
    """

    type: str
    class_name: str
    family: str
    severity: str
    severity_from: Literal["vcenter", "name", "event", "adapter"]
    objects: tuple[str, ...] = field(default=())

    def row(self) -> dict[str, str]:
        """What people read. A guessed severity has a question mark."""
        guess = "?" if self.severity_from == "name" else ""
        values = (self.type, self.class_name, self.family, self.severity + guess, self._object())
        return dict(zip(COLUMNS, values, strict=True))

    def json(self) -> dict[str, str | Sequence[str]]:
        """What programs read."""
        said = {"type": self.type, "class": self.class_name, "family": self.family, "severity": self.severity}
        return {**said, "severityFrom": self.severity_from, "objects": self.objects}

    def _object(self) -> str:
        if self.severity_from == "adapter":
            return "none"
        if len(self.objects) > _FEW:  # the class does not say: what the event names, if anything
            return "any or none"
        return "any" if set(_ANY) & set(self.objects) else " or ".join(self.objects) or "any or none"


def event_types(world: World, categories: Mapping[str, str]) -> list[EventType]:
    """Every type that can be sent, sorted; ``categories`` are vCenter's, empty if none was asked."""
    return sorted(_all(world, categories), key=lambda each: each.type)


def _all(world: World, categories: Mapping[str, str]) -> Iterator[EventType]:
    yield EventType(GAP_TYPE, "Gap", "adapter", "WARN", "adapter")
    yield EventType(PING_TYPE, "Ping", "adapter", "INFO", "adapter")
    for name, each in all_classes().items():
        if name in NAMED_BY_ID:
            yield EventType(world.type_of_id("*"), name, name, "", "event")
        elif not each.abstract:
            told: Literal["vcenter", "name"] = "vcenter" if name in categories else "name"
            level = derive_severity(name, {}, categories)
            yield EventType(world.type_of(name), name, each.family, level, told, tuple(subject_types(name)))
    for name in world.ids:
        level = derive_severity("EventEx", {"eventTypeId": name}, categories)
        yield EventType(world.type_of_id(name), "EventEx", "EventEx", level, "vcenter")


def matching(types: list[EventType], pattern: str) -> list[EventType]:
    """Those whose type, class or family has the pattern in it; with a wildcard, is like it. Case does not count.

    Raises PermanentError, with the nearest names, where there are none.
    """
    wild = fnmatch.translate(pattern) if re.search(r"[*?\[]", pattern) else f".*{re.escape(pattern)}.*"
    like = re.compile(wild, re.IGNORECASE | re.DOTALL)
    found = [each for each in types if any(map(like.fullmatch, (each.type, each.class_name, each.family)))]
    if not found:
        names = [name for each in types for name in (each.type, each.class_name, each.type.partition("event.")[2])]
        near = or_else(nearest(pattern, names)[:3]) or "; without a pattern, all are listed"
        raise PermanentError(f"no event type is like {pattern}{near}")
    return found


def exactly(world: World, name: str) -> tuple[str, str]:
    """The class and the type that have this name. Raises PermanentError, with the nearest, where there are none."""
    before, _, after = world.type_of_id("*").partition("*")
    if name in world.classes:
        return world.classes[name], name
    if name == GAP_TYPE or name in all_classes():
        return name, name if name in {GAP_TYPE, *NAMED_BY_ID} else world.type_of(name)
    if name.startswith(before) and name.endswith(after):
        return "EventEx", name
    near = nearest(name, [*world.classes, *all_classes()])
    raise PermanentError(f"no event type is called {name}{or_else(near)}")


def show(types: list[EventType], *, as_json: bool, out: TextIO = sys.stdout) -> None:
    """Print them. Raises OutputClosedError where nobody reads any more."""
    if as_json:
        show_lines((orjson.dumps(each.json()).decode() for each in types), out)
    elif out.isatty():
        _table(types, out)
    else:
        show_lines(("\t".join(each.row().values()) for each in types), out)


def show_schema(world: World, name: str, out: TextIO = sys.stdout) -> None:
    """Print the JSON Schema of the data of one type or class. Raises ConfigurationError for none, as ``exactly``."""
    if not name:
        raise ConfigurationError("--schema: of which type or class? Name one before it")
    show_lines([orjson.dumps(schema.of_class(*exactly(world, name)), option=orjson.OPT_INDENT_2).decode()], out)


def show_lines(lines: Iterable[str], out: TextIO) -> None:
    """Print them, to the last. Raises OutputClosedError where nobody reads any more."""
    try:
        for line in lines:
            print(line, file=out)
        out.flush()
    except BrokenPipeError as exc:
        raise OutputClosedError("standard output is closed") from exc


def _table(types: list[EventType], out: TextIO) -> None:
    """A table as wide as the terminal; what is too long for it is folded."""
    from rich.console import Console  # takes its time to load, and a program that reads lines has no need of it
    from rich.table import Table
    from rich.text import Text

    table = Table(*COLUMNS, box=None, pad_edge=False)
    for each in types:
        table.add_row(*(Text(value, overflow="fold") for value in each.row().values()))
    Console(file=out).print(table)
    if any(each.severity_from == "name" for each in types):
        print("? is a guess from the name; with --vcenter it is that vCenter's own category", file=out)
