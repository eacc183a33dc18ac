"""A CloudEvent out of an HTTP request, in binary or structured mode (CloudEvents' HTTP binding). Pure.

What is as usual in binary mode is checked here, in a quarter of the SDK's time; whatever is not, the SDK judges.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import compress
from typing import Any, cast
from urllib.parse import unquote

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.errors import EventRefusedError
from vcenter_source.events.codec import OrjsonFormat, drop_nulls
from vcenter_source.sinks.http import BATCH_TYPE

REQUIRED = {"specversion": None, "id": None, "source": None, "type": None}.keys()
STRUCTURED = "application/cloudevents"

WRONG = (BaseCloudEventException, ValueError, TypeError, AttributeError, RecursionError)
"""What comes of a wrong event. The SDK lets through what its parsing meets: a list for an object, a time that is no
time."""

_FORMAT = OrjsonFormat()
_HOUR, _MINUTE = r"([01]\d|2[0-3])", r"[0-5]\d"
_USUAL_TIME = re.compile(
    rf"\d{{4}}-\d\d-\d\dT{_HOUR}:{_MINUTE}:{_MINUTE}(\.\d{{1,6}})?(Z|[+-]{_HOUR}:{_MINUTE})", re.ASCII
)
_USUAL_NAMES = re.compile(r"[a-z0-9\n]+")


class Received(CloudEvent):
    """A CloudEvent in binary mode that needs no more checking. ``headers`` and ``body`` are handed on as they are."""

    def __init__(self, attributes: dict[str, Any], data: Any, headers: Mapping[str, str], body: bytes) -> None:
        self._attributes = attributes
        self._data = data
        self.headers = headers
        self.body = body


def received(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """The event of a request, its JSON data decoded; header names are in lower case.

    Raises EventRefusedError with the status to answer.
    """
    kind = media_type(headers.get("content-type", ""))
    if kind.startswith(STRUCTURED) and kind != f"{STRUCTURED}+json":
        raise EventRefusedError(f"the format {kind} is not taken; send {STRUCTURED}+json", status=415)
    try:
        return structured(headers, body) if kind.startswith(STRUCTURED) else binary(headers, body)
    except WRONG as exc:
        raise refused(exc) from exc


def is_batch(headers: Mapping[str, str]) -> bool:
    """Whether a request holds several events, in CloudEvents' JSON batch format."""
    return media_type(headers.get("content-type", "")) == BATCH_TYPE


@lru_cache(maxsize=128)
def media_type(content_type: str) -> str:
    """A content type without its parameters."""
    return content_type.partition(";")[0].strip().lower()


def received_batch(body: bytes) -> list[CloudEvent]:
    """The events of such a request. Raises EventRefusedError with the status to answer; one wrong event spoils it."""
    try:
        found = orjson.loads(body)
        if not isinstance(found, list):
            raise TypeError("a batch is a list of events")
        return [from_json(each) for each in found]
    except WRONG as exc:
        raise refused(exc) from exc


def refused(why: Exception) -> EventRefusedError:
    """What is wrong with an event, in the words of a refusal."""
    return EventRefusedError(f"not a CloudEvent: {' '.join(str(why).split())}", status=400)


def from_json(found: Any) -> CloudEvent:
    """The event of a JSON object. What is as usual is taken over, and goes on in binary mode."""
    found = drop_nulls(found)
    required(found)
    named = dict(found)
    data, content_type = named.pop("data", None), named.pop("datacontenttype", None)
    if isinstance(data, dict) and content_type == "application/json" and is_plain(named):
        headers = dict(zip(map("ce-{}".format, named), named.values(), strict=True))
        headers["content-type"] = content_type
        return usual(named, headers, orjson.dumps(data), data)
    return structured({"content-type": f"{STRUCTURED}+json"}, orjson.dumps(found))


def is_plain(named: dict[str, Any]) -> bool:
    """Whether attributes in JSON are texts that a header has alike."""
    if not all(isinstance(value, str) for value in named.values()):
        return False
    text = "".join(named.values())
    return " " not in text and '"' not in text and "%" not in text and is_usual(named, "-")


