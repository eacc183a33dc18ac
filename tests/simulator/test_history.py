"""The event history and its collectors, without a wire and with a clock of the test's own."""

import json
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from vcenter_simulator.changes import Changes
from vcenter_simulator.events import Events
from vcenter_simulator.history import Body, Cursor, EventFilter, History
from vcenter_simulator.inventory import Inventory
from vcenter_simulator.journal import Journal
from vcenter_simulator.vmomi import vim

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def body(name: str) -> Body:
    return Body(
        name, "<userName>me</userName>", ',"userName":"me"}', frozenset({name}), frozenset({name, "Event"}), user="me"
    )


A, B = body("A"), body("B")


def history_of(*names: str) -> History:
    history = History(lambda: NOON)
    for name in names:
        history.post({"A": A, "B": B}[name])
    return history


def test_times_differ_though_the_clock_stands_still() -> None:
    history = history_of(*"ABAB")
    assert [record.created - NOON for record in history.after(0)] == [timedelta(microseconds=n) for n in range(4)]


def test_an_event_is_never_dated_before_the_one_before_it() -> None:
    history = history_of("A")
    assert history.post(A, created=NOON - timedelta(days=1)).created > NOON


def test_a_clock_that_is_set_back_dates_events_before_older_ones_and_readers_still_get_each_once() -> None:
    history = history_of(*"AA")
    cursor, late = Cursor(history), Cursor(history, EventFilter(begin=NOON))
    assert len(cursor.read_next(10)) == 2
    history.step_clock(-60)
    assert history.now() == NOON - timedelta(minutes=1)
    assert history.post(A).created == NOON - timedelta(minutes=1)
    assert [record.key for record in cursor.read_next(10)] == [3]
    assert [record.key for record in late.read_next(10)] == [1, 2]
    begin = EventFilter(begin=NOON - timedelta(seconds=90))
    assert [record.key for record in Cursor(history, begin).read_next(10)] == [1, 2, 3]


def test_a_journal_holds_the_history_whatever_is_torn_off_it(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    history = History(lambda: NOON)
    Journal(path, "first").restore(history)
    for key in (1, 2, 70):
        history.rewind_keys(key)
        history.post(A, hidden=key == 2)
    history.purge(2)
    with path.open("ab") as file:
        file.write(b'{"change":"pos')
    for _ in range(2):
        again, journal = History(lambda: NOON), Journal(path, "second")
        journal.restore(again)
        assert journal.instance_uuid == "first"
        assert list(map(astuple, again.after(0))) == list(map(astuple, history.after(0)))
        assert (again.first, again.next_key) == (1, 71)
    assert again.post(A).created > NOON


def test_a_journal_from_before_json_gets_its_json_from_the_xml(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    event = vim.event.GeneralUserEvent(message='"hello"', fullFormattedMessage="User: <hello>")
    events = Events(Inventory(), Changes())
    Journal(path, "first").restore(events.history)
    events.post(event, "me")
    header, posted = (json.loads(line) for line in path.read_bytes().splitlines())
    del posted["value"]["body"]["json_tail"]
    path.write_text(f"{json.dumps(header)}\n{json.dumps(posted)}\n")
    again = History()
    Journal(path, "second").restore(again)
    assert [record.json() for record in again.after(0)] == [record.json() for record in events.history.after(0)]


def test_an_event_on_the_wire() -> None:
    record = history_of("A").newest()
    assert record is not None
    assert record.xml("returnval") == (
        '<returnval xsi:type="A"><key>1</key><chainId>1</chainId><createdTime>2026-11-22T12:00:00.000000Z</createdTime>'
        "<userName>me</userName></returnval>"
    )
    assert record.json() == (
        '{"_typeName":"A","key":1,"chainId":1,"createdTime":"2026-11-22T12:00:00.000000Z","userName":"me"}'
    )


def test_the_latest_page_is_filtered_once() -> None:
    history = history_of(*"ABABA")
    cursor = Cursor(history, EventFilter(names=frozenset({"A"})), page_size=2)
    assert [record.key for record in cursor.latest_page()] == [5, 3]
    history.post(B)
    history.post(A)
    assert [record.key for record in cursor.latest_page()] == [7, 5]
    cursor.set_page_size(10)
    assert [record.key for record in cursor.latest_page()] == [7, 5, 3, 1]


def test_a_purge_moves_readers_on_to_what_is_left() -> None:
    history = history_of(*"AAAAA")
    cursor = Cursor(history)
    cursor.read_next(1)
    cursor.latest_page()
    history.purge(2)
    assert [record.key for record in cursor.latest_page()] == [5, 4]
    assert [record.key for record in cursor.read_next(10)] == [4, 5]
    assert cursor.read_previous(1)[0].key == 5


def test_what_is_hidden_is_not_the_newest() -> None:
    history = history_of("A")
    history.post(A, hidden=True)
    newest = history.newest()
    assert newest is not None
    assert newest.key == 1


def test_a_collector_begins_at_its_time() -> None:
    history = History(lambda: NOON)
    for hours in range(5):
        history.post(A, created=NOON + timedelta(hours=hours))
    cursor = Cursor(history, EventFilter(begin=NOON + timedelta(hours=3)))
    assert [record.key for record in cursor.read_next(10)] == [4, 5]
    assert cursor.read_previous(10)[-1].key == 4


@given(st.lists(st.one_of(st.sampled_from("AB"), st.integers(1, 4)), max_size=40))
def test_reading_as_events_come_gives_each_match_once_in_order(steps: list[str | int]) -> None:
    history = History(lambda: NOON)
    cursor, seen = Cursor(history, EventFilter(names=frozenset({"A"}))), []
    for step in steps:
        if isinstance(step, int):
            seen += cursor.read_next(step)
        else:
            history.post({"A": A, "B": B}[step])
    seen += cursor.read_next(1000)
    assert seen == [record for record in history.after(0) if record.body is A]
