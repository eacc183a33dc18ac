"""OTLP's protobuf, written by hand: the bytes of spans, in a tenth of the time that protobuf's objects take. Pure.

Messages and field numbers are those of opentelemetry-proto 1.x (``trace/v1/trace.proto``, ``common/v1/common.proto``).
A field is its tag (number << 3 | wire type) and its value; a text or message has its length before it. What an event's
spans have in common is encoded once: see ``encode_constants``.
"""

import struct
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

Attribute = str | int | float | bool | Sequence[Any]

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


def encode_attributes(attributes: Mapping[str, Attribute], tag: bytes = ATTRIBUTES) -> list[bytes]:
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


def encode_value(value: Attribute) -> bytes:
    """Encode an AnyValue."""
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, str):
        return encode_field(b"\x0a", encode_text(value))
    if isinstance(value, int):
        return b"\x18" + encode_varint(value)
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    return encode_field(b"\x2a", b"".join(encode_field(b"\x0a", encode_value(each)) for each in value))


def encode_constants(name: str, kind: int, attributes: Mapping[str, Attribute]) -> bytes:
    """Encode what spans of one sort have in common: name, kind, and the attributes that are always the same."""
    return encode_field(NAME, encode_text(name)) + KIND + encode_varint(kind) + b"".join(encode_attributes(attributes))


def encode_flags(*, is_remote: bool) -> int:
    """Return the flags that say whether a parent or a linked span is in another process."""
    return HAS_IS_REMOTE | IS_REMOTE if is_remote else HAS_IS_REMOTE


@lru_cache(maxsize=64)
def encode_error(message: str) -> bytes:
    """Encode the status of what has failed."""
    return encode_field(STATUS, (encode_field(b"\x12", encode_text(message)) if message else b"") + b"\x18\x02")


def encode_link(trace_id: bytes, span_id: bytes, *, is_remote: bool) -> bytes:
    """Encode a link to another span."""
    flags = b"\x35" + struct.pack("<I", encode_flags(is_remote=is_remote))
    return encode_field(b"\x6a", b"\x0a\x10" + trace_id + b"\x12\x08" + span_id + flags)


def encode_event(name: str, time: int, attributes: Mapping[str, Attribute], dropped: int = 0) -> bytes:
    """Encode something that happened at one moment of a span, in nanoseconds since 1970."""
    content = b"\x09" + struct.pack("<Q", time) + encode_field(b"\x12", encode_text(name))
    content += b"".join(encode_attributes(attributes, b"\x1a")) + encode_count(b"\x20", dropped)
    return encode_field(b"\x5a", content)


def encode_count(tag: bytes, count: int) -> bytes:
    """Encode a number that is left out where it is 0."""
    return tag + encode_varint(count) if count else b""


class SpanRequest:
    """The request that carries spans: what stands around them, of a process that is described by ``resource``."""

    def __init__(self, resource: Mapping[str, Attribute], schema_url: str, scope: str, version: str) -> None:
        self._resource = encode_field(b"\x0a", b"".join(encode_attributes(resource, b"\x0a")))
        self._schema = encode_field(b"\x1a", encode_text(schema_url)) if schema_url else b""
        self._scope = encode_field(
            b"\x0a", encode_field(b"\x0a", encode_text(scope)) + encode_field(b"\x12", encode_text(version))
        )

    def encode(self, spans: Sequence[bytes]) -> bytes:
        """Encode an ExportTraceServiceRequest of these spans, which ``encode_span`` has encoded."""
        length = len(self._scope) + sum(map(len, spans))
        before = encode_length(b"\x12", length)
        process = len(self._resource) + len(before) + length + len(self._schema)
        beginning: Iterable[bytes] = (b"\x0a", encode_varint(process), self._resource, before, self._scope)
        return b"".join(chain(beginning, spans, (self._schema,)))
