"""The ledger's one invariant, and a file that survives whatever happens to it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapter.checkpoint import KEYS, Checkpoint, Identity, Ledger
from adapter.checkpoint.file import FileStore
from adapter.errors import RetryableError

NOW = datetime(2026, 1, 31, 8, tzinfo=UTC)
UUID = "0000-1111"


def at(seconds: int, key: int) -> Identity:
    return key, NOW + timedelta(seconds=seconds)


@given(order=st.permutations(range(12)), count=st.integers(0, 12))
def test_a_checkpoint_covers_exactly_what_was_acknowledged(order: list[int], count: int) -> None:
    ledger = Ledger(UUID, None)
    identities = [at(n, n) for n in range(12)]
    entries = [ledger.read(identity) for identity in identities]
    for n in order[:count]:
        ledger.acknowledge(entries[n])
    checkpoint = ledger.checkpoint()
    covered = {n for n in range(12) if checkpoint is not None and checkpoint.covers(identities[n])}
    contiguous = next((n for n in range(12) if n not in order[:count]), 12)
    # Before the very first event is acknowledged there is no place to keep; nothing else may be forgotten.
    assert covered == (set(order[:count]) if contiguous else set())


def test_what_an_earlier_process_acknowledged_beyond_its_place_stays_acknowledged() -> None:
    earlier = Checkpoint(UUID, at(1, 1), frozenset({at(3, 3)}))
    ledger = Ledger(UUID, earlier)
    second = ledger.read(at(2, 2))
    assert ledger.checkpoint() == earlier
    ledger.acknowledge(second)
    assert ledger.checkpoint() == Checkpoint(UUID, at(2, 2), frozenset({at(3, 3)}))


def test_keys_that_wrap_around_are_still_in_order() -> None:
    checkpoint = Checkpoint(UUID, at(10, -KEYS // 2 + 5))
    assert checkpoint.covers(at(9, KEYS // 2 - 1))
    assert not checkpoint.covers(at(10, -KEYS // 2 + 6))


def test_keys_that_were_rewound_by_a_restore_are_new_events() -> None:
    assert not Checkpoint(UUID, at(10, 5_000)).covers(at(11, 20))


@given(
    key=st.integers(-(2**31), 2**31 - 1),
    beyond=st.sets(st.tuples(st.integers(-(2**31), 2**31 - 1), st.datetimes(timezones=st.just(UTC))), max_size=5),
)
def test_a_saved_checkpoint_is_the_one_loaded(
    tmp_path_factory: pytest.TempPathFactory, key: int, beyond: set[Identity]
) -> None:
    store = FileStore(tmp_path_factory.mktemp("checkpoint") / "checkpoint.json")
    checkpoint = Checkpoint(UUID, (key, NOW), frozenset(beyond))
    store.save(checkpoint)
    assert store.load() == checkpoint


def test_without_a_file_there_is_no_checkpoint(tmp_path: Path) -> None:
    assert FileStore(tmp_path / "checkpoint.json").load() is None


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"instanceUuid": "x"}', b'{"instanceUuid":"x","last":[1],"beyond":[]}']
)
def test_a_torn_file_gives_way_to_the_one_before_it(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "checkpoint.json"
    store = FileStore(path)
    store.save(Checkpoint(UUID, at(1, 1)))
    store.save(Checkpoint(UUID, at(2, 2)))
    path.write_bytes(damage)
    assert store.load() == Checkpoint(UUID, at(1, 1))


def test_a_store_out_of_reach_is_a_failure_that_may_pass(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "missing" / "checkpoint.json")
    with pytest.raises(RetryableError, match=r"CHECKPOINT: cannot write .*No such file"):
        store.save(Checkpoint(UUID, at(1, 1)))
