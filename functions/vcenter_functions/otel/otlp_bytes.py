"""OTLP's protobuf, written by hand: the bytes of spans, in a tenth of the time that protobuf's objects take. Pure.

Messages and field numbers are those of opentelemetry-proto 1.x (``trace/v1/trace.proto``, ``common/v1/common.proto``).
A field is its tag (number << 3 | wire type) and its value; a text or message has its length before it. What an event's
spans have in common is encoded once: see ``encode_constants``.
"""

import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

Attribute = str | int | float | bool | Sequence[Any]

AnyValue = Attribute | bytes | Mapping[str, Any] | None
"""What else OpenTelemetry's API allows as an attribute."""

NAME, KIND, STATUS, ATTRIBUTES = b"\x2a", b"\x30", b"\x7a", b"\x4a"
"""Tags of a Span's fields."""

FLAGS = struct.Struct("<BBI")
"""The field ``flags`` of a Span: its tag takes two bytes."""

TIMES = struct.Struct("<BQBQ")
"""The fields ``start_time_unix_nano`` and ``end_time_unix_nano``, each after its tag."""

HAS_IS_REMOTE, IS_REMOTE = 0x100, 0x200
"""Bits of ``flags``: it is known whether the parent is in another process, and it is."""

OK = STATUS + b"\x00"
"""A status that was not set."""


def encode_varint(number: int) -> bytes:
    """Encode a whole number; a negative one as 64 bits (two's complement)."""
    number &= 0xFFFFFFFFFFFFFFFF
    encoded = bytearray()
    while number > 0x7F:  # noqa: PLR2004  seven bits a byte
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def encode_field(tag: bytes, content: bytes) -> bytes:
    """Encode a field that is a text or a message."""
    return tag + encode_varint(len(content)) + content


@lru_cache(maxsize=4096)
def encode_length(tag: bytes, length: int) -> bytes:
    """Encode what stands before a text or message of so many bytes."""
    return tag + encode_varint(length)


def encode_text(text: str) -> bytes:
    """Encode a text; a lone surrogate, which UTF-8 has not, becomes a question mark."""
    return text.encode(errors="replace")


@lru_cache(maxsize=4096)
def begin_text_attribute(tag: bytes, key: str, length: int) -> bytes:
    """Encode all of an attribute that stands before its text of so many bytes."""
    value = encode_length(b"\x0a", length)
    any_value = encode_length(b"\x12", len(value) + length)
    name = encode_field(b"\x0a", encode_text(key))
    return encode_length(tag, len(name) + len(any_value) + len(value) + length) + name + any_value + value


@lru_cache(maxsize=1024)
def begin_number_attribute(tag: bytes, key: str, length: int) -> bytes:
    """Encode all of an attribute that stands before its whole number of so many bytes."""
    value = encode_length(b"\x12", length + 1) + b"\x18"
    name = encode_field(b"\x0a", encode_text(key))
    return encode_length(tag, len(name) + len(value) + length) + name + value


def encode_attributes(attributes: Mapping[str, AnyValue], tag: bytes = ATTRIBUTES) -> list[bytes]:
    """Encode attributes, as parts to be joined."""
    parts: list[bytes] = []
    for key, value in attributes.items():
        if type(value) is str:
            text = value.encode(errors="replace")
            parts += (begin_text_attribute(tag, key, len(text)), text)
        elif type(value) is int:
            number = encode_varint(value)
            parts += (begin_number_attribute(tag, key, len(number)), number)
        else:
            pair = encode_field(b"\x0a", encode_text(key)) + encode_field(b"\x12", encode_value(value))
            parts.append(encode_field(tag, pair))
    return parts


def encode_value(value: AnyValue) -> bytes:
    """Encode an AnyValue."""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, str):
        return encode_field(b"\x0a", encode_text(value))
    if isinstance(value, int):
        return b"\x18" + encode_varint(value)
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    return b"" if value is None else encode_composite(value)


