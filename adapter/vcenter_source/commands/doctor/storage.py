"""What is stored on a disk or in a cluster: dead letters and the checkpoint. Nothing there is changed."""

import tempfile
from functools import partial
from pathlib import Path

from vcenter_source.commands.doctor.checks import CheckResult, failure, ok, run_in_thread, warning
from vcenter_source.commands.doctor.vcenter import VcenterChecks, format_age
from vcenter_source.core.errors import OvertakenError
from vcenter_source.settings.source import Settings
from vcenter_source.settings.state import IN_MEMORY
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore
from vcenter_source.state.checkpoint.file import FileStore
from vcenter_source.state.dead_letters.folder import DeadLetterFolder

NEARLY_FULL = 0.9
"""The share of DEAD_LETTER_MAX_BYTES from which the folder counts as nearly full."""


async def check_dead_letters(settings: Settings) -> CheckResult:
    """Check where events go that the sink refuses for good."""
    if settings.dead_letters.path is not None:
        return await run_in_thread(partial(check_folder, settings.dead_letters.path, settings.dead_letters.max_bytes))
    if settings.dead_letters.sink is not None:
        return ok("go to DEAD_LETTER_SINK")
    message = "not configured: an event that the sink refuses is retried for ever, and in the end holds up the stream"
    return warning(message, "set DEAD_LETTER_SINK or DEAD_LETTER_PATH")


def check_folder(path: Path, max_bytes: int) -> CheckResult:
    """Check DEAD_LETTER_PATH, which the adapter makes when it first needs it."""
    existing = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    problem = try_write(existing)
    if problem:
        return failure(f"{existing}: {problem}", "set DEAD_LETTER_PATH to a folder that this user may write to")
    size = sum(file.stat().st_size for file in DeadLetterFolder(path, max_bytes).list_files())
    message = f"{path} can be written to and holds {size} of at most {max_bytes} bytes"
    if size > NEARLY_FULL * max_bytes:
        return warning(message, "run vcenter-source dead-letters replay, or raise DEAD_LETTER_MAX_BYTES", bytes=size)
    if size:
        return warning(message, "vcenter-source dead-letters list shows the refused events and the reasons", bytes=size)
    return ok(message, bytes=size)


def try_write(folder: Path) -> str:
    """Write a file to a folder; return the reason of a failure, empty for none. The file has no name on Linux."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"vcenter-source doctor")
    except OSError as exc:
        return exc.strerror or str(exc)
    return ""


async def check_checkpoint(settings: Settings, store: CheckpointStore, vcenter: VcenterChecks) -> CheckResult:
    """Check what a start would resume from. The checkpoint is not claimed: that would stop a running adapter."""
    address = settings.state.checkpoint
    if address == IN_MEMORY:
        advice = "to resume after a restart, set CHECKPOINT=file:///path on a volume that outlives the pod"
        return warning("memory: is lost at a restart; the adapter begins at START_FROM then", advice)
    if isinstance(store, FileStore):  # whether a ConfigMap may be written shows only at the first save
        address = f"file://{store.path}"
        result = await run_in_thread(partial(check_file, store.path))
        if result is not None:
            return result
    checkpoint, owner = await run_in_thread(store.load), await run_in_thread(partial(describe_owner, store))
    if checkpoint is None:
        return ok(f"{address} is empty, {owner}; a start begins at START_FROM")
    message = f"{address}: {describe_progress(checkpoint)}, {owner}"
    return compare_with_vcenter(checkpoint, message, vcenter, store.removal_command)


def check_file(path: Path) -> CheckResult | None:
    """Check whether a file can be replaced; None for one that exists and is to be read.

    A file that does not exist is not read: that would make its lock as this user, and might lock the adapter out.
    """
    problem = try_write(path.parent)
    if problem:
        return failure(f"{path.parent}: {problem}", "set CHECKPOINT to a file that this user may replace")
    if any(file.name.startswith(path.name) for file in path.parent.iterdir()):
        return None
    return ok(f"{path} does not exist yet; a start begins at START_FROM")


def describe_owner(store: CheckpointStore) -> str:
    """Say which adapter owns the checkpoint. One that was killed still does, until the next one starts."""
    try:
        store.check()
    except OvertakenError as exc:  # its first half says by whom, where the store knows
        return str(exc).partition(";")[0].removeprefix("CHECKPOINT: ")
    return "not owned by an adapter"


def describe_progress(checkpoint: Checkpoint) -> str:
    """Say how far events are acknowledged."""
    newest = checkpoint.newest
    return "nothing acknowledged" if newest is None else f"acknowledged up to events created {format_age(newest)}"


def compare_with_vcenter(checkpoint: Checkpoint, message: str, vcenter: VcenterChecks, removal: str) -> CheckResult:
    """Compare the checkpoint with vCenter: it may be another vCenter's, or older than all events that are left."""
    if vcenter.instance_uuid is None:
        return ok(f"{message}; not compared with vCenter")
    if checkpoint.instance_uuid != vcenter.instance_uuid:
        advice = f"set another CHECKPOINT, or remove this one to begin at START_FROM: {removal}"
        return failure(f"{message}, of another vCenter, with instance uuid {checkpoint.instance_uuid}", advice)
    newest = checkpoint.newest
    if newest and vcenter.oldest and newest < vcenter.oldest:
        advice = (
            "expect a gap event; keep events longer in vCenter (event.maxAge), or stop the adapter for shorter times"
        )
        return warning(f"{message}, but vCenter's oldest event is younger: the events in between are gone", advice)
    return ok(message)
