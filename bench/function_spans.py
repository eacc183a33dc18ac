"""``python -m bench.function_spans``: the cost of a function's spans, with the environment's OTEL_* variables.

An event has the span of the request and that of its handler; a call to vCenter has one.
"""

import json
import os
import random
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bench.calls import CONVERTER, calls, every, usual_page
from bench.processes import line_of, module
from vcenter_functions.cloudevent import read_event
from vcenter_functions.tracing import Tracing, create_provider, record_status
from vcenter_source.events.codec import to_binary
from vcenter_source.vcenter.decode import decode_page

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

    from vcenter_source.core.event import Event

CALL = "https://vcenter.example.com/api/cis/tagging/tag-association/urn:vmomi:InventoryServiceTag:1?action=attach"
CALLS = 10
"""Calls to vCenter an event, while they are measured."""

Received = tuple["BaseCloudEvent", Mapping[str, str]]


def binary(event: "Event", sampled: float | None) -> tuple[dict[str, str], bytes]:
    """Return an event as a Broker sends it; with such a share of the traces sampled, or without traces."""
    if sampled is None:
        return to_binary(CONVERTER.convert(event))
    trace_id, flag = f"{random.getrandbits(128):032x}", int(random.random() < sampled)  # noqa: S311  not for secrecy
    began, hop = (f"00-{trace_id}-{random.getrandbits(64):016x}-0{flag}" for _ in range(2))
    headers, body = to_binary(CONVERTER.convert(event, traceparent=began))
    return headers | {"traceparent": hop}, body


def receive(event: "Event", sampled: float | None) -> Received:
    """Return an event as a function reads it, and the headers of its request."""
    headers, body = binary(event, sampled)
    headers = {name.lower(): value for name, value in headers.items()}
    return read_event(headers, body), headers


def handle(tracing: Tracing, received: Received, requests: int = 0) -> None:
    """Do all that tracing adds to an event whose handler makes so many calls to vCenter."""
    with tracing.event_span(*received), tracing.step_span("tag", {"code.function.name": "tag"}):
        for _ in range(requests):
            headers: dict[str, str] = {}
            with tracing.request_span("POST", CALL, headers) as span:
                record_status(span, 204)


async def measure_spans(environment: Mapping[str, str]) -> dict[str, dict[str, float]]:
    """Return function calls and CPU milliseconds of an event and of a call to vCenter, in a process of its own."""
    async with module("bench.function_spans", environment=environment) as process:
        figures: dict[str, dict[str, float]] = json.loads(await line_of(process, "spans done: "))
        return figures


def main() -> None:
    """Measure both, with a share of the traces sampled that BENCH_SAMPLED names."""
    os.environ["OTEL_BSP_MAX_QUEUE_SIZE"] = "100000"  # a span that is dropped costs less
    sampled = os.environ.get("BENCH_SAMPLED")
    events = [receive(event, None if sampled is None else float(sampled)) for event in decode_page(usual_page())]
    provider = create_provider("bench")
    tracing = Tracing("bench", provider)

    def spend(work: Callable[[Any], Any]) -> dict[str, float]:
        every(work, events)
        count = calls(lambda: every(work, events))
        began = time.process_time()
        every(work, events)
        if provider is not None:
            provider.force_flush()
        return {"calls": count / len(events), "cpu_ms": (time.process_time() - began) / len(events) * 1000}

    event = spend(lambda received: handle(tracing, received))
    more = spend(lambda received: handle(tracing, received, CALLS))
    call = {name: (more[name] - event[name]) / CALLS for name in event}
    print("spans done:", json.dumps({"event": event, "call": call}), flush=True)


if __name__ == "__main__":
    main()
