"""``python -m bench.stages VCENTER SINK``: the CPU time of each stage of an event's way, alone in this process.

Also the limits beside them: the reading of pages that nobody decodes, and ready bytes posted by asyncio and by epoll;
and the bound of what one core's CPython can do for an event: decoded, converted, encoded and posted, with nothing else;
with Python's own garbage collection, and with the adapter's.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from cloudevents.core.v1.event import CloudEvent
from pydantic import SecretStr

from bench import post
from bench.calls import CONVERTER, calls, every
from bench.processes import line_of, module
from bench.senders import PASSWORD, USERNAME
from vcenter_functions.login import Credentials
from vcenter_functions.net.tls import Authorities
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.gc_tuning import freeze_and_relax
from vcenter_source.events.codec import to_binary, write_binary
from vcenter_source.settings.sink import SinkSettings
from vcenter_source.sinks.batching import BatchingSink
from vcenter_source.sinks.http import HttpSink, open_http_sink
from vcenter_source.vcenter.decode import decode_page
from vcenter_source.vcenter.paging import MAX_PAGE_EVENTS
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.soap import build_event_filter

IN_FLIGHT = 64
"""Requests at once: the adapter's own default."""


def fetch_pages(vcenter: str, pages: int) -> tuple[list[bytes], float, float]:
    """Read the first pages as they are, and return them with the seconds and CPU seconds that took."""
    session = Session(vcenter, lambda: Credentials(USERNAME, SecretStr(PASSWORD)), Authorities())
    asyncio.run(session.log_in())
    wire = session.soap
    collector = wire.content.eventManager.CreateCollectorForEvents(build_event_filter(None, ()))
    started, cpu = time.monotonic(), time.process_time()
    raw = [wire.stub.call_raw(collector, "ReadNext", MAX_PAGE_EVENTS) for _ in range(pages)]
    took = time.monotonic() - started, time.process_time() - cpu
    asyncio.run(session.log_out())
    return raw, *took


def cpu_of(work: Callable[[], Any], times: int = 3) -> float:
    """Return the CPU seconds of a piece of work, the median of a few."""
    seconds = []
    for _ in range(times):
        before = time.process_time()
        work()
        seconds.append(time.process_time() - before)
    return median(seconds)


async def send_all(url: str, events: list[CloudEvent]) -> None:
    """Send the events by the adapter's own sink, so many at once, in no order."""
    left = iter(events)

    async def work(sink: HttpSink | BatchingSink) -> None:
        for event in left:
            await sink.send(Envelope(event))

    async with open_http_sink(SinkSettings.model_construct(address=url)) as sink:
        await asyncio.gather(*(work(sink) for _ in range(IN_FLIGHT)))


def milliseconds(vcenter: str, sink: str, pages: int) -> dict[str, Any]:
    """Return the CPU milliseconds an event takes by stage, and the limits in events a second."""
    raw, seconds, cpu = fetch_pages(vcenter, pages)
    # First: what the rest keeps would be garbage collection's to look through.
    bound = measure_bound(sink, raw)
    freeze_and_relax()
    relaxed = measure_bound(sink, raw)
    events = [event for page in raw for event in decode_page(page)]
    converted = [CONVERTER.convert(event) for event in events]
    encoding, posting = partial(every, write_binary, converted), lambda: asyncio.run(send_all(sink, converted))
    encode = cpu_of(encoding)
    stages = {
        "read": cpu,
        "decode": cpu_of(partial(every, lambda page: list(decode_page(page)), raw)),
        "convert": cpu_of(partial(every, CONVERTER.convert, events)),
        "encode": encode,
        "send": cpu_of(posting) - encode,
    }
    return {
        "stages": {name: each / len(events) * 1000 for name, each in stages.items()},
        "calls": {"send": (calls(posting) - calls(encoding)) / len(events)},
        "fetch": {"rate": len(events) / seconds, "cpu_ms": cpu / len(events) * 1000},
        **limits(sink, converted),
        "bound": bound,
        "relaxed": relaxed,
    }


def measure_bound(sink: str, raw: list[bytes]) -> dict[str, float]:
    """Decode, convert and encode the events of pages, and post each by asyncio when there is room for it."""

    def make_requests(pages: list[bytes]) -> Iterator[bytes]:
        for page in pages:
            for event in decode_page(page):
                yield post.request(sink, *to_binary(CONVERTER.convert(event)))

    every(len, make_requests(raw[:1]))  # fills the caches
    count = sum(len(decode_page(page)) for page in raw)
    return post.measure_asyncio(sink, make_requests(raw), count=count, connections=IN_FLIGHT)


def limits(sink: str, events: list[CloudEvent]) -> dict[str, dict[str, float]]:
    """Return what one process can post that does nothing else."""
    requests = [post.request(sink, *to_binary(event)) for event in events]
    return {
        name: way(sink, requests, count=2 * len(requests), connections=IN_FLIGHT) for name, way in post.WAYS.items()
    }


async def measure_stages(vcenter: str, sink: str, pages: int) -> dict[str, Any]:
    """Measure the same in a process of its own."""
    async with module("bench.stages", vcenter, sink, f"--pages={pages}") as process:
        result: dict[str, Any] = json.loads(await line_of(process, "stages done: "))
        return result


def medians(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the medians of several results."""
    return {
        group: {name: median(result[group][name] for result in results) for name in values}
        for group, values in results[0].items()
    }


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.stages", description=__doc__.splitlines()[0])
    parser.add_argument("vcenter")
    parser.add_argument("sink")
    parser.add_argument("--pages", type=int, default=5, help="of 1,000 events (default: %(default)s)")
    options = parser.parse_args()
    print("stages done:", json.dumps(milliseconds(options.vcenter, options.sink, options.pages)), flush=True)


if __name__ == "__main__":
    main()
