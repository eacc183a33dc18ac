"""CloudEvents on the wire: binary mode and the JSON format, written with as little work as possible. Pure."""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import quote

import orjson
from cloudevents.core.base import BaseCloudEvent, EventFactory
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

UNSAFE = re.compile(r"[^!#$&-~]")
"""A character that a header value cannot have as it is: all but U+0021 to U+007E without " and %."""

_SAFE = "".join(character for character in map(chr, range(0x21, 0x7F)) if character not in '"%')


class ConvertedEvent(CloudEvent):
    """A CloudEvent whose attributes are known to be valid: checking them costs more than all the rest."""

    def __init__(self, attributes: dict[str, Any], data: dict[str, Any]) -> None:
        self._attributes = attributes
        self._data = data
        self.encoded: bytes | None = None


def to_binary(event: BaseCloudEvent) -> tuple[dict[str, str], bytes]:
    """Return headers and body of a CloudEvent in binary mode: the same as the SDK's, in a third of the time."""
    attributes = event.get_attributes()
    headers = {f"ce-{name}": _header(value) for name, value in attributes.items() if value is not None}
    datacontenttype = attributes.get("datacontenttype")
    if datacontenttype is not None:
        del headers["ce-datacontenttype"]
        headers["content-type"] = str(datacontenttype)
    return headers, encode_data(event)


def encode_data(event: BaseCloudEvent) -> bytes:
    """Encode an event's data as in binary mode. A ConvertedEvent keeps the bytes for a retry and for the viewer."""
    if type(event) is not ConvertedEvent:  # isinstance takes long: the SDK's base class is a Protocol
        return _FORMAT.write_data(event.get_data(), event.get_attributes().get("datacontenttype"))
    if event.encoded is None:
        event.encoded = orjson.dumps(event.get_data())
    return event.encoded


def drop_nulls(document: Any) -> Any:
    """Return a CloudEvent in JSON without the members that are null, which count as absent (JSON format 1.0.2, 2.2).

    Its data may be null, "as distinct from the absence of the data member" (3.1.1).
    """
    if not isinstance(document, dict) or None not in document.values():
        return document
    return {name: value for name, value in document.items() if value is not None or name == "data"}


class OrjsonFormat(JSONFormat):
    """CloudEvents' JSON format, written by orjson: a hundredth of the time, and data that is a dict stays JSON."""

    def read(self, event_factory: EventFactory | None, data: str | bytes) -> BaseCloudEvent:
        """Parse a JSON text as an event. Raises what the SDK raises for an invalid one."""
        text = data if isinstance(data, str) else data.decode()
        if "null" in text and (reduced := drop_nulls(document := json.loads(text))) is not document:
            text = json.dumps(reduced)
        return super().read(event_factory, text)

    def write(self, event: BaseCloudEvent) -> bytes:
        """Encode an event in structured mode."""
        data = event.get_data()
        if not isinstance(data, dict):
            return super().write(event)
        return orjson.dumps(event.get_attributes() | {"data": data}, option=orjson.OPT_UTC_Z)

    def write_data(self, data: dict[str, Any] | str | bytes | None, datacontenttype: str | None) -> bytes:
        """Encode the data alone, for binary mode."""
        return orjson.dumps(data) if isinstance(data, dict) else super().write_data(data, datacontenttype)


def _header(value: Any) -> str:
    """Write an attribute's value for a header, percent-encoded where needed (CloudEvents HTTP binding, 3.1.3.2)."""
    text = value if isinstance(value, str) else _time(value) if isinstance(value, datetime) else str(value)
    return quote(text, safe=_SAFE) if UNSAFE.search(text) else text


def _time(value: datetime) -> str:
    text = value.isoformat()
    return f"{text[:-6]}Z" if text.endswith("+00:00") else text


_FORMAT = OrjsonFormat()
