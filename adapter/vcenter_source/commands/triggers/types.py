"""``vcenter-source types``: a table for a terminal, tab-separated lines or JSON for a program."""

import sys
from collections.abc import Mapping
from typing import TextIO

import orjson

from vcenter_source.commands.output import print_json, print_lines, print_rows
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.json_schema import event_schema
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.event_types import EventType, list_event_types, match_event_types, resolve_name

_COLUMNS = ("type", "class", "family", "severity", "object")


def print_types(
    catalog: EventCatalog,
    categories: Mapping[str, str],
    pattern: str | None,
    *,
    as_json: bool,
    out: TextIO = sys.stdout,
) -> None:
    """Print the event types that match. Raises PermanentError for none, OutputClosedError where the reader has gone."""
    types = list_event_types(catalog, categories)
    if pattern:
        types = match_event_types(types, pattern)
    if as_json:
        print_json((type_.json() for type_ in types), out)
        return
    print_rows((format_row(type_) for type_ in types), _COLUMNS, out)
    if out.isatty() and any(type_.severity_from == "name" for type_ in types):
        print("? is a guess from the name; with --vcenter it is that vCenter's own category", file=out)


def print_schema(catalog: EventCatalog, name: str | None, out: TextIO = sys.stdout) -> None:
    """Print the JSON Schema of the data of one type or class. Raises ConfigurationError and PermanentError."""
    if not name:
        raise ConfigurationError("--schema: name a type or a class before it")
    schema = event_schema(*resolve_name(catalog, name))
    print_lines([orjson.dumps(schema, option=orjson.OPT_INDENT_2).decode()], out)


def format_row(type_: EventType) -> dict[str, str]:
    """Return a type's columns for people. A guessed severity has a question mark."""
    severity = type_.severity + ("?" if type_.severity_from == "name" else "")
    values = (type_.type, type_.class_name, type_.family, severity, type_.describe_objects())
    return dict(zip(_COLUMNS, values, strict=True))
