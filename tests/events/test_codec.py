"""CloudEvents as they are read from requests; how they are written is compared with the SDK in test_conversion."""

from typing import Any

import orjson
import pytest
from cloudevents.core.bindings import http as sdk
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from tests.support.openfaas import TRACE, WHEN, pool_created
from vcenter_source.core.errors import EventRefusedError
from vcenter_source.events.codec import OrjsonFormat, parse_batch, parse_event, to_binary

BINARY = sdk.to_binary(pool_created(traceparent=TRACE), OrjsonFormat())
STRUCTURED = sdk.to_structured(pool_created(traceparent=TRACE), OrjsonFormat())
NAMED = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "s", "ce-type": "t"}


@pytest.mark.parametrize("message", [BINARY, STRUCTURED], ids=["binary", "structured"])
def test_an_event_arrives_as_it_was_sent(message: Any) -> None:
    event = parse_event(message.headers, message.body)
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
    event = parse_event(NAMED | {"content-type": content_type}, body)
    assert event.get_data() == data
    assert event.get_time() is None


UNSET = {"subject": None, "time": None, "traceparent": None, "datacontenttype": None, "data_base64": None, "x": None}


@pytest.mark.parametrize("content", [{}, {"data": {"a": None}}, {"data": "a"}, {"data": None}])
def test_a_member_that_is_null_is_as_good_as_left_out(content: dict[str, Any]) -> None:
    named = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    structured = {"content-type": "application/cloudevents+json"}
    expected = parse_event(structured, orjson.dumps(named | content))
    body = orjson.dumps(named | UNSET | content)
    for event in (parse_event(structured, body), *parse_batch(b"[" + body + b"]")):
        assert event.get_attributes() == expected.get_attributes() == named
        assert event.get_data() == expected.get_data()


def test_data_that_is_null_is_json_of_its_own() -> None:
    named = {"specversion": "1.0", "id": "1", "source": "s", "type": "t", "data": None}
    structured = {"content-type": "application/cloudevents+json"}
    assert parse_event(structured, orjson.dumps(named)).get_data() == b"null"
    assert parse_event(structured, orjson.dumps(named | {"datacontenttype": "text/plain"})).get_data() is None


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_is_required_and_null_is_missing(name: str) -> None:
    body = orjson.dumps({"specversion": "1.0", "id": "1", "source": "s", "type": "t"} | {name: None})
    with pytest.raises(EventRefusedError, match=f"the attribute {name} is missing"):
        parse_event({"content-type": "application/cloudevents+json"}, body)
    with pytest.raises(EventRefusedError, match=f"the attribute {name} is missing"):
        parse_batch(b"[" + body + b"]")


def test_data_in_structured_mode_that_is_no_object_stays_json() -> None:
    body = b'{"specversion":"1.0","id":"1","source":"s","type":"t","data":["a",1]}'
    assert parse_event({"content-type": "application/cloudevents+json"}, body).get_data() == b'["a",1]'


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
        parse_event(headers, body)
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
def test_what_is_unusual_is_accepted(unusual: dict[str, str]) -> None:
    assert parse_event(NAMED | unusual, b"").get_id() == "1"


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
        parse_event(NAMED | wrong, b"")
    assert caught.value.status == 400


def test_what_came_is_written_again_as_it_was() -> None:
    headers = NAMED | {"ce-time": "2026-01-31T08:00:00.500000Z", "ce-x": "a%20b", "content-type": "application/json"}
    event = parse_event(headers | {"host": "h", "traceparent": TRACE}, b'{ "a": 1.0, "b": 123456789012345678901 }')
    assert to_binary(event) == (headers, b'{ "a": 1.0, "b": 123456789012345678901 }')
    assert event.get_extension("x") == "a b"


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
    found = parse_batch(body)
    assert [each.get_attributes() for each in found] == [each.get_attributes() for each in events]
    assert [each.get_data() for each in found] == [each.get_data() for each in events]


@pytest.mark.parametrize("body", [b"{}", b"[7]", b"[{}]", b"[", b"[null]", b'[{"id":"1"}]', b"\xff"])
def test_what_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(EventRefusedError) as caught:
        parse_batch(body)
    assert caught.value.status == 400
