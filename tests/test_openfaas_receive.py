"""CloudEvents as the shim receives them, and which of them it remembers."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import to_binary, to_structured

from adapter.cloudevent import OrjsonFormat
from adapter.errors import EventRefusedError
from adapter.openfaas.memory import Memory, key_of
from adapter.openfaas.receive import received
from tests.openfaas_support import TRACE, WHEN, pool_created

BINARY = to_binary(pool_created(traceparent=TRACE), OrjsonFormat())
STRUCTURED = to_structured(pool_created(traceparent=TRACE), OrjsonFormat())
NAMED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}


@pytest.mark.parametrize("message", [BINARY, STRUCTURED], ids=["binary", "structured"])
@pytest.mark.parametrize("spell", [str.lower, str.title])
def test_an_event_arrives_as_it_was_sent(message: Any, spell: Any) -> None:
    event = received({spell(name): value for name, value in message.headers.items()}, message.body)
    assert event.get_attributes() == pool_created(traceparent=TRACE).get_attributes()
    assert event.get_data() == pool_created().get_data()


@pytest.mark.parametrize(
    ("content_type", "body", "data"),
    [
        ("application/json", b"", b""),
        ("application/json; charset=utf-8", b"[1]", b"[1]"),
        ("application/vnd.x+json", b'{"a": 1}', {"a": 1}),
        ("application/vnd.x+json", b'"a"', b'"a"'),
        ("text/plain", b"{}", b"{}"),
        ("application/octet-stream", b"\xff", b"\xff"),
    ],
)
def test_data_is_decoded_where_it_is_json(content_type: str, body: bytes, data: Any) -> None:
    event = received(NAMED | {"content-type": content_type}, body)
    assert event.get_data() == data
    assert event.get_time() is None


def test_data_in_structured_mode_that_is_no_object_stays_json() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":["a",1]}'
    assert received({"content-type": "application/cloudevents+json"}, body).get_data() == b'["a",1]'


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({}, b"", 400),
        ({"content-type": "application/json"}, b"{}", 400),
        (NAMED | {"ce-id": ""}, b"", 400),
        (NAMED | {"ce-specversion": "9"}, b"", 400),
        (NAMED | {"ce-time": "yesterday"}, b"", 400),
        (NAMED | {"content-type": "application/json"}, b"{", 400),
        ({"content-type": "application/cloudevents+json"}, b"{}", 400),
        ({"content-type": "application/cloudevents+json"}, b"[]", 400),
        ({"content-type": "application/cloudevents+json"}, b"7", 400),
        ({"content-type": "application/cloudevents+json"}, b"\xff", 400),
        ({"content-type": "application/cloudevents+json"}, b"[" * 100_000, 400),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]", 400),
        ({"content-type": "application/cloudevents+xml"}, b"<event/>", 415),
    ],
)
def test_what_is_no_event_is_refused(headers: dict[str, str], body: bytes, status: int) -> None:
    with pytest.raises(EventRefusedError) as caught:
        received(headers, body)
    assert caught.value.status == status


# --- memory -----------------------------------------------------------------------------------------------------------


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


async def remember(memory: Memory, key: int) -> bool:
    """Whether the event was known; it is now."""
    past = await memory.take(pool_created(key))
    known = bool(past.taken)
    past.taken.add("f")
    memory.give_back(past)
    return known


def test_an_event_is_remembered_for_an_hour() -> None:
    async def run() -> None:
        clock = Clock()
        memory = Memory(clock)
        assert not await remember(memory, 1)
        clock.now = 3599.0
        assert not await remember(memory, 2)
        assert await remember(memory, 1)
        clock.now = 3599.0 + 3601.0
        assert not await remember(memory, 3)
        assert len(memory) == 1

    asyncio.run(run())


def test_no_more_events_are_remembered_than_there_is_room_for() -> None:
    async def run() -> None:
        memory = Memory(events=10)
        for key in range(100):
            await remember(memory, key)
        assert len(memory) == 10
        assert await remember(memory, 99)
        assert not await remember(memory, 5)

    asyncio.run(run())


def test_an_event_that_is_under_way_is_not_forgotten_for_another() -> None:
    async def run() -> None:
        memory = Memory(events=1)
        past = await memory.take(pool_created(1))
        past.taken.add("f")
        await remember(memory, 2)
        await remember(memory, 3)
        assert len(memory) == 1
        memory.give_back(past)
        assert await remember(memory, 1)

    asyncio.run(run())


def test_an_id_that_vcenter_gives_again_after_a_restore_is_another_event() -> None:
    later = pool_created()
    later.get_attributes()["time"] = WHEN + timedelta(seconds=1)
    assert key_of(later) != key_of(pool_created())
