"""What the viewer shows of an event, out of its CloudEvent. Pure."""

from collections.abc import Mapping
from typing import Any

from cloudevents.core.v1.event import CloudEvent

MAX_MESSAGE = 1000
"""Characters of a message that a list shows and is searched in; the event itself, when opened, has all of them."""

MAX_WORD = 200
"""Characters of any other value in a list."""


def row(event: CloudEvent) -> dict[str, Any]:
    """One line of the list."""
    attributes, data = event.get_attributes(), event.get_data()
    fields: Mapping[str, Any] = data if isinstance(data, dict) else {}
    subject = str(attributes.get("subject") or "")
    return {
        "id": attributes["id"][:MAX_WORD],
        "time": attributes["time"],
        "severity": str(attributes.get("severitytext") or "")[:MAX_WORD],
        "type": attributes["type"][:MAX_WORD],
        "family": family(attributes),
        "object": subject[:MAX_WORD],
        "name": object_name(fields, subject.partition(":")[2])[:MAX_WORD],
        "user": text(fields, "userName")[:MAX_WORD],
        "message": text(fields, "fullFormattedMessage")[:MAX_MESSAGE] or text(fields, "reason")[:MAX_MESSAGE],
    }


def family(attributes: Mapping[str, Any]) -> str:
    """What kind of thing it is about: ``Vm`` where ``eventancestors`` is VmPoweredOnEvent,VmEvent,Event."""
    lineage = str(attributes.get("eventancestors") or "").split(",")
    name = lineage[-2] if len(lineage) > 1 else str(attributes.get("eventname") or "")
    return (name.removesuffix("Event") or name)[:MAX_WORD]


def object_name(fields: Mapping[str, Any], moid: str) -> str:
    """What people call the object: the name that stands in the data beside a reference to it; empty where none does."""
    for value in fields.values() if moid else ():
        if isinstance(value, dict) and any(refers_to(inner, moid) for inner in value.values()):
            return text(value, "name")
    return text(fields, "objectName")


def refers_to(value: Any, moid: str) -> bool:
    """Whether this is a managed object reference to it."""
    return isinstance(value, dict) and moid in {value.get("value"), value.get("Value")}


def text(fields: Mapping[str, Any], name: str) -> str:
    """A property's text, spelt as VI/JSON does or in the event broker's PascalCase; empty where there is none."""
    value = fields.get(name, fields.get(name[0].upper() + name[1:]))
    return value if isinstance(value, str) else ""
