"""What became of each event that a function got, from the spans of its trace. Pure, but for what is printed.

An event reaches a function by a request, once or, after a failure, more often. Each time is an attempt::

    CloudEvents Create …        the adapter, once for an event
      POST                      the attempt: its status is the function's answer
        CloudEvents Process …   the function; beneath it each handler, and what a handler asks of vCenter
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TextIO

from vcenter_functions.otel.waterfall import Span, waterfall
from vcenter_source.commands.output import Colour, paint, print_lines

PROCESSED = "CloudEvents Process "
SENT_SECONDS = 1.0
"""How long an attempt waits for the span of its request, which another process exports."""

MAX_TRACES = 1000
"""How many events are remembered, for attempts to come."""

OK = 204


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: the span of the function, that of the request if it was seen, and all that belongs to it."""

    processed: Span
    request: Span | None
    spans: list[Span]

    @property
    def handlers(self) -> list[str]:
        """The names of the handlers that got the event."""
        own = (span for span in self.spans if span.parent_id == self.processed.span_id)
        return [span.name for span in own if "code.function.name" in span.attributes]

    @property
    def status(self) -> int | None:
        """The function's answer; None if nobody has told it."""
        return self.request.attributes.get("http.response.status_code") if self.request else None

    @property
    def has_failed(self) -> bool:
        """Whether the function has refused the event, or has failed."""
        return self.processed.failed or (self.status or OK) >= 300  # noqa: PLR2004  not a success


@dataclass(slots=True)
class Attempts:
    """Collects spans, and gives out attempts once they are whole. ``clock`` returns seconds."""

    clock: Callable[[], float] = time.monotonic
    _traces: OrderedDict[str, dict[str, Span]] = field(default_factory=OrderedDict)
    _pending: dict[str, tuple[Span, float]] = field(default_factory=dict)

    def add(self, spans: Iterable[Span]) -> None:
        """Remember spans as they come."""
        for span in spans:
            self._traces.setdefault(span.trace_id, {})[span.span_id] = span
            if span.name.startswith(PROCESSED):
                self._pending[span.span_id] = span, self.clock()
        while len(self._traces) > MAX_TRACES:
            self._traces.popitem(last=False)

    def pop(self) -> Iterator[Attempt]:
        """Yield the attempts that are whole, or that have waited long enough, in the order of their beginning."""
        for span, since in sorted(self._pending.values(), key=lambda pending: pending[0].start):
            trace = self._traces.get(span.trace_id, {})
            request = trace.get(span.parent_id)
            if request is None and span.parent_id and self.clock() - since < SENT_SECONDS:
                continue
            del self._pending[span.span_id]
            yield Attempt(span, request, _select(trace, span))


def _select(trace: dict[str, Span], processed: Span) -> list[Span]:
    """Return the spans above and beneath an attempt's, without those of other attempts."""
    wanted = {processed.span_id}
    parent = trace.get(processed.parent_id)
    while parent is not None:
        wanted.add(parent.span_id)
        parent = trace.get(parent.parent_id)
    beneath = {processed.span_id}
    for span in sorted(trace.values(), key=lambda span: span.start):
        if span.parent_id in beneath:
            beneath.add(span.span_id)
    return [span for span in trace.values() if span.span_id in wanted | beneath]


def print_attempt(attempt: Attempt, out: TextIO, width: int) -> None:
    """Print a line about the event and the function's answer, and its trace if a handler got it."""
    attributes, status = attempt.processed.attributes, attempt.status
    started = datetime.fromtimestamp(attempt.processed.start / 1e9).astimezone()
    answer = str(status) if status else "failed" if attempt.has_failed else "done"
    subject, names = str(attributes.get("cloudevents.event_subject") or "-"), ", ".join(attempt.handlers)
    words = (f"{started:%H:%M:%S}", answer, str(attributes.get("cloudevents.event_type")), subject)
    line = "  ".join((*words, names or "no handler"))
    colour: Colour = "red" if attempt.has_failed else "green" if names else "dim"
    trace = waterfall(attempt.spans, width, ascii_only=not _can_draw(out)) if names or attempt.has_failed else []
    lines = (paint(f"  {each.text}", "red" if each.failed else None, out) for each in trace)
    print_lines([paint(line, colour, out), *lines], out)


def _can_draw(out: TextIO) -> bool:
    return (out.encoding or "").lower().replace("-", "") == "utf8"
