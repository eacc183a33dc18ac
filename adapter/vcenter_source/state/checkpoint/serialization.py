"""What a store that has one owner holds, and how it is written down."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from vcenter_source.core.event import ClockReading, Identity
from vcenter_source.state.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Record:
    """What a store holds: who saves to it, and the checkpoint, None before the first."""

    owner: str
    checkpoint: Checkpoint | None


def serialise(record: Record) -> bytes:
    """The record as JSON, readable by people too."""
    checkpoint = record.checkpoint
    fields: dict[str, Any] = {"owner": record.owner}
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


def parse(content: bytes) -> Record:
    """The reverse of ``serialise``. Raises ValueError, KeyError or TypeError for anything else."""
    fields = orjson.loads(content)
    owner = str(fields["owner"])
    if "instanceUuid" not in fields:
        return Record(owner, None)
    last, clock = fields["last"], fields.get("clock")
    checkpoint = Checkpoint(
        str(fields["instanceUuid"]),
        None if last is None else identity(last),
        frozenset(map(identity, fields["acknowledged"])),
        moment(fields["horizon"]),
        moment(fields.get("readFrom")),  # this and the next are not in a checkpoint of 0.1
        clock and ClockReading(datetime.fromisoformat(clock["vcenter"]), datetime.fromisoformat(clock["ours"])),
    )
    return Record(owner, checkpoint)


def moment(written: str | None) -> datetime | None:
    """A time from JSON, where there is one."""
    return None if written is None else datetime.fromisoformat(written)


def identity(pair: list[object]) -> Identity:
    """``[key, created]`` from JSON."""
    key, created = pair
    if not isinstance(key, int):
        raise TypeError(f"{key!r} is no event key")
    return key, datetime.fromisoformat(str(created))
