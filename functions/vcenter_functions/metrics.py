"""What a function counts, as Prometheus reads it (text format 0.0.4).

    vcenter_function_calls_total{handler,outcome}             calls of a handler, each with how it ended
    vcenter_function_failures_total{handler,error}            calls that failed, by the exception's class
    vcenter_function_duration_seconds{handler,outcome}        how long they took, as a histogram
    vcenter_function_events_in_progress                       events that are being handled now
    vcenter_function_spans_dropped_total                      spans that the OTLP receiver did not get

Outcomes: done, repeated (``once``), temporary, permanent, timeout, error; ``unmatched`` is an event for no handler.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds; as many as Prometheus' own clients have by default, and TIMEOUT's default."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

PREFIX = "vcenter_function_"


class Metrics:
    """The metrics of one function.

    ``in_progress`` returns how many events are being handled, ``spans_dropped`` how many spans are lost.
    """

    def __init__(self, in_progress: Callable[[], int], spans_dropped: Callable[[], int]) -> None:
        self._in_progress = in_progress
        self._spans_dropped = spans_dropped
        self._buckets: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0] * (len(BUCKETS) + 1))
        self._seconds: dict[tuple[str, str], float] = defaultdict(float)
        self._failures: dict[tuple[str, str], int] = defaultdict(int)

    def note_call(self, handler: str, outcome: str, seconds: float = 0.0) -> None:
        """Count a call of a handler."""
        self._buckets[handler, outcome][bisect_left(BUCKETS, seconds)] += 1
        self._seconds[handler, outcome] += seconds

    def note_failure(self, handler: str, error: str) -> None:
        """Count a call that failed, by the exception's class."""
        self._failures[handler, error] += 1

    def render(self) -> str:
        """Return all metrics as text."""
        return "".join(f"{line}\n" for line in self._render_lines())

    def _render_lines(self) -> Iterator[str]:
        yield from _describe("calls_total", "counter", "Calls of a handler, each with how it ended.")
        for (handler, outcome), buckets in self._buckets.items():
            yield f'{PREFIX}calls_total{{handler="{handler}",outcome="{outcome}"}} {sum(buckets)}'
        yield from _describe("failures_total", "counter", "Calls that failed, by the exception's class.")
        for (handler, error), count in self._failures.items():
            yield f'{PREFIX}failures_total{{handler="{handler}",error="{error}"}} {count}'
        yield from _describe("duration_seconds", "histogram", "How long the calls took.")
        for (handler, outcome), buckets in self._buckets.items():
            yield from self._render_histogram(f'handler="{handler}",outcome="{outcome}"', buckets, (handler, outcome))
        yield from _describe("events_in_progress", "gauge", "Events that are being handled now.")
        yield f"{PREFIX}events_in_progress {self._in_progress()}"
        yield from _describe("spans_dropped_total", "counter", "Spans that the OTLP receiver did not get.")
        yield f"{PREFIX}spans_dropped_total {self._spans_dropped()}"

    def _render_histogram(self, labels: str, buckets: list[int], key: tuple[str, str]) -> Iterator[str]:
        total = 0
        for limit, count in zip((*map(str, BUCKETS), "+Inf"), buckets, strict=True):
            total += count
            yield f'{PREFIX}duration_seconds_bucket{{{labels},le="{limit}"}} {total}'
        yield f"{PREFIX}duration_seconds_sum{{{labels}}} {self._seconds[key]:.6f}"
        yield f"{PREFIX}duration_seconds_count{{{labels}}} {total}"


def _describe(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {PREFIX}{name} {text}"
    yield f"# TYPE {PREFIX}{name} {kind}"
