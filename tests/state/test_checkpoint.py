"""The tracker's one invariant, and a file that survives whatever happens to it and knows its owner."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcenter_source.core.errors import ConfigurationError, OvertakenError, RetryableError
from vcenter_source.core.event import Identity
from vcenter_source.state.checkpoint import REMEMBERED, Checkpoint, OffsetTracker
from vcenter_source.state.checkpoint.file import FileStore
from vcenter_source.state.checkpoint.ranges import KeyRange
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
UUID = "0000-1111"


def at(seconds: float, key: int) -> Identity:
    return key, NOW + timedelta(seconds=seconds)


def saved(seconds: float) -> Checkpoint:
    return Checkpoint(UUID, at(seconds, 1), frozenset({at(seconds, 1)}))


@given(order=st.permutations(range(12)), count=st.integers(0, 12))
def test_a_checkpoint_covers_exactly_what_was_acknowledged(order: list[int], count: int) -> None:
    tracker = OffsetTracker(UUID, None)
    identities = [at(n, n) for n in range(12)]
    entries = [tracker.track(identity) for identity in identities]
    for n in order[:count]:
        tracker.acknowledge(entries[n])
    checkpoint = tracker.to_checkpoint()
    covered = {n for n in range(12) if checkpoint is not None and checkpoint.covers(identities[n])}
    contiguous = next((n for n in range(12) if n not in order[:count]), 12)
    # Before the very first event is acknowledged there is no place to keep; nothing else may be forgotten.
    assert covered == (set(order[:count]) if contiguous else set())


@settings(max_examples=40)  # long ones
@given(
    seconds=st.lists(st.floats(0, 5), min_size=REMEMBERED, max_size=REMEMBERED + 40),
    waiting=st.sets(st.integers(0, REMEMBERED + 39), max_size=5),
)
def test_no_event_on_its_way_is_ever_covered_however_many_are_forgotten(
    seconds: list[float], waiting: set[int]
) -> None:
    tracker = OffsetTracker(UUID, None)
    identities = [at(second, n) for n, second in enumerate(seconds)]
    for n, entry in enumerate([tracker.track(identity) for identity in identities]):
        if n not in waiting:
            tracker.acknowledge(entry)
    checkpoint = tracker.to_checkpoint()
    assert checkpoint is None or not any(checkpoint.covers(identities[n]) for n in waiting if n < len(identities))


def test_a_long_run_is_remembered_by_its_time_and_its_newest_events() -> None:
    tracker = OffsetTracker(UUID, None)
    identities = [at(n, n) for n in range(10 * REMEMBERED)]
    for identity in identities:
        tracker.acknowledge(tracker.track(identity))
    checkpoint = tracker.to_checkpoint()
    assert checkpoint is not None
    assert len(checkpoint.acknowledged) == REMEMBERED
    assert all(map(checkpoint.covers, identities))
    assert not checkpoint.covers(at(10 * REMEMBERED - 1, 99_999)), "stored late, and never read"


def test_where_reading_began_is_kept_before_the_first_event() -> None:
    checkpoint = OffsetTracker(UUID, None, since=NOW).to_checkpoint()
    assert checkpoint is not None
    assert checkpoint.covers(at(-1, 1))
    assert not checkpoint.covers(at(0, 2))


def test_what_an_earlier_process_acknowledged_beyond_its_place_stays_acknowledged() -> None:
    earlier = Checkpoint(UUID, at(1, 1), frozenset({at(1, 1), at(3, 3)}))
    tracker = OffsetTracker(UUID, earlier)
    second = tracker.track(at(2, 2))
    one, three = KeyRange(at(1, 1), at(1, 1)), KeyRange(at(3, 3), at(3, 3))
    assert tracker.to_checkpoint() == replace(earlier, ranges=(one, three))
    tracker.acknowledge(second)
    named = frozenset({at(1, 1), at(2, 2), at(3, 3)})
    two = KeyRange(at(2, 2), at(2, 2))
    assert tracker.to_checkpoint() == Checkpoint(UUID, at(2, 2), named, ranges=(one, three, two))


@given(
    stuck=st.sets(st.integers(0, 40), max_size=6),
    unwanted=st.sets(st.integers(0, 500), max_size=100),
    late=st.sets(st.integers(0, 500), max_size=40),
    restart=st.integers(1, 400),
    ours=st.booleans(),
)
def test_what_was_acknowledged_is_covered_and_a_key_that_no_collector_has_shown_is_not(
    stuck: set[int], unwanted: set[int], late: set[int], restart: int, *, ours: bool
) -> None:
    """After a restart in the middle, also from a checkpoint of a version that knows no ranges."""

    def read(tracker: OffsetTracker, keys: range) -> None:
        entries = {}
        for key in (key for key in keys if key not in late):
            if key in unwanted:
                tracker.skip(at(key, key))
            elif not (checkpoint and checkpoint.covers(at(key, key))):
                entries[key] = tracker.track(at(key, key))
        for key, entry in entries.items():
            if key not in stuck or keys.stop > restart:
                tracker.acknowledge(entry)

    checkpoint = None
    first = OffsetTracker(UUID, None)
    read(first, range(restart))
    checkpoint = first.to_checkpoint()
    if checkpoint and not ours:
        checkpoint = replace(checkpoint, ranges=None, ranges_after=None)
    second = OffsetTracker(UUID, checkpoint)
    read(second, range(1000))
    settled = second.to_checkpoint()
    assert settled
    assert [n for n in range(1000) if n not in late | unwanted and not settled.covers(at(n, n))] == []
    shown = [n for n in late if n < 700 and (ours or n > restart) and settled.covers(at(n - 0.5, n))]
    assert shown == []


def test_a_gap_that_nobody_has_heard_of_holds_the_checkpoint() -> None:
    tracker = OffsetTracker(UUID, None)
    tracker.acknowledge(tracker.track(at(1, 1)))
    gap = tracker.track(None)
    tracker.acknowledge(tracker.track(at(9, 9)))
    assert (held := tracker.to_checkpoint()) is not None
    assert held.last == at(1, 1)
    tracker.acknowledge(gap)
    assert (moved := tracker.to_checkpoint()) is not None
    assert moved.last == at(9, 9)


moments = st.datetimes(timezones=st.just(UTC))
identities = st.tuples(st.integers(-(2**31), 2**31 - 1), moments)


checkpoints = st.builds(
    Checkpoint,
    st.text(max_size=9),
    st.none() | identities,
    st.frozensets(identities, max_size=5),
    st.none() | moments,
    ranges=st.none() | st.lists(st.builds(KeyRange, identities, identities), max_size=5).map(tuple),
    ranges_after=st.just(None),
)


@given(checkpoints)
def test_a_saved_checkpoint_is_the_one_loaded(tmp_path_factory: pytest.TempPathFactory, checkpoint: Checkpoint) -> None:
    store = FileStore(tmp_path_factory.mktemp("checkpoint") / "checkpoint.json")
    store.save(checkpoint)
    assert store.load() == checkpoint


@given(checkpoints)
def test_a_compact_checkpoint_is_the_same(checkpoint: Checkpoint) -> None:
    stored = StoredCheckpoint("x", checkpoint)
    assert deserialize(serialize(stored, compact=True)) == stored == deserialize(serialize(stored))


def test_a_compact_checkpoint_takes_a_quarter_of_the_bytes() -> None:
    named = frozenset(at(n * 1.234567, 1000 + n) for n in range(REMEMBERED))
    stored = StoredCheckpoint("x", Checkpoint(UUID, None, named, NOW))
    assert len(serialize(stored, compact=True)) < len(serialize(stored)) / 3.5


@pytest.mark.parametrize(
    "acknowledged",
    [
        {},
        {"from": None, "steps": []},
        {"from": [1, "2026-01-31T08:00:00Z"]},
        {"from": [1, "2026-01-31T08:00:00Z"], "steps": [1]},
        {"from": [1, "2026-01-31T08:00:00Z"], "steps": ["1", "1"]},
        {"from": [1, "2026-01-31T08:00:00Z"], "steps": [1.5, 1]},
        {"from": [1, "2026-01-31T08:00:00Z"], "steps": [1, 2**62]},
        {"from": [1, "2026-01-31T08:00:00Z"], "steps": 1},
    ],
)
def test_a_damaged_compact_checkpoint_is_refused(acknowledged: object) -> None:
    fields = {"owner": "x", "instanceUuid": "x", "last": None, "horizon": None, "acknowledged": acknowledged}
    with pytest.raises((ValueError, KeyError, TypeError)):
        deserialize(json.dumps(fields))


def test_without_a_file_there_is_no_checkpoint(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "checkpoint.json")
    assert store.load() is None
    store.claim()
    assert store.load() is None


DAMAGE = [
    b"",
    b"{",
    b"[]",
    b"\xff\xfe",
    b'{"owner": "x", "instanceUuid": "x"}',
    b'{"owner":"x","instanceUuid":"x","last":[1],"horizon":null,"acknowledged":[]}',
]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_torn_file_gives_way_to_the_one_before_it(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "checkpoint.json"
    store = FileStore(path)
    store.save(saved(1))
    store.save(saved(2))
    path.write_bytes(damage)
    assert store.load() == saved(1)
    store.claim()
    path.write_bytes(damage)
    assert store.load() == saved(1), "the damaged file took the place of the good one"


def test_two_damaged_files_are_not_passed_over_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.json"
    path.write_bytes(b"{")
    with pytest.raises(ConfigurationError, match=r"are damaged.*remove both"):
        FileStore(path).load()


def test_whoever_claims_a_checkpoint_overtakes_the_one_before(tmp_path: Path) -> None:
    older, newer = FileStore(tmp_path / "checkpoint.json"), FileStore(tmp_path / "checkpoint.json")
    older.claim()
    older.save(saved(1))
    newer.claim()
    assert newer.load() == saved(1)
    with pytest.raises(OvertakenError, match="CHECKPOINT: another adapter"):
        older.check()
    with pytest.raises(OvertakenError, match="CHECKPOINT: another adapter"):
        older.save(saved(2))
    newer.check()
    assert newer.load() == saved(1)


def test_a_store_out_of_reach_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "missing" / "checkpoint.json")
    for use in (store.load, store.claim, store.check, lambda: store.save(saved(1))):
        with pytest.raises(RetryableError, match=r"CHECKPOINT: cannot use .*No such file"):
            use()


def test_events_that_nobody_wants_cost_no_room_and_move_the_place_on() -> None:
    tracker = OffsetTracker(UUID, None)
    tracker.acknowledge(tracker.track(at(0, 0)))
    held = tracker.track(at(1, 1))
    for n in range(2, 100_000):
        tracker.skip(at(n, n))
    waiting = tracker.to_checkpoint()
    assert waiting is not None
    assert (waiting.last, len(waiting.acknowledged), len(tracker._open)) == (at(0, 0), 1, 1)
    tracker.acknowledge(held)
    moved = tracker.to_checkpoint()
    assert moved is not None
    assert (moved.last, len(moved.acknowledged)) == (at(99_999, 99_999), 2)
