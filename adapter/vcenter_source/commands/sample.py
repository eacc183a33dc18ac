"""``vcenter-source sample``: a valid event of any type, to test a function or a Trigger with."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TextIO

import orjson
from cloudevents.core.v1.event import CloudEvent

from vcenter_functions.net.addresses import complete_vcenter_url
from vcenter_source.commands.output import print_lines
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.event import Gap
from vcenter_source.events.adapter_events import GAP_TYPE, PING_TYPE, gap_event, ping_event
from vcenter_source.events.assignments import assign
from vcenter_source.events.catalog import NAMED_BY_ID
from vcenter_source.events.conversion import Converter
from vcenter_source.events.formats import EventFormat
from vcenter_source.events.samples import sample_data, sample_event
from vcenter_source.settings.vcenter import derive_name, find_source
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.event_types import resolve_name

API_VERSION = "8.0.3.0"
"""The API version that a sample names."""

_KEYS = 2**31
_OWN = {"Gap": GAP_TYPE, "Ping": PING_TYPE}


def show_sample(event_format: EventFormat, name: str, assignments: Sequence[str], source: str) -> None:
    """Print an event of the present. Raises as ``make_sample``, and ConfigurationError for a source that is none."""
    try:
        address = find_source(complete_vcenter_url(source))
    except ValueError as exc:
        raise ConfigurationError(f"--source: {exc}") from exc
    print_sample(make_sample(EventCatalog(event_format), name, assignments, address, datetime.now(UTC)))


def make_sample(
    catalog: EventCatalog, name: str, assignments: Sequence[str], source: str, created: datetime
) -> CloudEvent:
    """Make the event of this type or class, with each ``path=value`` of its data set.

    Its key differs from that of a sample of another millisecond. Raises PermanentError, with the closest, for an
    unknown name, and ConfigurationError for an assignment that the class does not allow.
    """
    name = _OWN.get(name, name)
    if name in _OWN.values():
        return _make_own(name, assignments, source, created)
    class_name, type_name = resolve_name(catalog, name)
    data = sample_data(class_name, _make_key(created), created, _find_id(catalog, class_name, type_name))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise ConfigurationError(f"--set {assignment}: write a property and its value, such as vm.name=web-1")
        try:
            assign(data, path, text, created)
        except ValueError as exc:
            raise ConfigurationError(f"--set {assignment}: {exc}") from exc
    converter = Converter(source, API_VERSION, catalog.event_format, vcenter=derive_name(source))
    return converter.convert(sample_event(class_name, data))


def print_sample(event: CloudEvent, out: TextIO = sys.stdout) -> None:
    """Print an event in structured mode: one line for a program, indented on a terminal."""
    option = orjson.OPT_UTC_Z | (orjson.OPT_INDENT_2 if out.isatty() else 0)
    document = {**event.get_attributes(), "data": event.get_data()}
    print_lines([orjson.dumps(document, option=option).decode()], out)


def _make_own(type_name: str, assignments: Sequence[str], source: str, created: datetime) -> CloudEvent:
    """Make an event of the adapter's own."""
    if assignments:
        raise ConfigurationError(f"--set {assignments[0]}: {type_name} has no data of vCenter to set")
    if type_name == PING_TYPE:
        return ping_event(source, {})
    return gap_event(Gap("purged", None, (_make_key(created), created)), source, API_VERSION, {})


def _make_key(created: datetime) -> int:
    return int(created.astimezone(UTC).timestamp() * 1000) % _KEYS


def _find_id(catalog: EventCatalog, class_name: str, type_name: str) -> str | None:
    """Return the eventTypeId that a type ends with; None where it stands for a class."""
    return (class_name in NAMED_BY_ID and catalog.id_of(type_name)) or None