def structured(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """In structured mode."""
    found = drop_nulls(orjson.loads(body))
    required(found)
    is_null = found.get("data", body) is None and is_json(found.get("datacontenttype"))
    return cast(
        "CloudEvent",
        from_structured(
            HTTPMessage(dict(headers), body),
            _FORMAT,
            lambda attributes, data: event_of(attributes, b"null" if is_null and data is None else data),
        ),
    )


def binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """In binary mode."""
    prefixed, names, which = shape(tuple(headers))
    values = tuple(compress(headers.values(), which))
    named = dict(zip(names, values, strict=True))
    required(named)
    content_type = headers.get("content-type")
    if not is_usual(named, "-" if content_type is None else content_type):
        must_be_text({**named, "content-type": content_type or ""})
        # The SDK would take JSON that is broken for a text: it is not given the body.
        without_body = HTTPMessage(dict(headers), b"")
        return cast("CloudEvent", from_binary(without_body, _FORMAT, lambda found, _: event_of(found, body)))
    passed = dict(zip(prefixed, values, strict=True))
    if content_type is not None:
        passed["content-type"] = content_type
    return usual(named, passed, body, decoded(body, content_type))


def must_be_text(named: Mapping[str, str]) -> None:
    """Raise ValueError for a value that came as bytes which are no UTF-8."""
    for name, value in named.items():
        if any("\udc80" <= each <= "\udcff" for each in value):
            raise ValueError(f"{name} is no UTF-8")


@lru_cache(maxsize=128)
def shape(headers: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[bool, ...]]:
    """Of a request's headers those of attributes, the attributes' names, and which of the headers they are."""
    which = tuple(name.startswith("ce-") for name in headers)
    prefixed = tuple(compress(headers, which))
    return prefixed, tuple(name.removeprefix("ce-") for name in prefixed), which


def is_usual(named: dict[str, str], content_type: str) -> bool:
    """Whether attributes, as their headers have them, need no more than to be taken over."""
    values = "".join(named.values()) + content_type
    return (
        named["specversion"] == "1.0"
        and bool(content_type)
        and "" not in named.values()
        and values.isascii()
        and values.isprintable()
        and are_usual(tuple(named))
        and ("time" not in named or _USUAL_TIME.fullmatch(named["time"]) is not None)
    )


@lru_cache(maxsize=128)
def are_usual(names: tuple[str, ...]) -> bool:
    """Whether attributes may be called so."""
    return _USUAL_NAMES.fullmatch("\n".join(names)) is not None and not {"", "data", "datacontenttype"} & {*names}


def usual(named: dict[str, Any], headers: dict[str, str], body: bytes, data: Any) -> Received:
    """The event of such attributes. Raises ValueError."""
    for name, value in named.items():
        if "%" in value:
            named[name] = unquote(value)
    if "time" in named:
        named["time"] = datetime.fromisoformat(named["time"])
    if "content-type" in headers:
        named["datacontenttype"] = headers["content-type"]
    return Received(named, data, headers, body)


def event_of(attributes: dict[str, Any], data: Any) -> CloudEvent:
    """The event, with a time only where it came with one: the SDK puts in that of now, another for each redelivery."""
    timed = "time" in attributes
    event = CloudEvent(attributes, decoded(data, attributes.get("datacontenttype")))
    if not timed:
        del attributes["time"]
    return event


def is_json(content_type: str | None) -> bool:
    """Whether data of this type is JSON, as it is without one."""
    kind = media_type(content_type or "application/json")
    return kind in {"application/json", "text/json"} or kind.endswith("+json")


def decoded(data: Any, content_type: str | None) -> Any:
    """A JSON object as a dict, all that is looked into; other JSON as its bytes, of which the SDK would send the repr.

    Raises ValueError for broken JSON.
    """
    if not is_json(content_type) or not data or isinstance(data, dict):
        return data
    if not isinstance(data, bytes):
        return orjson.dumps(data)
    found = orjson.loads(data)
    return found if isinstance(found, dict) else data


def required(attributes: Any) -> None:
    """The SDK would make up an id that is missing, and a redelivery would get another one."""
    if not attributes.keys() >= REQUIRED:
        missing = [name for name in REQUIRED if name not in attributes]
        raise ValueError(f"the attribute {' and '.join(missing)} is missing (CloudEvents 1.0, section 3.1)")
