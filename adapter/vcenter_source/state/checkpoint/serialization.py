"""What a store with one owner holds, and how that is written down."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import orjson

from vcenter_source.core.event import ClockReading, Identity
from vcenter_source.state.checkpoint import Checkpoint
from vcenter_source.state.checkpoint.ranges import KeyRange

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """The owner, who alone may save, and the checkpoint, None before the first."""

    owner: str
    checkpoint: Checkpoint | None


def serialize(stored: StoredCheckpoint, *, compact: bool = False) -> bytes:
    """Write a stored checkpoint as JSON, readable by people too; in a quarter of the bytes if ``compact``."""
    checkpoint = stored.checkpoint
    fields: dict[str, Any] = {"owner": stored.owner}
    if checkpoint is not None:
        fields["instanceUuid"] = checkpoint.instance_uuid
        fields["last"] = checkpoint.last
        fields["horizon"] = checkpoint.horizon
        named = sorted(checkpoint.acknowledged, key=lambda identity: identity[1])
        fields["acknowledged"] = pack_identities(named) if compact and named else named
        if checkpoint.ranges is not None:
            ends = [end for each in checkpoint.ranges for end in each]
            fields["ranges"] = pack_identities(ends) if compact and ends else ends
            fields["rangesAfter"] = checkpoint.ranges_after
        if checkpoint.read_from is not None:
            fields["readFrom"] = checkpoint.read_from
        if checkpoint.clock is not None:
            fields["clock"] = {"vcenter": checkpoint.clock.vcenter, "ours": checkpoint.clock.ours}
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE)


def deserialize(content: bytes | str) -> StoredCheckpoint:
    """Reverse ``serialize``. Raises ValueError, KeyError or TypeError for anything else."""
    fields = orjson.loads(content)
    owner = str(fields["owner"])
    if "instanceUuid" not in fields:
        return StoredCheckpoint(owner, None)
    last, clock = fields["last"], fields.get("clock")
    checkpoint = Checkpoint(
        str(fields["instanceUuid"]),
        None if last is None else parse_identity(last),
        frozenset(parse_identities(fields["acknowledged"])),
        parse_time(fields["horizon"]),
        parse_time(fields.get("readFrom")),  # a checkpoint of 0.1 has neither this nor the next
        clock and ClockReading(datetime.fromisoformat(clock["vcenter"]), datetime.fromisoformat(clock["ours"])),
        parse_ranges(fields["ranges"]) if "ranges" in fields else None,
        parse_time(fields.get("rangesAfter")),
    )
    return StoredCheckpoint(owner, checkpoint)


def parse_time(text: str | None) -> datetime | None:
    """Read an ISO time from JSON; None stays None."""
    return None if text is None else datetime.fromisoformat(text)


def parse_identity(pair: list[object]) -> Identity:
    """Read ``[key, created]`` from JSON."""
    key, created = pair
    if not isinstance(key, int):
        raise TypeError(f"{key!r} is not an event key")
    return key, datetime.fromisoformat(str(created))


def pack_identities(identities: list[Identity]) -> dict[str, Any]:
    """Write the first identity, and the steps from each to the next: the key's, the microseconds of ``created``.

    A step takes some ten bytes, an identity forty. One ConfigMap, of 1 MiB at most, holds those of many vCenters.
    """
    steps: list[int] = []
    for (key, created), (next_key, next_created) in pairwise(identities):
        steps += next_key - key, (next_created - created) // MICROSECOND
    return {"from": identities[0], "steps": steps}


def parse_ranges(written: Any) -> tuple[KeyRange, ...]:
    """Read ranges from JSON: the first event of each and its last, in turn. Raises as below."""
    ends = parse_identities(written)
    return tuple(KeyRange(first, last) for first, last in zip(ends[::2], ends[1::2], strict=True))


def parse_identities(written: Any) -> list[Identity]:
    """Read identities from JSON, packed or a list of pairs. Raises ValueError, KeyError or TypeError."""
    if not isinstance(written, dict):
        return list(map(parse_identity, written))
    try:
        return list(unpack_identities(parse_identity(written["from"]), written["steps"]))
    except OverflowError as exc:
        raise ValueError(f"a step leads out of time: {exc}") from exc


def unpack_identities(first: Identity, steps: list[int]) -> Iterable[Identity]:
    """Reverse ``pack_identities``. Raises ValueError, TypeError or OverflowError for anything else."""
    key, created = first
    yield first
    for step, microseconds in zip(steps[::2], steps[1::2], strict=True):
        key, created = key + step, created + microseconds * MICROSECOND
        if not isinstance(key, int):
            raise TypeError(f"{key!r} is not an event key")
        yield key, created
