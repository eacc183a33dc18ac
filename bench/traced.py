"""``python -m bench.traced``: the cost of tracing an event, with the environment's OTEL_* variables."""

import json
import os
import time
from collections.abc import Mapping

from bench.calls import CONVERTER, calls, every, usual_page
from bench.processes import line_of, module
from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.event import Event
from vcenter_source.vcenter.decode import decode_page

SINK = "http://broker-ingress.knative-eventing.svc.cluster.local/events/default"


def trace(event: Event) -> None:
    """Do all that tracing adds to an event that is delivered at its first try."""
    span = tracing.start_root_span("com.vmware.event.vm.poweredon")
    cloudevent = CONVERTER.convert(event, **tracing.context_headers(span), kind=CONVERTER.kind_of(event))
    tracing.describe_root(span, event, cloudevent)
    if span.is_sampled:
        child = tracing.start_request_span(Envelope(cloudevent, span=span), SINK, "knative", {})
        tracing.context_headers(child)
        child.set_attributes({"http.response.status_code": 202})
        tracing.end_request_span(child, None)
    else:
        tracing.context_headers(span)
    span.end()


async def measure_tracing(environment: Mapping[str, str]) -> dict[str, float]:
    """Return function calls and CPU milliseconds an event, in a process of its own."""
    async with module("bench.traced", environment=environment) as process:
        figures: dict[str, float] = json.loads(await line_of(process, "traced done: "))
        return figures


def main() -> None:
    """Measure it, without the conversion that is part of it."""
    events = list(decode_page(usual_page()))
    os.environ["OTEL_BSP_MAX_QUEUE_SIZE"] = "100000"  # a span that is dropped costs less
    with tracing.export_spans():
        every(trace, events)
        count = calls(lambda: every(trace, events)) - calls(lambda: every(CONVERTER.convert, events))
        began = time.process_time()
        every(trace, events)
        spent = time.process_time()
        every(CONVERTER.convert, events)
        seconds = 2 * spent - began - time.process_time()
    print(
        "traced done:", json.dumps({"calls": count / len(events), "cpu_ms": seconds / len(events) * 1000}), flush=True
    )


if __name__ == "__main__":
    main()