def encode_composite(value: bytes | Sequence[Any] | Mapping[str, Any]) -> bytes:
    """Encode an AnyValue of bytes, of several values, or of values with names."""
    if isinstance(value, bytes):
        return encode_field(b"\x3a", value)
    if isinstance(value, Mapping):
        return encode_field(b"\x32", b"".join(encode_attributes(value, b"\x0a")))
    return encode_field(b"\x2a", b"".join(encode_field(b"\x0a", encode_value(each)) for each in value))


def encode_constants(name: str, kind: int, attributes: Mapping[str, AnyValue]) -> bytes:
    """Encode what spans of one sort have in common: name, kind, and the attributes that are always the same."""
    return encode_field(NAME, encode_text(name)) + KIND + encode_varint(kind) + b"".join(encode_attributes(attributes))


def encode_flags(*, is_remote: bool) -> int:
    """Return the flags that say whether a parent or a linked span is in another process."""
    return HAS_IS_REMOTE | IS_REMOTE if is_remote else HAS_IS_REMOTE


@lru_cache(maxsize=64)
def encode_error(message: str) -> bytes:
    """Encode the status of what has failed."""
    return encode_field(STATUS, (encode_field(b"\x12", encode_text(message)) if message else b"") + b"\x18\x02")


def encode_link(trace_id: bytes, span_id: bytes, *, is_remote: bool, about: bytes = b"") -> bytes:
    """Encode a link to another span; ``about`` is its attributes, encoded."""
    flags = b"\x35" + struct.pack("<I", encode_flags(is_remote=is_remote))
    return encode_field(b"\x6a", b"\x0a\x10" + trace_id + b"\x12\x08" + span_id + about + flags)


def encode_event(name: str, time: int, attributes: Mapping[str, AnyValue], dropped: int = 0) -> bytes:
    """Encode something that happened at one moment of a span, in nanoseconds since 1970."""
    content = b"\x09" + struct.pack("<Q", time) + encode_field(b"\x12", encode_text(name))
    content += b"".join(encode_attributes(attributes, b"\x1a")) + encode_count(b"\x20", dropped)
    return encode_field(b"\x5a", content)


def encode_count(tag: bytes, count: int) -> bytes:
    """Encode a number that is left out where it is 0."""
    return tag + encode_varint(count) if count else b""


class Scope:
    """What stands around the spans that one library has made, of those of a process."""

    def __init__(self, name: str, version: str, attributes: Mapping[str, AnyValue] = {}, schema_url: str = "") -> None:
        texts = encode_field(b"\x0a", encode_text(name)) + encode_field(b"\x12", encode_text(version))
        self._scope = encode_field(b"\x0a", texts + b"".join(encode_attributes(attributes, b"\x1a")))
        self._schema = encode_schema(schema_url)

    def encode(self, spans: Sequence[bytes]) -> list[bytes]:
        """Encode a ScopeSpans of these spans, as parts to be joined."""
        length = len(self._scope) + sum(map(len, spans)) + len(self._schema)
        return [b"\x12", encode_varint(length), self._scope, *spans, self._schema]


class Process:
    """What stands around the spans of a process that is described by ``resource``."""

    def __init__(self, resource: Mapping[str, AnyValue], schema_url: str) -> None:
        self._resource = encode_field(b"\x0a", b"".join(encode_attributes(resource, b"\x0a")))
        self._schema = encode_schema(schema_url)

    def encode(self, scopes: Sequence[bytes]) -> bytes:
        """Encode an ExportTraceServiceRequest of the parts that Scope has encoded."""
        length = len(self._resource) + sum(map(len, scopes)) + len(self._schema)
        return b"".join((b"\x0a", encode_varint(length), self._resource, *scopes, self._schema))


def encode_schema(url: str) -> bytes:
    """Encode the address of a schema, if there is one."""
    return encode_field(b"\x1a", encode_text(url)) if url else b""


class SpanRequest:
    """The request that carries encoded spans, all of one scope."""

    def __init__(self, resource: Mapping[str, AnyValue], schema_url: str, scope: str, version: str) -> None:
        self._process = Process(resource, schema_url)
        self._scope = Scope(scope, version)

    def encode(self, spans: Sequence[bytes]) -> bytes:
        """Encode an ExportTraceServiceRequest of these spans."""
        return self._process.encode(self._scope.encode(spans))
