"""vCenter's clock is set back: it is noticed, and nothing is lost or sent twice for it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.simulator_control import set_fault
from tests.support.vcenter import session
from vcenter_functions.vcenters_file import Protocol
from vcenter_simulator.testing import run_simulator
from vcenter_source.core.errors import ClockSetBackError, KeysRewoundError
from vcenter_source.core.event import ClockReading, Event, Identity, key_step
from vcenter_source.pipeline.cursor import MAX_ABSENCE, OVERLAP, ReadCursor
from vcenter_source.state.checkpoint import REMEMBERED, Checkpoint, OffsetTracker
from vcenter_source.vcenter.client import Vcenter
from vcenter_source.vcenter.clock import ClockMonitor, ClockSample

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def event(key: int, seconds: float) -> Event:
    return Event("VmPoweredOnEvent", key, at(seconds), None, {})


@given(
    key=st.integers(-(2**31), 2**31 - 1),
    step=st.integers(-(2**31) + 1, 2**31 - 1),
)
def test_the_step_between_two_keys_is_told_whether_or_not_they_wrap_around(key: int, step: int) -> None:
    after = (key + step + 2**31) % 2**32 - 2**31
    assert key_step(key, after) == step


@pytest.mark.parametrize("drift", [-0.9, 0.0, 3600.0])
def test_a_clock_that_goes_on_or_is_set_forward_is_none_of_our_business(drift: float) -> None:
    clock = ClockMonitor()
    clock.check(ClockSample(10, at(0), 11))
    clock.check(ClockSample(100, at(90 + drift), 101))


def test_a_clock_that_is_set_back_says_how_early_what_is_new_may_be_dated() -> None:
    clock = ClockMonitor()
    clock.check(ClockSample(10, at(0), 11))
    with pytest.raises(ClockSetBackError, match="set back by 69 s, to") as raised:
        clock.check(ClockSample(100, at(20), 102))
    assert raised.value.earliest == at(20 - 92)
    clock.check(ClockSample(110, at(30), 111))


def test_an_answer_that_is_slow_to_come_is_no_step() -> None:
    clock = ClockMonitor()
    clock.check(ClockSample(0, at(0), 50))
    clock.check(ClockSample(60, at(60), 61))
    clock.check(ClockSample(70, at(70), 130))


def test_it_is_noticed_on_the_way_to_a_wait_and_to_a_collector(protocol: Protocol) -> None:
    async def read() -> None:
        with run_simulator() as simulator:
            vcenter = Vcenter(session(simulator.url, protocol=protocol))
            await vcenter.connect()
            set_back: dict[str, Any] = {"fault": "step-clock", "seconds": -30}
            async with vcenter.reader(None, ()) as reader:
                await asyncio.to_thread(set_fault, simulator, **set_back)
                with pytest.raises(ClockSetBackError, match="set back by 30 s"):
                    await reader.wait(10)
            await asyncio.to_thread(set_fault, simulator, **set_back)
            with pytest.raises(ClockSetBackError, match="set back by 30 s"):
                async with vcenter.reader(None, ()):
                    pass
            await vcenter.close()

    asyncio.run(read())


def test_it_is_noticed_though_no_collector_was_made_since_the_log_in(protocol: Protocol) -> None:
    """In between, the checkpoint is loaded, or waited for while another process has it."""

    async def read() -> None:
        with run_simulator() as simulator:
            vcenter = Vcenter(session(simulator.url, protocol=protocol))
            await vcenter.connect()
            await asyncio.to_thread(set_fault, simulator, fault="step-clock", seconds=-30)
            with pytest.raises(ClockSetBackError, match="set back by 30 s"):
                async with vcenter.reader(None, ()):
                    pass
            await vcenter.close()

    asyncio.run(read())


def shown(position: ReadCursor, stored: list[Event]) -> list[int]:
    """The keys of what a new collector shows and was not read before."""
    begin = position.start_collector()
    page = [each for each in stored if begin is None or each.created >= begin]
    return [each.key for each in position.deduplicate(page) if isinstance(each, Event)]


@pytest.mark.parametrize("back", [5, 30, 90, 3600])
@pytest.mark.parametrize("since", [None, at(100)])
def test_what_was_read_before_is_not_read_again_and_what_is_new_is(back: float, since: datetime | None) -> None:
    old = [event(n, n) for n in range(200)]
    position = ReadCursor(since)
    assert shown(position, old) == list(range(0 if since is None else 100, 200))
    new = [event(200 + n, 200 - back + n) for n in range(50)]
    position.move_back(at(200 - back))
    before = [] if since is None or back < 200 else list(range(100))  # nothing tells them from what is new by now
    assert shown(position, old + new) == before + [each.key for each in new]
    later = [event(250 + n, 250 - back + n) for n in range(200)]
    assert shown(position, old + new + later) == [each.key for each in later]


def test_a_clock_that_is_set_back_again_and_again() -> None:
    stored, position = [event(n, n) for n in range(100)], ReadCursor(None)
    shown(position, stored)
    for times in range(1, 5):
        new = [event(100 * times + n, 100 - 20 * times + n) for n in range(100)]
        position.move_back(at(100 - 20 * times))
        stored += new
        assert shown(position, stored) == [each.key for each in new]


def test_before_anything_was_read_the_clock_alone_says_where_to_begin() -> None:
    position = ReadCursor(at(0))
    position.move_back(at(-3600))
    assert position.start_collector() == at(-3600)


def resumed(last: Identity, horizon: datetime | None, *acknowledged: Identity) -> Checkpoint:
    return Checkpoint("uuid", last, frozenset(acknowledged), horizon)


def test_a_checkpoint_does_not_cover_what_came_after_it_though_dated_before() -> None:
    checkpoint = resumed((100, at(100)), at(50))
    assert checkpoint.covers((50, at(50)))
    assert not checkpoint.covers((101, at(40)))


def test_what_is_on_its_way_after_the_clock_was_set_back_is_not_covered_and_what_was_acknowledged_is() -> None:
    tracker = OffsetTracker("uuid", None)
    old = [event(n, n).identity for n in range(2 * REMEMBERED)]
    for each in old:
        tracker.acknowledge(tracker.track(each))
    new = [event(len(old) + n, n).identity for n in range(20)]
    entries = [tracker.track(each) for each in new]
    for entry in entries[:5]:
        tracker.acknowledge(entry)
    checkpoint = tracker.to_checkpoint()
    assert checkpoint is not None
    assert all(map(checkpoint.covers, old[:5] + old[-200:] + new[:5]))
    assert not any(map(checkpoint.covers, new[5:]))
    assert checkpoint.horizon == at(4), "what is dated later may have been stored since"


def kept(clock: ClockReading | None, read_from: datetime | None = None) -> Checkpoint:
    """After 200 events, a second apart; the last 49 are named."""
    named = frozenset(event(n, n).identity for n in range(151, 200))
    return Checkpoint("uuid", event(199, 199).identity, named, at(150), read_from, clock)


@pytest.mark.parametrize("first", [200, 20], ids=["keys go on", "keys are rewound"])
@pytest.mark.parametrize("back", [20, 120, 3600])
def test_a_clock_that_was_set_back_while_nobody_read(first: int, back: int) -> None:
    """What the checkpoint names is not read again, what its time and key would tell is, and nothing new is left out."""
    old = [event(n, n) for n in range(200)]
    new = [event(first + n, 210.5 - back + n) for n in range(300)]
    position = ReadCursor(at(-3300), kept(ClockReading(at(200), at(200))))
    position.detect_clock_set_back(ClockReading(at(510 - back), at(510)))
    assert shown(position, old + new) == [*range(151), *(each.key for each in new)]


def test_a_set_back_that_was_noticed_at_the_start_is_kept_though_the_clock_is_set_forward_again_then() -> None:
    """The process that noticed it ends in the middle of what came meanwhile."""
    older = kept(ClockReading(at(200), at(200)))
    tracker = OffsetTracker("uuid", older)
    start = ClockReading(at(-3000), at(600))
    tracker.begin(start, ReadCursor(None, older).detect_clock_set_back(start))
    tracker.acknowledge(tracker.track(event(200, 200).identity))
    position = ReadCursor(None, tracker.to_checkpoint())
    assert not position.detect_clock_set_back(ClockReading(at(700), at(700)))
    new = [event(201 + n, n - 3400) for n in range(100)]
    assert shown(position, new) == [each.key for each in new]


def test_a_checkpoint_that_does_not_tell_the_time_is_older_than_a_day_at_most() -> None:
    position = ReadCursor(None, kept(None))
    position.detect_clock_set_back(ClockReading(at(200), at(200)))
    assert position.start_collector() == at(199) - OVERLAP
    position.detect_clock_set_back(ClockReading(at(198), at(200)))
    assert position.start_collector() == at(198) - MAX_ABSENCE - OVERLAP


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_of_ours_that_is_far_off_tells_nothing(hours: int) -> None:
    ours = at(0) - timedelta(days=9999)
    position = ReadCursor(None, kept(ClockReading(at(200), ours)))
    assert not position.detect_clock_set_back(ClockReading(at(201), ours + timedelta(hours=hours)))
    assert position.start_collector() == at(199) - OVERLAP


def test_a_clock_that_goes_on_while_nobody_read_costs_nothing() -> None:
    position = ReadCursor(at(300), kept(ClockReading(at(190), at(-50))))
    position.detect_clock_set_back(ClockReading(at(300), at(60)))
    assert position.start_collector() == at(199) - OVERLAP
    position.detect_clock_set_back(ClockReading(at(195), at(-45)))  # behind an event: one host's clock is ahead
    assert position.start_collector() == at(195) - OVERLAP
    assert shown(position, [event(n, n) for n in range(201)]) == [200]


def test_reading_begins_where_the_clock_was_set_back_until_all_since_is_acknowledged() -> None:
    tracker = OffsetTracker("uuid", None)
    entries = [tracker.track(event(n, n).identity) for n in range(3)]
    tracker.note_clock_set_back(at(-3600))
    entries += [tracker.track(event(3 + n, 100 + n).identity) for n in range(2)]  # a backlog of before
    tracker.mark_caught_up(ClockReading(at(-3500), at(0)))
    for entry in entries[:-1]:
        tracker.acknowledge(entry)
    waiting = tracker.to_checkpoint()
    tracker.acknowledge(entries[-1])
    settled = tracker.to_checkpoint()
    assert waiting
    assert (waiting.newest, waiting.last) == (at(-3600), entries[3].identity)
    assert settled
    assert (settled.newest, settled.last) == (at(-3500), entries[4].identity)
    tracker.acknowledge(tracker.track(event(9, -3400).identity))
    tracker.mark_caught_up(ClockReading(at(-3390), at(110)))
    later = tracker.to_checkpoint()
    assert later
    assert (later.newest, later.read_from) == (at(-3400), None)


def test_a_process_that_resumes_reads_on_from_the_set_back_wherever_its_collector_is_lost() -> None:
    """Time has passed, so that what is dated before the set-back, and named no more, is not ahead of the clock."""
    old, new = [event(n, n) for n in range(1000)], [event(1000 + n, n + 0.5) for n in range(2000)]
    named = frozenset(each.identity for each in old[-REMEMBERED:])
    kept = Checkpoint("uuid", old[-1].identity, named, at(0), at(0), ClockReading(at(0), at(1000)))
    position = ReadCursor(None, kept, clock=lambda: at(2000))
    assert not position.detect_clock_set_back(ClockReading(at(2000), at(3000)))
    before = len(old) - REMEMBERED - 1  # read again
    assert len(shown(position, [*old, *new[:100]])) == before + 100
    assert shown(position, [*old, *new]) == [each.key for each in new[100:]]


def test_where_reading_has_caught_up_says_nothing_of_what_is_acknowledged_after_it() -> None:
    tracker = OffsetTracker("uuid", None)
    identities = [event(n, n).identity for n in range(3 * REMEMBERED)]
    for n, identity in enumerate(identities):
        if n == REMEMBERED:
            tracker.mark_caught_up(ClockReading(at(n), at(n)))
        tracker.acknowledge(tracker.track(identity))
    busy = tracker.to_checkpoint()
    assert busy
    assert busy.read_from is None
    assert all(map(busy.covers, identities))


def test_keys_that_were_rewound_while_nobody_read_make_names_alone_count() -> None:
    """An event stored late has a key and a time as if it had been read; the next one shows that it has not."""
    position = ReadCursor(None, kept(ClockReading(at(200), at(200))))
    position.detect_clock_set_back(ClockReading(at(300), at(300)))
    old, late, new = [event(n, n) for n in range(200)], event(50, 140.5), event(51, 250)
    position.start_collector()
    with pytest.raises(KeysRewoundError):
        list(position.deduplicate([*old[:141], late, *old[141:], new]))
    assert late.key in shown(position, [*old[:141], late, *old[141:], new])


def test_a_host_whose_clock_is_ahead_does_not_hide_what_comes_next() -> None:
    position = ReadCursor(None, clock=lambda: at(6))
    assert shown(position, [event(1, 1), event(2, 3600)]) == [1, 2]
    assert shown(position, [event(1, 1), event(3, 6), event(2, 3600)]) == [3]


def test_what_is_read_again_dated_ahead_of_the_clock_does_not_cover_what_is_stored_next() -> None:
    """The clock was set back, a new process reads again what is dated later, and ends before it has caught up.

    Then keys go back, so that what is stored next has a key and a date as if it had been read.
    """
    older = resumed(event(300, 0).identity, at(-1))
    position, tracker = ReadCursor(None, older, clock=lambda: at(0.5)), OffsetTracker("uuid", older)
    position.start_collector()
    for each in position.deduplicate([event(n, n) for n in range(1, 300)]):
        assert isinstance(each, Event)
        if each.identity != position.last:
            tracker.note_ahead(each.identity)
        tracker.acknowledge(tracker.track(each.identity))
    kept = tracker.to_checkpoint()
    assert kept
    assert (kept.last, kept.horizon) == (older.last, at(0))
    assert not kept.covers((2, at(2.5)))


def test_before_anything_else_what_is_dated_ahead_of_the_clock_is_named_and_covers_nothing() -> None:
    tracker = OffsetTracker("uuid", None)
    for n in range(2 * REMEMBERED):
        tracker.note_ahead((n, at(n)))
        tracker.acknowledge(tracker.track((n, at(n))))
    kept = tracker.to_checkpoint()
    assert kept
    assert (kept.last, kept.horizon, len(kept.acknowledged)) == (None, None, REMEMBERED)


def test_what_is_shown_after_the_last_event_was_stored_after_it_whatever_its_key_and_date_are() -> None:
    """The clock went back by a second while nobody read, which nobody notices, and keys went back as well."""
    position = ReadCursor(None, kept(ClockReading(at(200), at(200))))
    assert not position.detect_clock_set_back(ClockReading(at(200), at(201)))
    old = [event(n, n) for n in range(200)]
    assert shown(position, [*old, event(20, 149.5)]) == [20]
    again = ReadCursor(None, kept(ClockReading(at(200), at(200))))
    unread = event(160, 160.5)  # in the middle of what was read
    assert shown(again, [*old[:161], unread, *old[161:], event(20, 149.5)]) == [160, 20]


def test_unwanted_events_of_the_same_instant_as_the_last_one_are_no_sign_of_rewound_keys() -> None:
    """They are neither named nor covered. It would cost duplicates of all that time alone tells."""
    position = ReadCursor(None, resumed(event(9, 5).identity, at(4), event(9, 5).identity))
    stored = [*(event(n, n) for n in range(5)), event(7, 5), event(8, 5), event(9, 5), event(10, 6)]
    assert shown(position, stored) == [7, 8, 10]


def test_a_long_backlog_after_a_resume_is_read_on_wherever_the_collector_is_lost() -> None:
    """START_FROM=now is of no account where there is a checkpoint."""
    stored = [event(n, n) for n in range(1000)]
    position = ReadCursor(at(1000), resumed(stored[9].identity, at(9)))
    begin = position.start_collector()
    page = [each for each in stored if begin is None or each.created >= begin]
    assert [each.key for each in position.deduplicate(page[:500]) if isinstance(each, Event)] == list(range(10, 500))
    assert shown(position, stored) == list(range(500, 1000))


def test_a_checkpoint_tells_how_the_clocks_stood_at_the_start_where_reading_has_not_come_to_its_end() -> None:
    tracker = OffsetTracker("uuid", None)
    tracker.begin(ClockReading(at(0), at(5)), None)
    tracker.acknowledge(tracker.track(event(1, -100).identity))
    kept = tracker.to_checkpoint()
    assert kept
    position = ReadCursor(None, kept)
    assert position.detect_clock_set_back(ClockReading(at(-50), at(65)))
    assert position.start_collector() == at(-110) - OVERLAP
