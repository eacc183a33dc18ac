"""A CloudEvent out of an HTTP request, in binary or structured mode (CloudEvents' HTTP binding). Pure."""

from collections.abc import Mapping
from typing import Any

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from adapter.errors import EventRefusedError

REQUIRED = ("specversion", "id", "source", "type")
STRUCTURED = "application/cloudevents"

_FORMAT = JSONFormat()


def received(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """The event of a request, its JSON data decoded. Raises EventRefusedError with the status to answer."""
    lowered = {name.lower(): value for name, value in headers.items()}
    media_type = lowered.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(f"{STRUCTURED}-batch"):
        raise EventRefusedError("a batch is not taken; send one CloudEvent a request", status=400)
    if media_type.startswith(STRUCTURED) and media_type != f"{STRUCTURED}+json":
        raise EventRefusedError(f"the format {media_type} is not taken; send {STRUCTURED}+json", status=415)
    try:
        return structured(lowered, body) if media_type.startswith(STRUCTURED) else binary(lowered, body)
    except (BaseCloudEventException, ValueError, TypeError, AttributeError, RecursionError) as exc:
        # The SDK lets through whatever its parsing meets: a list instead of an object, a time that is none.
        raise EventRefusedError(f"not a CloudEvent: {' '.join(str(exc).split())}", status=400) from exc


def structured(headers: dict[str, str], body: bytes) -> CloudEvent:
    """In structured mode."""
    required(orjson.loads(body))
    event = from_structured(HTTPMessage(headers, body), _FORMAT, CloudEvent)
    return CloudEvent(dict(event.get_attributes()), decoded(event.get_data(), event.get_datacontenttype()))


def binary(headers: dict[str, str], body: bytes) -> CloudEvent:
    """In binary mode."""
    required({name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")})
    # The SDK would decode the data too, slower, and take JSON that is broken for a text.
    event = from_binary(HTTPMessage(headers, b""), _FORMAT, CloudEvent)
    return CloudEvent(dict(event.get_attributes()), decoded(body, event.get_datacontenttype()))


def decoded(data: Any, content_type: str | None) -> Any:
    """The data, out of its JSON where it is that and still encoded."""
    if not isinstance(data, bytes):
        return data
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    is_json = media_type in {"application/json", "text/json"} or media_type.endswith("+json")
    return orjson.loads(data) if data and is_json else data


def required(attributes: Any) -> None:
    """The SDK would make up an id that is missing, and a redelivery would get another one."""
    missing = [name for name in REQUIRED if name not in attributes]
    if missing:
        raise ValueError(f"the attribute {' and '.join(missing)} is missing (CloudEvents 1.0, section 3.1)")
