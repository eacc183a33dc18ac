"""The viewer's history: bounded, told of in parts, each event with what became of it; rows and rates."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from tests.support.clock import Clock
from tests.support.viewer import make_envelope, make_event
from vcenter_source.viewer.feed import MAX_FAILURES, RECORD_OVERHEAD, Feed, FeedInterruption
from vcenter_source.viewer.histogram import BIN_COUNT, BIN_SECONDS, MAX_FAMILIES, FamilyHistogram
from vcenter_source.viewer.summary import MAX_MESSAGE, MAX_VALUE, object_name, summarize


def filled(number: int, limit: int = 100) -> Feed:
    feed = Feed(limit)
    for key in range(1, number + 1):
        envelope = make_envelope(make_event(key))
        feed.on_accepted(envelope)
        feed.on_delivered(envelope)
    feed.flush()
    return feed


def test_each_event_has_the_state_that_its_delivery_came_to() -> None:
    clock = Clock(1_800_000_000.0)
    feed, envelopes = Feed(10, clock=clock), [make_envelope(make_event(key)) for key in range(4)]
    for envelope in envelopes:
        feed.on_accepted(envelope)
    clock.now += 5
    feed.on_retrying(envelopes[1], "503")
    feed.on_delivered(envelopes[2])
    feed.on_dead_lettered(envelopes[3], "400: no such thing")
    feed.flush()
    told = [record.changes_since(0) for record in feed.find_changed(0)]
    assert [(each["n"], each["state"], each.get("tries"), each.get("reason")) for each in told] == [
        (1, "in flight", None, None),
        (2, "retrying", 1, "503"),
        (3, "delivered", None, None),
        (4, "dead letter", 1, "400: no such thing"),
    ]
    last = feed.get(4)
    assert last is not None
    assert (last.ended, list(last.failures or ())) == (clock.now, [(clock.now, "400: no such thing")])
    assert feed.counts == {"delivered": 1, "dead letter": 1}


def test_events_in_flight_are_interrupted_when_the_pipeline_of_their_vcenter_stops() -> None:
    feed, envelope = Feed(10), make_envelope(make_event(1))
    feed.on_accepted(envelope)
    feed.flush()
    FeedInterruption(feed, "another").on_stop()
    feed.flush()
    assert feed.find_changed(1) == []
    FeedInterruption(feed, envelope.vcenter).on_stop()
    feed.flush()
    assert [record.state for record in feed.find_changed(1)] == ["interrupted"]


def test_a_page_is_told_of_what_has_changed_since_it_was_told_last_and_once_of_each_row() -> None:
    feed, envelopes = Feed(10), [make_envelope(make_event(key)) for key in range(3)]
    for envelope in envelopes:
        feed.on_accepted(envelope)
    feed.flush()
    known = feed.revision
    assert ["row" in record.changes_since(0) for record in feed.find_changed(0)] == [True] * 3
    feed.on_delivered(envelopes[1])
    feed.on_accepted(make_envelope(make_event(9)))
    assert feed.flush()
    assert [(record.number, "row" in record.changes_since(known)) for record in feed.find_changed(known)] == [
        (2, False),
        (4, True),
    ]
    assert feed.find_changed(feed.revision) == []
    assert not feed.flush()


def test_a_page_is_told_in_parts_from_wherever_it_is() -> None:
    feed = filled(250)
    for known in (0, 149, 150, 170, 199, 200, 201, 240, 249):
        first = max(known, 150) + 1
        assert [record.number for record in feed.find_changed(known, 7)] == list(range(first, min(first + 7, 251)))


def test_the_history_holds_the_last_events_up_to_its_limit() -> None:
    feed = filled(250)
    assert (len(feed), feed.oldest, feed.get(150), feed.counts["delivered"]) == (100, 151, None, 250)
    assert [record.number for record in feed.find_changed(0)] == list(range(151, 251))
    assert [record.number for record in feed.latest(3)] == [250, 249, 248]
    assert len(list(feed.latest(1000))) == 100


def test_the_history_is_bounded_in_bytes_too() -> None:
    feed = Feed(1000, max_bytes=100_000)
    for key in range(50):
        feed.on_accepted(make_envelope(make_event(key, message="x" * 9_000)))
    feed.flush()
    assert len(feed) == 9
    assert feed.bytes == sum(len(record.body) + RECORD_OVERHEAD for record in feed.find_changed(0)) <= 100_000


def test_an_event_that_is_forgotten_while_it_is_in_flight_does_not_come_back() -> None:
    feed, slow = Feed(2), make_envelope(make_event(0))
    feed.on_accepted(slow)
    for key in range(1, 5):
        feed.on_accepted(make_envelope(make_event(key)))
    feed.flush()
    feed.on_delivered(slow)
    feed.flush()
    assert [record.number for record in feed.find_changed(0)] == [4, 5]


def test_the_last_failed_tries_are_kept_and_all_are_counted() -> None:
    feed, envelope = Feed(2), make_envelope(make_event(0))
    feed.on_accepted(envelope)
    for attempt in range(50):
        feed.on_retrying(envelope, f"try {attempt}")
    feed.flush()
    (record,) = feed.find_changed(0)
    assert (record.tries, record.reason, len(record.failures or ())) == (50, "try 49", MAX_FAILURES)


def test_an_event_is_held_as_it_was_sent() -> None:
    event = make_event(7, name="wéb", when=datetime(2026, 1, 31, 8, tzinfo=UTC))
    feed = Feed(2)
    feed.on_accepted(make_envelope(event))
    feed.flush()
    (record,) = feed.find_changed(0)
    body = orjson.loads(record.body)
    assert body.pop("data") == event.get_data()
    assert body == event.get_attributes() | {"time": "2026-01-31T08:00:00Z"}


def test_a_row_says_what_it_is_about_in_either_format() -> None:
    event = make_event(7, name="web-7")
    shown = summarize(event.get_attributes(), event.get_data())
    assert (shown["family"], shown["object"], shown["name"]) == ("Vm", "VirtualMachine:vm-7", "web-7")
    assert (shown["user"], shown["message"]) == ("administrator@vsphere.local", "web-7 on esx-1 in DC0 is powered on")
    veba = {
        "UserName": "root",
        "FullFormattedMessage": "made",
        "Vm": {"Name": "web-7", "Vm": {"Type": "VirtualMachine", "Value": "vm-7"}},
    }
    shown = summarize(event.get_attributes(), veba)
    assert (shown["name"], shown["user"], shown["message"]) == ("web-7", "root", "made")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({}, ""),
        ({"vm": "vm-7"}, ""),
        ({"vm": {"name": "other", "vm": {"value": "vm-8"}}}, ""),
        ({"vm": {"vm": {"value": "vm-7"}, "name": 5}}, ""),
        ({"objectName": "web-7"}, "web-7"),
        (
            {"host": {"name": "esx", "host": {"value": "host-1"}}, "vm": {"name": "web-7", "vm": {"value": "vm-7"}}},
            "web-7",
        ),
    ],
)
def test_an_objects_name_stands_beside_a_reference_to_it(data: dict[str, object], name: str) -> None:
    assert object_name(data, "vm-7") == name


def test_a_row_is_short_whatever_the_event_is() -> None:
    event = make_event(7, name="n" * 60_000, message="m" * 60_000, type="t" * 60_000)
    shown = summarize(event.get_attributes(), event.get_data())
    assert (len(shown["message"]), len(shown["name"]), len(shown["type"])) == (MAX_MESSAGE, MAX_VALUE, MAX_VALUE)
    assert summarize(event.get_attributes(), "no JSON object")["message"] == ""


def test_rates_are_of_the_last_quarter_of_an_hour_by_when_events_were_created() -> None:
    clock = Clock(1_800_000_000.0)
    rates = FamilyHistogram(clock)
    for ago in (0, 1, 600, BIN_SECONDS * BIN_COUNT + 5):
        rates.count("Vm", clock.now - ago, clock.now)
    rates.count("Host", clock.now + 3600, clock.now)  # vCenter's clock is ahead
    assert {round(clock.now - begin, -1): found for begin, found in rates.bins().items()} == {
        0: {"Vm": 1, "Host": 1},
        10: {"Vm": 1},
        600: {"Vm": 1},
    }
    clock.now += 400
    assert [sum(found.values()) for found in rates.bins().values()] == [2, 1]
    assert rates.bins(2) == {}


def test_rates_know_so_many_families_and_no_more() -> None:
    clock = Clock(1_800_000_000.0)
    rates = FamilyHistogram(clock)
    for number in range(MAX_FAMILIES + 10):
        rates.count(f"Family{number}", clock.now, clock.now)
    (found,) = rates.bins().values()
    assert (len(found), found["other"]) == (MAX_FAMILIES + 1, 10)


def test_steps_that_are_over_are_forgotten() -> None:
    clock = Clock(1_800_000_000.0)
    rates = FamilyHistogram(clock)
    for _ in range(10 * BIN_COUNT):
        rates.count("Vm", clock.now, clock.now)
        clock.now += timedelta(seconds=BIN_SECONDS).total_seconds()
    assert len(rates._bins) <= BIN_COUNT
