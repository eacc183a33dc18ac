"""Our samplers decide as OpenTelemetry's SDK does."""

import random
from collections.abc import Mapping
from itertools import product

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, _get_from_env_or_default
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from vcenter_functions.otel.variables import SAMPLERS
from vcenter_source.core.tracing.sampling import choose_sampler
from vcenter_source.core.tracing.spans import Span

RATIOS = ("0", "0.1", "0.5", "0.999999", "1", "")


@pytest.mark.parametrize("environ", [{}, *({"OTEL_TRACES_SAMPLER": name} for name in (*SAMPLERS, "ALWAYS_OFF"))])
def test_each_sampler_decides_as_the_sdks(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    for ratio in RATIOS:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
        theirs, ours = _get_from_env_or_default(), choose_sampler({**environ, "OTEL_TRACES_SAMPLER_ARG": ratio})
        for flags, is_remote in product((None, 0, 1), (False, True)):
            for _ in range(20):
                trace_id = random.getrandbits(128) | 1
                context, parent = build_parents(trace_id, flags, is_remote=is_remote)
                expected = theirs.should_sample(context, trace_id, "name").decision is Decision.RECORD_AND_SAMPLE
                assert ours(trace_id.to_bytes(16), parent) is expected


def build_parents(trace_id: int, flags: int | None, *, is_remote: bool) -> tuple[Context, Span | None]:
    if flags is None:
        return Context(), None
    theirs = NonRecordingSpan(SpanContext(trace_id, 1, is_remote, TraceFlags(flags)))
    ours = Span(trace_id.to_bytes(16), (1).to_bytes(8), is_sampled=bool(flags), is_remote=is_remote)
    return trace.set_span_in_context(theirs, Context()), ours
