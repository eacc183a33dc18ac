"""BATCH: several events in one request, and what becomes of each."""

import asyncio
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.v1.event import CloudEvent

from tests.support.http_sink import http_sink
from tests.support.otlp_collector import collector
from tests.support.processes import process, wait_for_line
from tests.support.simulator_control import post_events, posted_events
from tests.support.threaded_server import QuietHandler, serve_http
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, LeaseLostError, SinkAccessError, SinkUnavailableError

BATCH_TYPE = "application/cloudevents-batch+json"


@dataclass
class Webhook:
    """Takes batches; fails one with an event named ``bad`` with ``failure``, and is ``away`` for so many first."""

    url: str = ""
    away: int = 0
    requests: int = 0
    bad: str | None = None
    failure: int = 422
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def status_of(self, content_type: str, events: list[dict[str, Any]]) -> int:
        self.requests += 1
        assert content_type == BATCH_TYPE
        if self.away:
            self.away -= 1
            return 503
        if any(event["id"] == self.bad for event in events):
            return self.failure
        self.batches.append(events)
        return 202

    @property
    def ids(self) -> list[str]:
        return [event["id"] for batch in self.batches for event in batch]


@contextmanager
def webhook() -> Iterator[Webhook]:
    hook = Webhook()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            self.answer(hook.status_of(self.headers["Content-Type"], json.loads(self.read_body())))

    with serve_http(Handler) as url:
        hook.url = f"{url}/"
        yield hook


def event(name: str, size: int = 1) -> CloudEvent:
    attributes = {"id": name, "source": "https://vc/sdk", "type": "t", "datacontenttype": "application/json"}
    return CloudEvent(attributes, {"text": "x" * size})


def sent(hook: Webhook, events: list[CloudEvent], most: int = 10, limit: int = 10_000) -> list[Any]:
    """What becomes of each, sent at the same time."""

    async def all_at_once() -> list[Any]:
        async with http_sink(hook.url, batch=most, max_event_bytes=limit) as sink:
            return await asyncio.gather(*(sink.send(Envelope(e)) for e in events), return_exceptions=True)

    return asyncio.run(all_at_once())


def test_events_that_are_there_at_once_share_requests() -> None:
    with webhook() as hook:
        assert sent(hook, [event(str(n)) for n in range(25)]) == [Receipt(202)] * 25
        assert sorted(map(len, hook.batches)) == [5, 10, 10]
        assert sorted(hook.ids, key=int) == [str(n) for n in range(25)]
        assert {e["specversion"] for batch in hook.batches for e in batch} == {"1.0"}


def test_one_alone_is_a_batch_of_one_at_once() -> None:
    with webhook() as hook:
        assert sent(hook, [event("1")]) == [Receipt(202)]
        assert hook.ids == ["1"]


def test_a_batch_that_may_pass_later_fails_as_a_whole() -> None:
    with webhook() as hook:
        hook.away = 1
        assert {type(outcome) for outcome in sent(hook, [event("1"), event("2")])} == {SinkUnavailableError}
        assert hook.batches == []


def test_a_refusal_is_that_of_the_one_event_which_is_the_reason() -> None:
    with webhook() as hook:
        hook.bad = "3"
        outcomes = sent(hook, [event(str(n)) for n in range(6)])
        assert [n for n, outcome in enumerate(outcomes) if outcome != Receipt(202)] == [3]
        assert isinstance(outcomes[3], EventRefusedError)
        assert sorted(hook.ids) == ["0", "1", "2", "4", "5"]


def test_a_fence_stops_its_own_event_of_a_batch_alone() -> None:
    def lost() -> None:
        raise LeaseLostError("another has it")

    async def send() -> list[Any]:
        async with http_sink(hook.url, batch=10) as sink:
            envelopes = [Envelope(event("1")), Envelope(event("2"), fence=lost), Envelope(event("3"))]
            return await asyncio.gather(*map(sink.send, envelopes), return_exceptions=True)

    with webhook() as hook:
        first, stopped, last = asyncio.run(send())
        assert (first, last) == (Receipt(202), Receipt(202))
        assert isinstance(stopped, LeaseLostError)
        assert sorted(hook.ids) == ["1", "3"]


