"""A span as this process notes it: ids and times while it lasts, and OTLP's bytes once it has ended.

A span that nobody records is a context alone: what the headers of a request name.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import getrandbits
from typing import Any, NamedTuple

from vcenter_functions.otel.otlp_bytes import (
    FLAGS,
    OK,
    TIMES,
    Attribute,
    encode_attributes,
    encode_constants,
    encode_count,
    encode_error,
    encode_event,
    encode_flags,
    encode_length,
    encode_link,
)

INTERNAL, SERVER, CLIENT, PRODUCER, CONSUMER = 1, 2, 3, 4, 5
"""A span's kind, as OTLP counts."""


class Span:
    """A span's context, of which nothing is recorded. ``trace_id`` has 16 bytes, ``span_id`` 8; none without a trace.

    ``tracestate`` is what other systems keep in the trace, as its header has it. ``is_remote`` says that the span is in
    another process. ``headers`` name the span in requests, once ``context_headers`` has rendered them.
    """

    __slots__ = ("headers", "is_remote", "is_sampled", "span_id", "trace_id", "tracestate")
    is_recording = False

    def __init__(
        self,
        trace_id: bytes,
        span_id: bytes,
        tracestate: str = "",
        *,
        is_sampled: bool = False,
        is_remote: bool = False,
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.tracestate = tracestate
        self.is_sampled = is_sampled
        self.is_remote = is_remote
        self.headers: Mapping[str, str] | None = None

    def set_attributes(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes."""

    def add_event(self, name: str, attributes: Mapping[str, Attribute]) -> None:
        """Add something that happens at this moment."""

    def fail(self, message: str) -> None:
        """Set the status "error"."""

    def end(self) -> None:
        """End the span, which sends it."""


NO_SPAN = Span(b"", b"")
"""No trace at all."""


class Constants:
    """What spans of one sort have in common, encoded once."""

    __slots__ = ("attributes", "encoded", "kind", "name")

    def __init__(self, name: str, kind: int, attributes: Mapping[str, Attribute] = {}) -> None:
        self.name = name
        self.kind = kind
        self.attributes = attributes
        self.encoded = encode_constants(name, kind, attributes)


class Moment(NamedTuple):
    """What happened in a span, and when, in nanoseconds since 1970."""

    name: str
    time: int
    attributes: Mapping[str, Attribute]


class RecordedSpan(Span):
    """A span that is sent when it ends, by ``finish``."""

    __slots__ = ("_finish", "attributes", "constants", "end_time", "error", "links", "moments", "parent", "start_time")
    is_recording = True

    def __init__(  # noqa: PLR0913, PLR0917  a span has many parts, and keywords take time
        self,
        trace_id: bytes,
        span_id: bytes,
        finish: "Callable[[RecordedSpan], None]",
        constants: Constants,
        attributes: dict[str, Attribute],
        parent: Span | None = None,
        links: Sequence[Span] = (),
    ) -> None:
        self.trace_id = trace_id
        self.span_id = span_id
        self.tracestate = parent.tracestate if parent is not None else ""
        self.is_sampled = True
        self.is_remote = False
        self.headers = None
        self.constants = constants
        self.attributes = attributes
        self.parent = parent
        self.links = links
        self.moments: tuple[Moment, ...] = ()
        self.error: str | None = None
        self.start_time = time.time_ns()
        self.end_time = 0
        self._finish = finish

    def set_attributes(self, attributes: Mapping[str, Attribute]) -> None:
        """Add attributes, or replace those of the same names."""
        self.attributes.update(attributes)

    def add_event(self, name: str, attributes: Mapping[str, Attribute]) -> None:
        """Add something that happens at this moment."""
        self.moments = (*self.moments, Moment(name, time.time_ns(), attributes))

    def fail(self, message: str) -> None:
        """Set the status "error"."""
        self.error = message

    def end(self) -> None:
        """End the span, and send it."""
        if not self.end_time:
            self.end_time = time.time_ns()
            self._finish(self)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a span may hold, by OTEL_*_LIMIT; None is no limit. The oldest are dropped, as the SDK does it."""

    attributes: int | None = 128
    attribute_length: int | None = None
    events: int | None = 128
    event_attributes: int | None = 128
    event_attribute_length: int | None = None
    links: int | None = 128


USUAL_LIMITS = Limits()


def encode_span(span: RecordedSpan, limits: Limits = USUAL_LIMITS) -> bytes:
    """Encode a span that has ended, as the field ``spans`` of a ScopeSpans."""
    parent = span.parent
    parts = [b"\x0a\x10", span.trace_id, b"\x12\x08", span.span_id]
    if span.tracestate:
        state = span.tracestate.encode(errors="replace")
        parts += (encode_length(b"\x1a", len(state)), state)
    if parent is not None:
        parts += (b"\x22\x08", parent.span_id)
    parts.append(TIMES.pack(0x39, span.start_time, 0x41, span.end_time))
    if limits is USUAL_LIMITS:
        parts.append(span.constants.encoded)
        parts += encode_attributes(span.attributes)
    else:
        parts += encode_limited(span, limits)
    if span.moments or span.links:
        parts += encode_rest(span, limits)
    parts.append(OK if span.error is None else encode_error(span.error))
    parts.append(FLAGS.pack(0x85, 0x01, encode_flags(is_remote=parent is not None and parent.is_remote)))
    content = b"".join(parts)
    return encode_length(b"\x12", len(content)) + content


def encode_limited(span: RecordedSpan, limits: Limits) -> list[bytes]:
    """Encode name, kind and as many attributes as a span may have."""
    constants = span.constants
    kept, dropped = limit_attributes(
        {**constants.attributes, **span.attributes}, limits.attributes, limits.attribute_length
    )
    return [
        encode_constants(constants.name, constants.kind, {}),
        *encode_attributes(kept),
        encode_count(b"\x50", dropped),
    ]


def encode_rest(span: RecordedSpan, limits: Limits) -> list[bytes]:
    """Encode what happened in a span, and the spans that it is linked to."""
    moments, lost_moments = keep_last(span.moments, limits.events)
    links, lost_links = keep_last(span.links, limits.links)
    parts = []
    for name, moment, attributes in moments:
        kept, dropped = limit_attributes(attributes, limits.event_attributes, limits.event_attribute_length)
        parts.append(encode_event(name, moment, kept, dropped))
    parts.append(encode_count(b"\x60", lost_moments))
    parts += (encode_link(each.trace_id, each.span_id, is_remote=each.is_remote) for each in links)
    return [*parts, encode_count(b"\x70", lost_links)]


def limit_attributes(
    attributes: Mapping[str, Attribute], count: int | None, length: int | None
) -> tuple[Mapping[str, Attribute], int]:
    """Return the attributes within their limits, and how many were dropped."""
    last, dropped = keep_last(tuple(attributes.items()), count)
    return {key: value if length is None else shorten(value, length) for key, value in last}, dropped


def shorten(value: Attribute, length: int) -> Attribute:
    """Return a text, or a list's texts, of at most so many characters."""
    if isinstance(value, str):
        return value[:length]
    return value if isinstance(value, int | float) else tuple(each[:length] for each in value)


def keep_last(values: Sequence[Any], limit: int | None) -> tuple[Sequence[Any], int]:
    """Return the last ones up to a limit, and how many came before them."""
    dropped = 0 if limit is None else max(0, len(values) - limit)
    return values[dropped:], dropped


def create_ids(parent: Span | None) -> tuple[bytes, bytes]:
    """Return the ids of a trace and of a new span: the parent's trace, or a new one."""
    if parent is not None:
        return parent.trace_id, getrandbits(64).to_bytes(8)
    random = getrandbits(192).to_bytes(24)
    return random[:16], random[16:]
