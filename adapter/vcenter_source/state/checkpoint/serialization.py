"""What a store with one owner holds, and how that is written down."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from vcenter_source.core.event import ClockReading, Identity
from vcenter_source.state.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """The owner, who alone may save, and the checkpoint, None before the first."""

    owner: str
    checkpoint: Checkpoint | None


def serialize(stored: StoredCheckpoint) -> bytes:
    """Write a stored checkpoint as JSON, readable by people too."""
    checkpoint = stored.checkpoint
    fields: dict[str, Any] = {"owner": stored.owner}
    if checkpoint is not None:
        fields["instanceUuid"] = checkpoint.instance_uuid
        fields["last"] = checkpoint.last
        fields["horizon"] = checkpoint.horizon
        fields["acknowledged"] = sorted(checkpoint.acknowledged, key=lambda identity: identity[1])
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
        frozenset(map(parse_identity, fields["acknowledged"])),
        parse_time(fields["horizon"]),
        parse_time(fields.get("readFrom")),  # a checkpoint of 0.1 has neither this nor the next
        clock and ClockReading(datetime.fromisoformat(clock["vcenter"]), datetime.fromisoformat(clock["ours"])),
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
