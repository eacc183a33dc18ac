"""A CloudEvent out of an HTTP request, in binary or structured mode (CloudEvents' HTTP binding). Pure."""

from collections.abc import Mapping
from typing import Any, cast

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
    return cast("CloudEvent", from_structured(HTTPMessage(headers, body), _FORMAT, event_of))


def binary(headers: dict[str, str], body: bytes) -> CloudEvent:
    """In binary mode."""
    required({name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")})
    # The SDK would take JSON that is broken for a text: it is not given the body.
    return cast("CloudEvent", from_binary(HTTPMessage(headers, b""), _FORMAT, lambda found, _: event_of(found, body)))


def event_of(attributes: dict[str, Any], data: Any) -> CloudEvent:
    """The event, with a time only where it came with one: the SDK puts in that of now, another for each redelivery."""
    timed = "time" in attributes
    event = CloudEvent(attributes, decoded(data, attributes.get("datacontenttype")))
    if not timed:
        del attributes["time"]
    return event


def decoded(data: Any, content_type: str | None) -> Any:
    """A JSON object as a dict, all that is looked into; other JSON as its bytes, of which the SDK would send the repr.

    Raises ValueError for broken JSON.
    """
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    is_json = media_type in {"application/json", "text/json"} or media_type.endswith("+json")
    if not is_json or not data or isinstance(data, dict):
        return data
    if not isinstance(data, bytes):
        return orjson.dumps(data)
    found = orjson.loads(data)
    return found if isinstance(found, dict) else data


def required(attributes: Any) -> None:
    """The SDK would make up an id that is missing, and a redelivery would get another one."""
    missing = [name for name in REQUIRED if name not in attributes]
    if missing:
        raise ValueError(f"the attribute {' and '.join(missing)} is missing (CloudEvents 1.0, section 3.1)")
