"""The local Broker reads and writes a trace context as strictly as otel-go 1.38 (Knative 1.19 to 1.21)."""

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, get_current_span, use_span

from demo.tracing import extract_context, inject_context

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("traceparent", "flags"),
    [
        (f"00-{TRACE}-{SPAN}-00", 0),
        (f"00-{TRACE}-{SPAN}-01", 1),
        (f"00-{TRACE}-{SPAN}-02", 0),
        (f"00-{TRACE}-{SPAN}-01-", 1),
        (f"02-{TRACE}-{SPAN}-01", 1),
        (f"02-{TRACE}-{SPAN}-09", 1),
        (f"02-{TRACE}-{SPAN}-08-what-the-future-will-be-like", 0),
    ],
)
def test_what_is_read(traceparent: str, flags: int) -> None:
    context = get_current_span(extract_context({"traceparent": traceparent, "tracestate": "a=b"})).get_span_context()
    assert (f"{context.trace_id:032x}", f"{context.span_id:016x}", context.trace_flags) == (TRACE, SPAN, flags)
    assert dict(context.trace_state) == {"a": "b"}


@pytest.mark.parametrize(
    "traceparent",
    [
        "",
        f"00-{TRACE}-{SPAN}-03",
        f"00-{TRACE}-{SPAN}-09",
        f"00-{TRACE}-{SPAN}-ff",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN[:-1]}g-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",
    ],
)
def test_what_counts_as_no_trace_context(traceparent: str) -> None:
    assert not get_current_span(extract_context({"traceparent": traceparent})).get_span_context().is_valid


@pytest.mark.parametrize(("flags", "written"), [(0, "00"), (1, "01"), (2, "00"), (3, "01")])
def test_of_the_flags_only_sampled_is_written(flags: int, written: str) -> None:
    headers: dict[str, str] = {}
    span = SpanContext(int(TRACE, 16), int(SPAN, 16), is_remote=True, trace_flags=TraceFlags(flags))
    with use_span(NonRecordingSpan(span)):
        inject_context(headers)
    assert headers == {"traceparent": f"00-{TRACE}-{SPAN}-{written}"}
