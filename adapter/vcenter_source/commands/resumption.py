"""Where the pipeline of one of several vCenters begins: at its own checkpoint, or at one kept under an earlier name.

The checkpoint of an adapter with one vCenter is carried over in the same way as that of a vCenter that was renamed. The
adapter that wrote it may still deliver, so this one waits for the Lease of that name first. An adapter with one vCenter
knows nothing of other names, so its Lease is kept then: another one that stands by must not go on from its checkpoint.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import structlog

from vcenter_source.commands.leadership import KeptLease, hold
from vcenter_source.commands.pipeline import Pipeline, load_own_checkpoint
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.threads import run_to_completion
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.settings.state import StateSettings
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore, NamedCheckpoint
from vcenter_source.state.lease import do_nothing
from vcenter_source.vcenter.client import About
from vcenter_source.wiring import build_lease

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Resumption:
    """Finds the checkpoints of several vCenters. ``list_names`` returns the names in VCENTERS_FILE, in its order.

    ``wait_for_end`` waits until this process has stopped reading a vCenter that is gone from the file.
    ``lease_of_one`` is the Lease of an adapter with one vCenter; None if LEASE is not set.
    """

    settings: StateSettings
    build_store: Callable[[str | None], CheckpointStore]
    list_names: Callable[[], Sequence[str]]
    wait_for_end: Callable[[str], Awaitable[None]]
    lease_of_one: KeptLease | None = None
    _names: dict[str, str] = field(default_factory=dict)
    """By instance uuid: what the vCenters are called that this process has read."""

    async def resume(self, pipeline: Pipeline, about: About) -> Checkpoint | None:
        """Return the checkpoint to begin at. Raises ConfigurationError if another entry is the same vCenter."""
        name = pipeline.entry.vcenter.name
        checkpoint = await load_own_checkpoint(pipeline, about)
        others = [
            other
            for other in await run_to_completion(pipeline.store.list_others)
            if other.checkpoint.instance_uuid == about.instance_uuid
        ]
        self._check_unique(name, about, checkpoint, others)
        listed = self.list_names()
        others = [other for other in others if other.name not in listed]
        self._names[about.instance_uuid] = name
        earlier = max(others, key=lambda other: newest_of(other.checkpoint), default=None)
        if earlier is None or (checkpoint is not None and is_ahead(checkpoint, earlier)):
            return checkpoint
        return await self._carry_over(earlier, pipeline)

    def _check_unique(
        self, name: str, about: About, checkpoint: Checkpoint | None, others: Sequence[NamedCheckpoint]
    ) -> None:
        """Refuse a vCenter that another entry names too. If both have a checkpoint, the first in the file goes on."""
        listed = list(self.list_names())
        kept = [other.name for other in others if other.name in listed]
        if checkpoint is not None:
            kept = [other for other in kept if other and listed.index(other) < listed.index(name)]
        running = self._names.get(about.instance_uuid, name)
        twins = kept or [each for each in [running] if each != name and each in listed]
        if twins:
            raise ConfigurationError(
                f"VCENTERS_FILE: {twins[0]} and {name} are one vCenter, with instance uuid {about.instance_uuid}; "
                "remove one of them"
            )

    async def _carry_over(self, earlier: NamedCheckpoint, pipeline: Pipeline) -> Checkpoint:
        """Make an earlier checkpoint this vCenter's own, once nobody delivers under the earlier name."""
        known_as = earlier.name or "the vCenter of VCENTER_URL"
        log.info("waiting until no adapter reads it under its earlier name", known_as=known_as)
        waiting = standby(pipeline.status, f"waits until no adapter reads it as {known_as} any more")
        with waiting:
            async with self._hold_earlier(earlier.name):
                store = self.build_store(earlier.name)
                checkpoint = await run_to_completion(store.load) or earlier.checkpoint
                await run_to_completion(store.claim)  # who would still save there notices, and stops
                await run_to_completion(pipeline.store.claim)
                await run_to_completion(lambda: pipeline.store.save(checkpoint))
        log.info("checkpoint carried over", kept_for=known_as)
        return checkpoint

    @asynccontextmanager
    async def _hold_earlier(self, name: str | None) -> AsyncIterator[None]:
        if name is not None:
            await self.wait_for_end(name)
        if self.lease_of_one is None:
            yield
        elif name is None:
            await self.lease_of_one.take()
            yield
        elif (lease := build_lease(self.settings, name)) is not None:
            async with hold(lease, do_nothing):
                yield


@contextmanager
def standby(status: PipelineStatus, reason: str) -> Iterator[None]:
    """Show as a standby, for a reason, until the block ends."""
    status.standby_reason = reason
    try:
        yield
    finally:
        status.standby_reason = ""


def is_ahead(checkpoint: Checkpoint, earlier: NamedCheckpoint) -> bool:
    """Return whether to begin at a checkpoint, and not at one under another name.

    Two that say the same were just carried over. An adapter that still has a file with the earlier name must not go on
    there, so it finds the other one, and waits for its Lease. An adapter with one vCenter is kept out by its Lease.
    """
    own, other = newest_of(checkpoint), newest_of(earlier.checkpoint)
    return own > other or (own == other and earlier.name is None)


def newest_of(checkpoint: Checkpoint) -> datetime:
    """Return the created time up to which events were read: of two checkpoints of a vCenter, the later says more."""
    return checkpoint.newest or datetime.min.replace(tzinfo=UTC)
