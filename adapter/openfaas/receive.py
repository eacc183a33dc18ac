"""A CloudEvent out of an HTTP request, in binary or structured mode (CloudEvents' HTTP binding). Pure.

What is as usual in binary mode is checked here, in a quarter of the SDK's time; whatever is not, the SDK judges.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, cast
from urllib.parse import unquote

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from adapter.errors import EventRefusedError

REQUIRED = ("specversion", "id", "source", "type")
STRUCTURED = "application/cloudevents"

_FORMAT = JSONFormat()
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
    """The event of a request, its JSON data decoded. Raises EventRefusedError with the status to answer."""
    lowered = {name.lower(): value for name, value in headers.items()}
    media_type = lowered.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith(STRUCTURED) and media_type != f"{STRUCTURED}+json":
        raise EventRefusedError(f"the format {media_type} is not taken; send {STRUCTURED}+json", status=415)
    with judged():
        return structured(lowered, body) if media_type.startswith(STRUCTURED) else binary(lowered, body)


def is_batch(headers: Mapping[str, str]) -> bool:
    """Whether a request holds several events, in CloudEvents' JSON batch format."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == f"{STRUCTURED}-batch+json"


def received_batch(body: bytes) -> list[CloudEvent]:
    """The events of such a request. Raises EventRefusedError with the status to answer; one wrong event spoils it."""
    with judged():
        found = orjson.loads(body)
        if not isinstance(found, list):
            raise TypeError("a batch is a list of events")
        return [from_json(each) for each in found]


@contextmanager
def judged() -> Iterator[None]:
    """What is wrong with an event, in the words of a refusal."""
    try:
        yield
    except (BaseCloudEventException, ValueError, TypeError, AttributeError, RecursionError) as exc:
        # The SDK lets through whatever its parsing meets: a list instead of an object, a time that is none.
        raise EventRefusedError(f"not a CloudEvent: {' '.join(str(exc).split())}", status=400) from exc


def from_json(found: Any) -> CloudEvent:
    """The event of a JSON object. What is as usual is taken over, and goes on in binary mode."""
    required(found)
    named = {name: value for name, value in found.items() if name != "data"}
    data, content_type = found.get("data"), named.pop("datacontenttype", None)
    if isinstance(data, dict) and content_type == "application/json" and is_plain(named):
        headers = {"content-type": content_type} | {f"ce-{name}": value for name, value in named.items()}
        attributes = named | {"datacontenttype": content_type}
        if "time" in named:
            attributes["time"] = datetime.fromisoformat(named["time"])
        return Received(attributes, data, headers, orjson.dumps(data))
    return structured({"content-type": f"{STRUCTURED}+json"}, orjson.dumps(found))


def is_plain(named: dict[str, Any]) -> bool:
    """Whether attributes in JSON are texts that a header has alike."""
    texts = all(isinstance(value, str) for value in named.values())
    return texts and not set(' "%') & set("".join(named.values())) and is_usual(named, "-")


def structured(headers: dict[str, str], body: bytes) -> CloudEvent:
    """In structured mode."""
    required(orjson.loads(body))
    return cast("CloudEvent", from_structured(HTTPMessage(headers, body), _FORMAT, event_of))


def binary(headers: dict[str, str], body: bytes) -> CloudEvent:
    """In binary mode."""
    named = {name[3:]: value for name, value in headers.items() if name.startswith("ce-")}
    required(named)
    if is_usual(named, headers.get("content-type", "-")):
        return usual(named, headers, body)
    # The SDK would take JSON that is broken for a text: it is not given the body.
    return cast("CloudEvent", from_binary(HTTPMessage(headers, b""), _FORMAT, lambda found, _: event_of(found, body)))


def is_usual(named: dict[str, str], content_type: str) -> bool:
    """Whether attributes, as their headers have them, need no more than to be taken over."""
    values = "".join(named.values()) + content_type
    return (
        named["specversion"] == "1.0"
        and bool(content_type)
        and "" not in named.values()
        and values.isascii()
        and values.isprintable()
        and _USUAL_NAMES.fullmatch("\n".join(named)) is not None
        and not named.keys() & {"", "data", "datacontenttype"}
        and ("time" not in named or _USUAL_TIME.fullmatch(named["time"]) is not None)
    )


def usual(named: dict[str, str], headers: dict[str, str], body: bytes) -> Received:
    """The event of such attributes. Raises ValueError."""
    passed = {f"ce-{name}": value for name, value in named.items()}
    attributes: dict[str, Any] = {name: unquote(value) if "%" in value else value for name, value in named.items()}
    if "time" in named:
        attributes["time"] = datetime.fromisoformat(named["time"])
    content_type = headers.get("content-type")
    if content_type is not None:
        passed["content-type"] = attributes["datacontenttype"] = content_type
    return Received(attributes, decoded(body, content_type), passed, body)


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
