"""CloudEvents as the shim receives them, and which of them it remembers."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.support.openfaas import TRACE, WHEN, pool_created
from vcenter_source.core.errors import EventRefusedError
from vcenter_source.events.codec import OrjsonFormat
from vcenter_source.sinks.openfaas import receive
from vcenter_source.sinks.openfaas.body import request
from vcenter_source.sinks.openfaas.dedup import Memory, key_of
from vcenter_source.sinks.openfaas.receive import Received, received, received_batch
from vcenter_source.sinks.openfaas.topics import Function, Match

BINARY = to_binary(pool_created(traceparent=TRACE), OrjsonFormat())
STRUCTURED = to_structured(pool_created(traceparent=TRACE), OrjsonFormat())
NAMED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}


@pytest.mark.parametrize("message", [BINARY, STRUCTURED], ids=["binary", "structured"])
def test_an_event_arrives_as_it_was_sent(message: Any) -> None:
    event = received(message.headers, message.body)
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


UNSET = {"subject": None, "time": None, "traceparent": None, "datacontenttype": None, "data_base64": None, "x": None}


@pytest.mark.parametrize("content", [{}, {"data": {"a": None}}, {"data": "a"}, {"data": None}])
def test_a_member_that_is_null_is_as_good_as_left_out(content: dict[str, Any]) -> None:
    named = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    structured = {"content-type": "application/cloudevents+json"}
    expected = received(structured, orjson.dumps(named | content))
    body = orjson.dumps(named | UNSET | content)
    for event in (received(structured, body), *received_batch(b"[" + body + b"]")):
        assert event.get_attributes() == expected.get_attributes() == named
        assert event.get_data() == expected.get_data()


def test_data_that_is_null_is_json_of_its_own() -> None:
    named = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": None}
    structured = {"content-type": "application/cloudevents+json"}
    assert received(structured, orjson.dumps(named)).get_data() == b"null"
    assert received(structured, orjson.dumps(named | {"datacontenttype": "text/plain"})).get_data() is None


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_is_required_and_null_is_missing(name: str) -> None:
    body = orjson.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t"} | {name: None})
    with pytest.raises(EventRefusedError, match=f"the attribute {name} is missing"):
        received({"content-type": "application/cloudevents+json"}, body)
    with pytest.raises(EventRefusedError, match=f"the attribute {name} is missing"):
        received_batch(b"[" + body + b"]")


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
        (NAMED | {"ce-source": "a\udcff"}, b"", 400),  # as bytes that are no UTF-8 come
        (NAMED | {"ce-foo": "a\udcff"}, b"", 400),
        (NAMED | {"content-type": "a\udcff"}, b"", 400),
        ({"content-type": "application/cloudevents+json"}, b"{}", 400),
        ({"content-type": "application/cloudevents+json"}, b"[]", 400),
        ({"content-type": "application/cloudevents+json"}, b"7", 400),
        ({"content-type": "application/cloudevents+json"}, b"\xff", 400),
        ({"content-type": "application/cloudevents+json"}, b"[" * 100_000, 400),
        ({"content-type": "application/cloudevents-batch+xml"}, b"[]", 415),
        ({"content-type": "application/cloudevents+xml"}, b"<event/>", 415),
    ],
)
def test_what_is_no_event_is_refused(headers: dict[str, str], body: bytes, status: int) -> None:
    with pytest.raises(EventRefusedError) as caught:
        received(headers, body)
    assert caught.value.status == status


@pytest.mark.parametrize(
    "unusual",
    [
        {"ce-time": "2026-01-31T09:00:00,5+01"},
        {"ce-time": "20260131T080000Z"},
        {"ce-x": "\xe4"},
        {"ce-datacontenttype": "text/plain"},
    ],
)
def test_what_is_unusual_is_judged_by_the_sdk(unusual: dict[str, str]) -> None:
    assert not isinstance(received(NAMED | unusual, b""), Received)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ce-time": "2026-01-31T08:00:00"},
        {"ce-time": "2026-02-30T08:00:00Z"},
        {"ce-a-b": "1"},
        {"ce-": "1"},
        {"ce-data": "1"},
        {"ce-subject": ""},
        {"ce-type": ""},
        {"content-type": ""},
    ],
)
def test_what_the_sdk_refuses_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(EventRefusedError) as caught:
        received(NAMED | wrong, b"")
    assert caught.value.status == 400


TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=6)
TIMES = st.sampled_from(["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.123456+02:00", "2026-01-31T24:00:00Z", "x", ""])
NAMES = st.sampled_from(["ce-subject", "ce-id", "ce-x", "ce-dataschema", "ce-x_y", "content-type", "other"])


@given(st.dictionaries(NAMES, TEXT), st.none() | TIMES, st.sampled_from([b"", b"{}", b"[1]", b"{"]))
def test_the_short_way_finds_what_the_sdk_finds(headers: dict[str, str], time: str | None, body: bytes) -> None:
    message = NAMED | headers | ({} if time is None else {"ce-time": time})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(receive, "is_usual", lambda *_: False)
        expected = found(message, body)
    assert found(message, body) == expected


def found(headers: dict[str, str], body: bytes) -> Any:
    """Attributes and data, or None where the event is refused."""
    try:
        event = received(headers, body)
    except EventRefusedError:
        return None
    return event.get_attributes(), event.get_data()


def test_what_came_is_handed_on_as_it_is() -> None:
    headers = NAMED | {"ce-time": "2026-01-31T09:00:00.50+01:00", "ce-x": "a%20b", "content-type": "application/json"}
    event = received(headers | {"host": "h", "traceparent": TRACE}, b'{ "a": 1.0 }')
    message = request(event, Match(Function("f", ("t",)), "t", "cloudevent"))
    assert (message.headers, message.body) == (headers, b'{ "a": 1.0 }')
    assert event.get_extension("x") == "a b"


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
    past.taken += ("f",)
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
        past.taken += ("f",)
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


@given(
    texts=st.lists(st.text(max_size=8), min_size=1, max_size=4),
    timed=st.booleans(),
    plain=st.booleans(),
)
def test_the_events_of_a_batch_are_those_of_requests_of_their_own(texts: list[str], timed: bool, plain: bool) -> None:
    events = []
    for n, text in enumerate(texts):
        attributes: dict[str, Any] = {"id": str(n), "source": "/s", "type": "t", "site": "a" if plain else f"b{text}"}
        attributes |= {"datacontenttype": "application/json"} | ({"time": WHEN} if timed else {})
        event = CloudEvent(attributes, {"text": text})
        if not timed:
            del event.get_attributes()["time"]
        events.append(event)
    body = b"[" + b",".join(map(OrjsonFormat().write, events)) + b"]"
    found = received_batch(body)
    assert [each.get_attributes() for each in found] == [each.get_attributes() for each in events]
    assert [each.get_data() for each in found] == [each.get_data() for each in events]
    assert all(isinstance(each, Received) for each in found) or not plain


@pytest.mark.parametrize("body", [b"{}", b"[7]", b"[{}]", b"[", b"[null]", b'[{"id":"1"}]', b"\xff"])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(EventRefusedError) as caught:
        received_batch(body)
    assert caught.value.status == 400
