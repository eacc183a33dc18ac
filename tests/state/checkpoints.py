"""Checkpoints for the tests of stores."""

from datetime import UTC, datetime, timedelta

from vcenter_source.state.checkpoint import Checkpoint

NOW = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


def saved(n: int) -> Checkpoint:
    last = n, NOW + timedelta(seconds=n)
    return Checkpoint("0000-1111", last, frozenset({last}), NOW)
