"""What the viewer shows of an event, out of its CloudEvent. Pure."""

import functools
from collections.abc import Mapping
from typing import Any

MAX_MESSAGE = 1000
"""Characters of a message that a list shows and is searched in; the event itself, when opened, has all of them."""

MAX_WORD = 200
"""Characters of any other value in a list."""


def row(attributes: Mapping[str, Any], data: Any) -> dict[str, Any]:
    """One line of the list, for an event with these attributes and data."""
    fields: Mapping[str, Any] = data if isinstance(data, dict) else {}
    subject = attributes.get("subject", "")
    return {
        "id": attributes["id"][:MAX_WORD],
        "time": attributes["time"],
        "severity": attributes.get("severitytext", "")[:MAX_WORD],
        "type": attributes["type"][:MAX_WORD],
        "family": family(attributes),
        "object": subject[:MAX_WORD],
        "name": object_name(fields, subject.partition(":")[2])[:MAX_WORD],
        "user": text(fields, "userName", "UserName")[:MAX_WORD],
        "message": (text(fields, "fullFormattedMessage", "FullFormattedMessage") or text(fields, "reason"))[
            :MAX_MESSAGE
        ],
    }


def family(attributes: Mapping[str, Any]) -> str:
    """What kind of thing it is about: ``Vm`` where ``eventancestors`` is VmPoweredOnEvent,VmEvent,Event."""
    return family_of(attributes.get("eventancestors", "")) or attributes.get("eventname", "")[:MAX_WORD]


@functools.lru_cache(maxsize=4096)
def family_of(ancestors: str) -> str:
    """The class below ``Event`` itself; empty where there is none."""
    lineage = ancestors.split(",")
    name = lineage[-2] if len(lineage) > 1 else ""
    return (name.removesuffix("Event") or name)[:MAX_WORD]


def object_name(fields: Mapping[str, Any], moid: str) -> str:
    """What people call the object: the name that stands in the data beside a reference to it; empty where none does."""
    for value in fields.values() if moid else ():
        if type(value) is dict:
            for inner in value.values():
                if type(inner) is dict and moid in (inner.get("value"), inner.get("Value")):
                    return text(value, "name", "Name")
    return text(fields, "objectName", "ObjectName")


def text(fields: Mapping[str, Any], *names: str) -> str:
    """The text of the first of these properties that is there; empty where none is."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str):
            return value
    return ""
