"""One event that OpenFaaS's queue never takes, while it takes others: it goes to the dead letter, and nothing waits."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from cloudevents.core.v1.event import CloudEvent

from demo.gateway_api import Reply, too_large
from tests.support.dispatcher import Box, make_dispatcher
from tests.support.openfaas import WHEN, at, cloudevent, deliver, send, until, vcenter_event
from tests.support.openfaas_gateway import fake_gateway
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkUnavailableError
from vcenter_source.core.event import Event
from vcenter_source.core.observers import Observer
from vcenter_source.core.poison import MIN_OTHERS_PASSED
from vcenter_source.events.conversion import Converter
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.processor import EventProcessor
from vcenter_source.sinks.openfaas.sink import OpenfaasSink
from vcenter_source.state.checkpoint import OffsetTracker

REAL_TEXT = b"Error queuing request: request body too large for OpenFaaS CE (300513 bytes), maximum: 256000 bytes\n"


def powered_on(key: int, size: int = 0) -> CloudEvent:
    return cloudevent(vcenter_event("VmPoweredOnEvent", key=key, fullFormattedMessage="x" * size))


async def outcome(sink: OpenfaasSink, event: CloudEvent) -> Exception | None:
    try:
        await send(sink, event)
    except (SinkUnavailableError, EventRefusedError) as exc:
        return exc
    return None


async def tries_among_others(sink: OpenfaasSink, event: CloudEvent, tries: int) -> list[Exception | None]:
    """What comes of an event, tried this often, each time after another that is small."""
    found = []
    for key in range(100, 100 + tries):
        await outcome(sink, powered_on(key))
        found.append(await outcome(sink, event))
    return found


def test_the_stand_in_says_what_the_real_queue_says() -> None:
    assert (too_large(300513).status, too_large(300513).body) == (500, REAL_TEXT)


@pytest.mark.parametrize(
    "answer",
    [too_large, lambda _: Reply(500, b"nats: maximum payload exceeded\n"), lambda _: Reply(500, b"")],
    ids=["CE", "NATS", "silent"],
)
def test_an_event_too_large_for_the_queue_counts_while_others_pass_whatever_it_says(
    answer: Callable[[int], Reply],
) -> None:
    with fake_gateway(too_large=answer, max_queued=100_000) as gateway:
        gateway.deploy("tag", "*")
        event = powered_on(1, 150_000)
        found = at(gateway, lambda sink: tries_among_others(sink, event, 3), OPENFAAS_MAX_TRIES=3)
    assert [type(each) for each in found] == [SinkUnavailableError] * 2 + [EventRefusedError]
    assert str(found[-1]).startswith("function tag.openfaas-fn answers 500")
    assert found[-1].status == 500


@pytest.mark.parametrize("answer", [Reply(500, b"nats: timeout\n"), Reply(200, b"log in"), Reply(403), Reply(302)])
def test_a_queue_that_takes_nothing_costs_no_event(answer: Reply) -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "*").queue_answer = lambda _: answer
        found = at(gateway, lambda sink: tries_among_others(sink, powered_on(1), 9), OPENFAAS_MAX_TRIES=2)
    assert [type(each) for each in found] == [SinkUnavailableError] * 9


def test_more_than_the_community_edition_takes_counts_where_nothing_else_is_sent() -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "*")
        failed = at(gateway, lambda sink: deliver(sink, powered_on(1, 300_000)), OPENFAAS_MAX_TRIES=3)
    assert [type(each) for each in failed] == [SinkUnavailableError] * 2 + [EventRefusedError]


def test_what_another_queue_takes_says_nothing_of_this_one() -> None:
    with fake_gateway() as gateway:
        own = gateway.deploy("own", "com.vmware.event.vm.poweredoff")
        own.annotations["com.openfaas.queue"] = "slow"
        own.queue_answer = lambda _: Reply(500, b"no such stream")
        gateway.deploy("tag", "com.vmware.event.vm.poweredon")
        event = cloudevent(vcenter_event("VmPoweredOffEvent", key=1))
        found = at(gateway, lambda sink: tries_among_others(sink, event, 5), OPENFAAS_MAX_TRIES=2)
    assert [type(each) for each in found] == [SinkUnavailableError] * 5


@pytest.mark.parametrize(("own", "expected"), [(True, EventRefusedError), (False, SinkUnavailableError)])
def test_a_403_is_the_functions_own_or_of_what_stands_before_it(own: bool, expected: type[Exception]) -> None:
    with fake_gateway() as gateway:
        gateway.deploy("tag", "*", topic_invocation="sync").answer = lambda _: Reply(
            403, b"RBAC: access denied", own=own
        )
        found = at(gateway, lambda sink: outcome(sink, powered_on(1)), OPENFAAS_MAX_TRIES=1 if own else 2)
    assert type(found) is expected


def test_a_stream_with_one_event_too_large_goes_on_and_that_one_is_in_the_dead_letter() -> None:
    box, keys = Box(), range(1, MIN_OTHERS_PASSED + 20)
    acknowledged: list[int] = []
    failed_once = asyncio.Event()  # before the others go on: so many of them must get through after it

    async def until_all_else_is_through(_: float) -> None:
        failed_once.set()
        await until(lambda: len(acknowledged) >= len(keys) - 1)

    async def run(sink: OpenfaasSink) -> None:
        dispatcher = make_dispatcher(sink, box, sleep=until_all_else_is_through)
        for key in keys:
            event = powered_on(key, 150_000 if key == 7 else 0)
            await dispatcher.submit(Envelope(event, str(key), on_done=partial(acknowledged.append, key)))
            if key == 7:
                await failed_once.wait()
        assert await dispatcher.drain(20) == 0

    with fake_gateway(max_queued=100_000) as gateway:
        tag = gateway.deploy("tag", "*")
        at(gateway, run)
    assert sorted(map(int, tag.ids())) == [key for key in keys if key != 7]
    assert box.names == ["7"]
    assert "request body too large" in box.reasons[0].message
    assert sorted(acknowledged) == [*keys]


def test_several_in_a_row_of_one_object_go_to_the_dead_letter_though_the_others_may_go_only_so_far_ahead() -> None:
    box, large = Box(), range(3, 6)

    def one(key: int) -> Event:
        subject = ("VirtualMachine", "vm-0" if key in large else f"vm-{key}")
        return vcenter_event("VmPoweredOnEvent", subject, key, fullFormattedMessage="x" * 150_000 * (key in large))

    async def run(sink: OpenfaasSink) -> None:
        tracker = OffsetTracker("uuid", None, WHEN)
        dispatcher = make_dispatcher(sink, box, sleep=lambda _: asyncio.sleep(0.03))
        converter = Converter("https://vc/sdk", "8.0.3.0")
        processor = EventProcessor(TypeFilter(()), converter, tracker, dispatcher, Observer(), ahead=40, trickle=0.02)
        for key in range(1, 100):
            await processor.process(one(key))
        assert await dispatcher.drain(20) == 0

    with fake_gateway(max_queued=100_000) as gateway:
        tag = gateway.deploy("tag", "*")
        at(gateway, run, OPENFAAS_MAX_TRIES=3)
    assert box.names == [str(key) for key in large]
    assert len(tag.ids()) == 99 - len(large)
