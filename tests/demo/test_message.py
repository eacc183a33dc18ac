"""CloudEvents in and out of HTTP messages, whatever they contain."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.message import BadEventError, Message, read

REQUIRED = {"specversion": "1.0", "id": "1", "source": "/s", "type": "t"}
NAMES = st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True).filter(
    lambda n: n not in {*REQUIRED, "data", "datacontenttype"}
)
SCALARS = st.one_of(st.text(), st.booleans(), st.integers(-(2**31), 2**31 - 1))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=12), inner, max_size=3)),
    max_leaves=8,
)
STRUCTURED = {"content-type": "application/cloudevents+json"}


@given(st.dictionaries(NAMES, st.text(st.characters(codec="utf-8")), max_size=4), st.binary(max_size=50))
def test_a_message_survives_its_own_headers(extensions: dict[str, str], data: bytes) -> None:
    message = Message({**REQUIRED, **extensions}, data)
    headers = message.headers()
    assert all(value.isascii() and value.isprintable() and " " not in value for value in headers.values())
    assert read(headers, data) == message


@given(st.dictionaries(NAMES, SCALARS, max_size=4), JSON)
def test_a_structured_event_is_refused_or_can_be_delivered(extensions: dict[str, object], data: object) -> None:
    body = json.dumps({**REQUIRED, **extensions, "data": data}).encode()
    try:
        message = read(STRUCTURED, body)
    except BadEventError:
        return
    delivered = read(message.headers(), message.data)
    assert delivered == message
    assert json.dumps(delivered.json) == json.dumps(data)


@given(st.dictionaries(st.sampled_from(["content-type", "ce-id", "ce-x", "ce-specversion"]), st.text()), st.binary())
def test_anything_else_is_refused_by_name(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(BadEventError, match=r"\w"):
        read(headers, body)  # there is no source, so this is no event


@given(JSON)
def test_any_json_in_structured_mode_is_an_event_or_refused(document: object) -> None:
    with suppress(BadEventError):
        assert read(STRUCTURED, json.dumps(document).encode()).id


def test_data_keeps_its_kind() -> None:
    event = dict(REQUIRED)
    for given_, expected, kind in (
        ({"data": {"a": 1}}, b'{"a":1}', "application/json"),
        ({"data": "text", "datacontenttype": "text/plain"}, b"text", "text/plain"),
        ({"data": "text"}, b'"text"', "application/json"),
        ({"data_base64": "AAE=", "datacontenttype": "image/png"}, b"\0\1", "image/png"),
        ({}, b"", None),
        ({"data": "text", "datacontenttype": None, "subject": None}, b'"text"', "application/json"),
        ({"data": {}, "data_base64": None}, b"{}", "application/json"),
        ({"data": None}, b"null", "application/json"),
        ({"data_base64": None, "time": None}, b"", None),
    ):
        message = read(STRUCTURED, json.dumps({**event, **given_}).encode())
        assert (message.data, message.attributes.get("datacontenttype")) == (expected, kind)
        assert set(message.attributes) <= {*REQUIRED, "datacontenttype"}