@pytest.mark.parametrize("failure", [403, 500])
def test_one_that_fails_again_and_again_fails_no_other(failure: int) -> None:
    async def send() -> list[Any]:
        async with http_sink(hook.url, batch=10) as sink:

            async def at_once(names: Iterable[str], resend: int) -> list[Any]:
                sending = (sink.send(Envelope(event(name), attempt=resend)) for name in names)
                return await asyncio.gather(*sending, return_exceptions=True)

            await at_once("012345", resend=0)
            return await at_once("012345", resend=1)

    with webhook() as hook:
        hook.bad, hook.failure = "3", failure
        outcomes = asyncio.run(send())
        assert [n for n, outcome in enumerate(outcomes) if outcome != Receipt(202)] == [3]
        assert isinstance(outcomes[3], SinkAccessError if failure == 403 else SinkUnavailableError)


def test_no_request_is_longer_than_an_event_may_be() -> None:
    with webhook() as hook:
        outcomes = sent(hook, [event("1", 600), event("2", 600), event("3", 2000)], limit=1000)
        assert outcomes[:2] == [Receipt(202)] * 2
        assert isinstance(outcomes[2], EventRefusedError)
        assert sorted(map(len, hook.batches)) == [1, 1]


def test_a_request_is_one_span_linked_to_the_root_of_each_event_in_it(tmp_path: Path) -> None:
    with webhook() as hook, run_simulator() as simulator, collector() as receiver:
        post_events(simulator, 100)
        keys = [str(each["key"]) for each in posted_events(simulator)]
        hook.bad = keys[50]  # the batch around it is refused, and each of its events then sent alone
        settings = {"VCENTER_URL": simulator.url, "VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}
        settings |= {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "OTEL_METRICS_EXPORTER": "none"}
        settings |= {"K_SINK": hook.url, "START_FROM": "beginning", "BATCH": "16", "DEAD_LETTER_PATH": str(tmp_path)}
        with process("vcenter_source", "run", **settings) as adapter:
            wait_for_line(adapter, "it is a dead letter now")
            while not set(keys) <= {*hook.ids, hook.bad}:
                assert adapter.poll() is None
            adapter.terminate()
            adapter.communicate(timeout=20)
    roots = {span.span_id: span for span in receiver.spans() if span.name.startswith("CloudEvents Create")}
    requests = [span for span in receiver.spans() if span.name == "POST"]
    assert len(roots) == len(hook.ids) + 1
    assert len(requests) == hook.requests
    linked = [[link.span_id for link in span.links] for span in requests if span.links]
    counts = [pair.value.int_value for span in requests for pair in span.attributes if "message_count" in pair.key]
    assert counts == list(map(len, linked))
    assert 1 < max(counts) <= 16
    assert {one for links in linked for one in links} | {s.parent_span_id for s in requests if not s.links} == set(
        roots
    )
    assert not {span.trace_id for span in requests if span.links} & {root.trace_id for root in roots.values()}


@pytest.mark.parametrize("away", [0, 3])
def test_the_adapter_sends_batches_and_loses_nothing(away: int) -> None:
    with webhook() as hook, run_simulator() as simulator:
        post_events(simulator, 300)
        hook.away = away
        settings = {"VCENTER_URL": simulator.url, "VCENTER_USERNAME": ADMINISTRATOR, "VCENTER_PASSWORD": PASSWORD}
        settings |= {"K_SINK": hook.url, "START_FROM": "beginning", "BATCH": "50", "RETRY_MAX_DELAY": "0.1"}
        with process("vcenter_source", "run", **settings) as adapter:
            wait_for_line(adapter, "reading events")
            due = {str(each["key"]) for each in posted_events(simulator)}
            while set(hook.ids) != due:
                assert adapter.poll() is None
        assert len(hook.ids) == len(due)
        assert len(hook.batches) < len(due)
