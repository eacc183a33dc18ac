"""What the shim logs of answers that failed: a line when that begins, one a minute, one when it ends."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from demo.gateway_api import Reply
from tests.support.clock import Clock
from tests.support.openfaas import pool_created, sink_at
from tests.support.openfaas_gateway import FakeGateway, Function, fake_gateway
from tests.support.openfaas_shim import POOL_TYPE, binary, deploy, shim_at
from vcenter_source.core.sink_log import SinkLog
from vcenter_source.sinks.openfaas.shim.app import PATIENCE, WORDS, Shim

BEGINS = "event not delivered, the sender will retry it"
GOES_ON = "events are still not delivered, their sender will retry them"
OTHERS_PASS = "other events are delivered, but not this one, the sender will retry it"
ENDS = "events are delivered again"

Line = MutableMapping[str, Any]


def busy() -> Reply:
    return Reply(503, b"busy")


def fail_for(function: Function, keys: Iterable[int]) -> None:
    """The function fails with these events, and takes all others."""
    ids = {str(key) for key in keys}
    function.answer = lambda _: busy() if function.ids()[-1] in ids else Reply()


@asynccontextmanager
async def open_shim(gateway: FakeGateway, clock: Clock) -> AsyncIterator[Shim]:
    async with sink_at(gateway) as sink:
        yield Shim(sink, CollectorRegistry(), 60.0, SinkLog(sink.address, clock, WORDS, PATIENCE))


async def post(shim: Shim, event: CloudEvent) -> int:
    message = binary(event)
    response = await shim.accept({name.lower(): value for name, value in message.headers.items()}, message.body)
    return response.status


def select(lines: Sequence[Line]) -> list[Line]:
    """Those above debug that are about events."""
    return [line for line in lines if line["log_level"] != "debug" and line["event"] != "topic map read"]


def test_an_outage_is_three_lines_however_often_senders_try() -> None:
    clock, statuses = Clock(1000.0), set[int]()

    async def send() -> None:
        async with open_shim(gateway, clock) as shim:
            for second in range(0, 120, 10):
                clock.now = 1000.0 + second
                fail_for(function, range(6) if second < 100 else ())
                statuses.update([await post(shim, pool_created(key)) for key in range(6)])

    with fake_gateway() as gateway, capture_logs() as lines:
        function = gateway.deploy("tag", POOL_TYPE, topic_invocation="sync")
        asyncio.run(send())
    assert statuses == {503, 204}
    begins, goes_on, ends = select(lines)
    assert (begins["event"], begins["log_level"], begins["event_id"]) == (BEGINS, "warning", "0")
    assert (begins["sink"], begins["reason"]) == (gateway.url, "function tag.openfaas-fn answers 503: busy")
    assert (goes_on["event"], goes_on["log_level"], goes_on["event_id"]) == (GOES_ON, "warning", "0")
    assert (goes_on["seconds"], goes_on["waiting"], goes_on["failed_tries"]) == (60, 6, 37)
    assert (ends["event"], ends["log_level"], ends["seconds"], ends["failed_tries"]) == (ENDS, "info", 100, 60)
    assert sum(line["event"] == BEGINS and line["log_level"] == "debug" for line in lines) == 59


def test_an_event_that_fails_while_others_pass_is_named_until_its_sender_gives_up() -> None:
    clock = Clock(1000.0)

    async def send() -> None:
        async with open_shim(gateway, clock) as shim:
            for second in range(0, 600, 20):
                clock.now = 1000.0 + second
                if second < 150:
                    assert await post(shim, pool_created(13)) == 503
                assert await post(shim, pool_created(1000 + second)) == 204

    with fake_gateway() as gateway, capture_logs() as lines:
        function = gateway.deploy("tag", POOL_TYPE, topic_invocation="sync")
        fail_for(function, [13])
        asyncio.run(send())
    begins, first, second, ends = select(lines)
    assert (begins["event"], first["event"], second["event"], ends["event"]) == (BEGINS, OTHERS_PASS, OTHERS_PASS, ENDS)
    assert {line["event_id"] for line in (begins, first, second)} == {"13"}
    assert (first["waiting"], first["accepted"]) == (1, 3)
    assert ends["seconds"] == 140 + PATIENCE


def test_each_event_that_is_refused_for_good_is_a_line_and_waits_no_more() -> None:
    async def send() -> list[int]:
        async with open_shim(gateway, Clock(1000.0)) as shim:
            return [await post(shim, pool_created(key)) for key in (7, 7, 8)]

    with fake_gateway() as gateway, capture_logs() as lines:
        function = gateway.deploy("tag", POOL_TYPE, topic_invocation="sync")
        function.answer = [busy(), Reply(422, b"no such tag"), Reply()].__getitem__
        assert asyncio.run(send()) == [503, 422, 204]
    assert [(line["event"], line["log_level"]) for line in select(lines)] == [
        (BEGINS, "warning"),
        ("event refused for good", "error"),
        (ENDS, "info"),
    ]


def test_the_process_says_once_that_an_event_is_not_delivered_and_that_it_is_again() -> None:
    with fake_gateway() as gateway, shim_at(gateway) as shim:
        with deploy(shim, gateway, "tag", topic_invocation="sync") as tag:
            tag.answer = lambda count: busy() if count < 5 else Reply()
            statuses = [shim.post(binary(pool_created())).status_code for _ in range(6)]
        shim.process.send_signal(signal.SIGTERM)
        _, log = shim.process.communicate(timeout=10)
    assert statuses == [503] * 5 + [204]
    assert (log.count(BEGINS), log.count(ENDS)) == (1, 1)
