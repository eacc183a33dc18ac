"""What the list shows of an event, from its CloudEvent. Pure."""

import functools
from collections.abc import Mapping
from typing import Any

MAX_MESSAGE = 1000
"""Characters of a message that the list shows and searches; an opened event has all of them."""

MAX_VALUE = 200
"""Characters of any other value in the list."""


def summarize(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """Return the row of the list for an event with these attributes and data."""
    fields: Mapping[str, Any] = data if isinstance(data, dict) else {}
    subject = attributes.get("subject", "")
    message = first_text(fields, "fullFormattedMessage", "FullFormattedMessage") or first_text(fields, "reason")
    return {
        "id": attributes["id"][:MAX_VALUE],
        "time": attributes["time"],
        "severity": attributes.get("severitytext", "")[:MAX_VALUE],
        "type": attributes["type"][:MAX_VALUE],
        "family": event_family(attributes),
        "object": subject[:MAX_VALUE],
        "name": object_name(fields, subject.partition(":")[2])[:MAX_VALUE],
        "vcenter": attributes.get("vcentername", "")[:MAX_VALUE],
        "user": first_text(fields, "userName", "UserName")[:MAX_VALUE],
        "message": message[:MAX_MESSAGE],
    }


def event_family(attributes: Mapping[str, Any]) -> str:
    """Return the kind of object: ``Vm`` where ``eventancestors`` is VmPoweredOnEvent,VmEvent,Event."""
    return _family_in(attributes.get("eventancestors", "")) or attributes.get("eventname", "")[:MAX_VALUE]


@functools.lru_cache(maxsize=4096)
def _family_in(ancestors: str) -> str:
    """Return the ancestor right below ``Event``, without "Event"; empty where there is none."""
    lineage = ancestors.split(",")
    name = lineage[-2] if len(lineage) > 1 else ""
    return (name.removesuffix("Event") or name)[:MAX_VALUE]


def object_name(fields: Mapping[str, Any], moid: str) -> str:
    """Return the object's name, which the data has beside a reference to the object; empty where there is none."""
    for value in fields.values() if moid else ():
        if type(value) is dict:
            for inner in value.values():
                if type(inner) is dict and moid in (inner.get("value"), inner.get("Value")):
                    return first_text(value, "name", "Name")
    return first_text(fields, "objectName", "ObjectName")


def first_text(fields: Mapping[str, Any], *names: str) -> str:
    """Return the first of these properties that is a text; empty where none is."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
    return ""
