"""A trace as lines of text: the spans as a tree, each with its process, its duration and a bar at its offset. Pure."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

_MS = 1_000_000
_EIGHTHS = " ▏▎▍▌▋▊▉"
_MIN_BAR, _MAX_BAR = 10, 48
_GAP = 2
_MIN_TAIL = 6


@dataclass(frozen=True, slots=True)
class Span:
    """One span as it was exported. Ids are hex, ``parent_id`` empty for a root; times are nanoseconds since 1970."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    start: int
    end: int
    failed: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name; of an HTTP request, which has only its method for a name, also where it went."""
        url = urlsplit(str(self.attributes.get("url.full") or ""))
        if not url.path:
            return self.name
        path = "/".join("{id}" if part.startswith("urn:") else part for part in url.path.split("/"))
        return f"{self.name} {path}?{url.query}" if url.query else f"{self.name} {path}"


@dataclass(frozen=True, slots=True)
class Line:
    """One span's line, each part padded to its column's width."""

    label: str
    service: str
    duration: str
    bar: str
    failed: bool = False

    @property
    def text(self) -> str:
        """The whole line."""
        return (" " * _GAP).join((self.label, self.service, self.duration, self.bar)).rstrip()


def waterfall(spans: Sequence[Span], width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return the lines of a trace, none wider than ``width`` characters (60 at least)."""
    rows = list(tree(spans, ascii_only=ascii_only))
    if not rows:
        return []
    services = max(len(span.service) for _, span in rows)
    durations = max(len(milliseconds(span)) for _, span in rows)
    free = max(width, 60) - services - durations - 3 * _GAP
    labels = min(max(len(prefix) + len(span.label) for prefix, span in rows), free - _MIN_BAR)
    bars = min(free - labels, _MAX_BAR)
    start, end = min(s.start for s in spans), max(s.end for s in spans)
    return [
        Line(
            _fit(prefix, span.label, labels, "..." if ascii_only else "…"),
            span.service.ljust(services),
            milliseconds(span).rjust(durations),
            bar(span.start - start, span.end - span.start, end - start, bars, ascii_only=ascii_only).ljust(bars),
            span.failed,
        )
        for prefix, span in rows
    ]


def tree(spans: Sequence[Span], *, ascii_only: bool = False) -> Iterator[tuple[str, Span]]:
    """Yield each span with the branches drawn in front of it, parents first, siblings by start.

    A span whose parent did not arrive stands as a root, so that nothing is hidden.
    """
    known = {span.span_id for span in spans}
    children: defaultdict[str, list[Span]] = defaultdict(list)
    for span in sorted(spans, key=lambda s: (s.start, -s.end)):
        children[span.parent_id if span.parent_id in known else ""].append(span)
    branches = ("|- ", "`- ", "|  ", "   ") if ascii_only else ("├─ ", "└─ ", "│  ", "   ")
    for root in children[""]:
        yield from _below(root, children, branches, "", "")


def _below(
    span: Span, children: Mapping[str, list[Span]], branches: tuple[str, str, str, str], own: str, inherited: str
) -> Iterator[tuple[str, Span]]:
    yield own, span
    between, last, bar_on, blank = branches
    siblings = children.get(span.span_id, [])
    for child in siblings:
        ends = child is siblings[-1]
        mine, beneath = (last, blank) if ends else (between, bar_on)
        yield from _below(child, children, branches, inherited + mine, inherited + beneath)


def bar(offset: int, duration: int, total: int, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar of at most ``width`` characters for ``duration`` of ``total``, after ``offset``; never empty."""
    scale = width / max(total, 1)
    first = min(int(offset * scale), width - 1)
    eighths = round(min(offset + duration, total) * scale * 8) - first * 8
    eighths = max(1, min(eighths, (width - first) * 8))
    if ascii_only:
        return " " * first + "#" * max(1, round(eighths / 8))
    return " " * first + "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def milliseconds(span: Span) -> str:
    """Format a duration: ``0.42 ms``, ``13.5 ms``, ``1205 ms``."""
    value = (span.end - span.start) / _MS
    digits = 2 if value < 1 else 1 if value < 100 else 0  # noqa: PLR2004  three digits tell enough
    return f"{value:.{digits}f} ms"


def is_incomplete(spans: Sequence[Span]) -> bool:
    """Tell whether spans are missing: there are none, or one names a parent that has not arrived."""
    span_ids = {span.span_id for span in spans}
    return not spans or any(span.parent_id and span.parent_id not in span_ids for span in spans)


def _fit(prefix: str, label: str, width: int, mark: str) -> str:
    """Fit both into exactly ``width`` characters. Of a last word that is too long the end stays."""
    room = width - len(prefix)
    if len(label) <= room:
        return (prefix + label).ljust(width)
    first, space, last = label.rpartition(" ")
    tail = room - len(first + space + mark)
    if space and tail >= _MIN_TAIL:
        return f"{prefix}{first} {mark}{last[-tail:]}"
    return (prefix + label)[: width - len(mark)] + mark
