"""The values in the data of events that the page filters by."""

import pytest

from tests.support import loopback
from tests.support.viewer import make_event, run_viewer_alone
from vcenter_source.viewer.data_values import read_value


def test_values_in_the_data_are_those_of_events_after_a_number() -> None:
    with run_viewer_alone() as viewer:
        viewer.post(*(make_event(key, name=f"web-{key}") for key in (7, 8, 9)))
        viewer.do(viewer.feed.flush)
        asked = {"path": ["vm", "name"], "after": 1}
        answer = loopback.post(f"{viewer.url}api/values", json=asked).json()
        assert answer == {"last": 3, "values": [[3, "web-9"], [2, "web-8"]]}
        assert loopback.post(f"{viewer.url}api/values", json=asked | {"after": 3}).json() == {"last": 3, "values": []}
        for wrong in ({"path": "vm"}, {"path": [1]}, {"after": None}, {"after": True}):
            assert loopback.post(f"{viewer.url}api/values", json=asked | wrong).status_code == 400


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("key", "7"), ("size", "3"), ("on", "true"), ("none", "null"), ("list.1.name", "b"),
        ("list.2", None), ("list.x", None), ("list", None), ("missing", None), ("name.more", None), ("", None),
    ],
)  # fmt: skip
def test_a_value_is_found_by_its_path(path: str, value: str | None) -> None:
    data = {"key": 7, "size": 3.0, "on": True, "none": None, "name": "a", "list": [{"name": "a"}, {"name": "b"}]}
    assert read_value(data, path.split(".")) == value
