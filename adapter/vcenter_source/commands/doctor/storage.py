"""What is kept on a disk or in a cluster: dead letters, and the checkpoint. Nothing there is changed."""

import tempfile
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from vcenter_source.commands.doctor.steps import Outcome, failed, in_thread, ok, warning
from vcenter_source.commands.doctor.vcenter import VcenterChecks, ago
from vcenter_source.core.errors import OvertakenError
from vcenter_source.settings.source import Settings
from vcenter_source.settings.state import IN_MEMORY
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore
from vcenter_source.state.dead_letters.folder import DeadLetterFolder

NEARLY = 0.9
"""The part of DEAD_LETTER_MAX_BYTES from which on the folder counts as nearly full."""


async def dead_letters(settings: Settings) -> Outcome:
    """Where events go that the sink will never take."""
    if settings.dead_letters.path is not None:
        return await in_thread(partial(folder_outcome, settings.dead_letters.path, settings.dead_letters.max_bytes))
    if settings.dead_letters.sink is not None:
        return ok("go to DEAD_LETTER_SINK")
    found = "none is set: an event that the sink refuses is held, and in the end holds up the stream"
    return warning(found, "set DEAD_LETTER_SINK or DEAD_LETTER_PATH")


def folder_outcome(path: Path, max_bytes: int) -> Outcome:
    """The state of DEAD_LETTER_PATH, which is made when it is first needed."""
    there = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    objection = unwritable(there)
    if objection:
        return failed(f"{there}: {objection}", "have DEAD_LETTER_PATH name a folder that this user may write to")
    size = sum(file.stat().st_size for file in DeadLetterFolder(path, max_bytes).files())
    found = f"{path} can be written to and holds {size} of at most {max_bytes} bytes"
    if size > NEARLY * max_bytes:
        return warning(found, "run vcenter-source dead-letters replay, or raise DEAD_LETTER_MAX_BYTES", bytes=size)
    if size:
        return warning(found, "vcenter-source dead-letters list shows what was refused, and why", bytes=size)
    return ok(found, bytes=size)


def unwritable(folder: Path) -> str:
    """Why nothing can be kept in this folder; empty where something can. The file has no name, where Linux allows."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"vcenter-source doctor")
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


async def checkpoint_outcome(settings: Settings, store: CheckpointStore, vcenter: VcenterChecks) -> Outcome:
    """What a start would go on from. It is not claimed: that would stop an adapter that is running."""
    address = settings.state.checkpoint
    if address == IN_MEMORY:
        advice = "set CHECKPOINT=file:///path, on a volume that outlives the pod, to go on where a stop left off"
        return warning("memory: is forgotten at a restart, which begins at START_FROM", advice)
    parts = urlsplit(address)
    if parts.scheme == "file":  # whether a ConfigMap may be written shows at the first save alone
        found = await in_thread(partial(file_outcome, Path(parts.path)))
        if found is not None:
            return found
    checkpoint, owner = await in_thread(store.load), await in_thread(partial(owned, store))
    if checkpoint is None:
        return ok(f"{address} is empty, {owner}; a start begins at START_FROM")
    return compared(checkpoint, f"{address}: {told(checkpoint)}, {owner}", vcenter, store.removal_command)


def file_outcome(path: Path) -> Outcome | None:
    """A file that could not be replaced, or is not there yet; None for one that can be read.

    Reading it makes its lock: if the lock were this user's, the adapter's own might be kept out.
    """
    objection = unwritable(path.parent)
    if objection:
        return failed(f"{path.parent}: {objection}", "have CHECKPOINT name a file that this user may replace")
    if any(file.name.startswith(path.name) for file in path.parent.iterdir()):
        return None
    return ok(f"{path} is not there yet; a start begins at START_FROM")


def owned(store: CheckpointStore) -> str:
    """Whether an adapter has it. One that was killed still does; the next to start takes it over."""
    try:
        store.check()
    except OvertakenError as exc:  # its first half says by whom, where the store knows
        return str(exc).partition(";")[0].removeprefix("CHECKPOINT: ")
    return "no adapter has taken it"


def told(checkpoint: Checkpoint) -> str:
    """How far the checkpoint has come."""
    newest = checkpoint.newest
    until = "nothing" if newest is None else f"what was created {ago(newest)}"
    return f"acknowledged up to {until}"


def compared(checkpoint: Checkpoint, found: str, vcenter: VcenterChecks, removal: str) -> Outcome:
    """The checkpoint beside what vCenter has: it may be another's, or reach back further than vCenter's events do."""
    if vcenter.instance_uuid is None:
        return ok(f"{found}; not compared with vCenter")
    if checkpoint.instance_uuid != vcenter.instance_uuid:
        advice = f"set another CHECKPOINT, or have this one begin anew, at START_FROM: {removal}"
        return failed(f"{found}, of another vCenter, with instance uuid {checkpoint.instance_uuid}", advice)
    newest = checkpoint.newest
    if newest and vcenter.oldest and newest < vcenter.oldest:
        advice = "expect a gap event; keep events longer in vCenter (event.maxAge), or have the adapter away for less"
        return warning(f"{found}, and vCenter's oldest event is younger: those between are gone", advice)
    return ok(found)
