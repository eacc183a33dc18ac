"""A CloudEvent on its way through the Broker: attributes as strings, data as the bytes that came (HTTP binding 1.0).

The CloudEvents library is not used here: it invents an id where one is missing and re-encodes the data, and a Broker
must refuse the first and may not do the second.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

STRUCTURED = "application/cloudevents+json"
_BATCH = "application/cloudevents-batch"
_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]+")
# The headers beside an event that Knative hands on (eventing, pkg/utils/headers.go).
_HANDED_ON = re.compile(r"x-request-id|(knative|k-eventing)-.+")
# What a ce- header may carry as it is: printable ASCII without space, double quote and percent (3.1.3.2).
_HEADER_SAFE = "".join(char for char in map(chr, range(0x21, 0x7F)) if char not in '"%')


class BadEventError(ValueError):
    """A request that holds no valid CloudEvent. The message says why; the ingress answers 400 with it."""


@dataclass(frozen=True, slots=True)
class Message:
    """One CloudEvent. ``attributes`` holds context attributes and extensions, ``data`` the payload as it travelled.

    ``beside`` holds other headers that travel with it.
    """

    attributes: Mapping[str, str]
    data: bytes
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The event's id; unique only together with its source."""
        return self.attributes["id"]

    @property
    def json(self) -> Any:
        """The data decoded, or as text where it is not JSON."""
        try:
            return json.loads(self.data) if self.data else None
        except (ValueError, RecursionError):
            return self.data.decode(errors="replace")

    def headers(self) -> dict[str, str]:
        """Return the headers of the binary mode."""
        headers = {
            f"ce-{name}": quote(value, safe=_HEADER_SAFE)
            for name, value in self.attributes.items()
            if name != "datacontenttype"
        }
        if "datacontenttype" in self.attributes:
            headers["content-type"] = self.attributes["datacontenttype"]
        return {**self.beside, **headers}


def read(headers: Mapping[str, str], body: bytes) -> Message:
    """Read the CloudEvent of an HTTP message, in binary or structured mode. Header names are in lower case.

    Raises BadEventError.
    """
    content_type = headers.get("content-type", "")
    if content_type.startswith(_BATCH):
        raise BadEventError("a Broker accepts one event at a time, not a batch")
    structured = content_type.startswith(STRUCTURED)
    message = _read_structured(body) if structured else _read_binary(headers, body)
    message = replace(message, beside={name: value for name, value in headers.items() if _HANDED_ON.fullmatch(name)})
    _check(message)
    return message


def is_cloudevent(headers: Mapping[str, str]) -> bool:
    """Tell whether an HTTP message says that it holds a CloudEvent."""
    return "ce-specversion" in headers or headers.get("content-type", "").startswith(STRUCTURED)


def _read_binary(headers: Mapping[str, str], body: bytes) -> Message:
    attributes = {name[3:]: unquote(value) for name, value in headers.items() if name.startswith("ce-")}
    if "content-type" in headers:
        attributes["datacontenttype"] = headers["content-type"]
    return Message(attributes, body)


def _read_structured(body: bytes) -> Message:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as exc:
        raise BadEventError(f"the body is not JSON: {exc}") from exc
    if not isinstance(document, dict):
        raise BadEventError("the body is not a JSON object")
    # A member that is null is an unset one; data may be null (JSON format 1.0.2, 2.2 and 3.1.1).
    document = {name: value for name, value in document.items() if value is not None or name == "data"}
    data = _read_data(document)
    attributes = {name: _text(name, value) for name, value in document.items()}
    if data:
        attributes.setdefault("datacontenttype", "application/json")
    return Message(attributes, data)


def _read_data(document: dict[str, Any]) -> bytes:
    """Take ``data`` or ``data_base64`` out of a structured event (JSON format 3.1)."""
    if "data_base64" in document:
        try:
            return base64.b64decode(document.pop("data_base64"), validate=True)
        except (binascii.Error, TypeError) as exc:
            raise BadEventError(f"data_base64 is not base64: {exc}") from exc
    if "data" not in document:
        return b""
    data = document.pop("data")
    is_text = isinstance(data, str) and "json" not in str(document.get("datacontenttype", "json"))
    return data.encode() if is_text else json.dumps(data, separators=(",", ":")).encode()


def _text(name: str, value: Any) -> str:
    """Return an attribute in its canonical string form; CloudEvents knows no list and no object there."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int):
        return str(value)
    raise BadEventError(f"the attribute {name} is neither a string, an integer nor a boolean")


def _check(message: Message) -> None:
    attributes = message.attributes
    for name in _REQUIRED:
        if not attributes.get(name):
            raise BadEventError(f"the attribute {name} is missing")
    if attributes["specversion"] != "1.0":
        raise BadEventError(f"specversion is 1.0, not {attributes['specversion']}")
    for name in attributes:
        if not _NAME.fullmatch(name):
            raise BadEventError(f"{name!r} is not an attribute name: only lower-case letters and digits are allowed")
    try:
        "".join(message.headers().values()).encode("ascii")
    except UnicodeEncodeError as exc:
        raise BadEventError(f"an attribute cannot be sent as a header: {exc}") from exc
    if not attributes.get("datacontenttype", "").isprintable():
        raise BadEventError("datacontenttype is not a media type")
