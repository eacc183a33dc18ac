"""Binary mode, which is written here because of what it costs, is what the SDK makes of an event."""

from datetime import UTC, datetime
from string import ascii_lowercase, digits
from typing import Any

from cloudevents.core.bindings import http as sdk
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from vcenter_source.events.codec import OrjsonFormat, to_binary

OURS = {"id", "source", "type", "specversion", "time", "subject", "datacontenttype", "dataschema", "data"}
NAMES = st.text(ascii_lowercase + digits, min_size=1, max_size=20).filter(lambda name: name not in OURS)
VALUES = st.text(max_size=20) | st.integers() | st.booleans() | st.datetimes(timezones=st.just(UTC)) | st.none()
TIME = datetime(2026, 1, 31, 8, 0, 0, 123456, tzinfo=UTC)
DATA = (
    st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(-(2**53), 2**53), max_size=3)
    | st.text(max_size=9)
    | st.binary(max_size=9)
)


@given(extensions=st.dictionaries(NAMES, VALUES, max_size=5), data=DATA, text=st.booleans())
def test_binary_mode_is_the_sdks(extensions: dict[str, Any], data: Any, text: bool) -> None:
    datacontenttype = "text/plain" if text and not isinstance(data, dict) else "application/json"
    attributes = {"id": "1", "source": "/ä b", "type": "t", "time": TIME, "datacontenttype": datacontenttype}
    event = CloudEvent(extensions | attributes, data)
    message = sdk.to_binary(event, OrjsonFormat())
    assert to_binary(event) == (message.headers, message.body)
