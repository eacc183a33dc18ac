"""Saves the offset tracker's checkpoint whenever it has moved."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import KubernetesForbiddenError, OvertakenError, RetryableError
from vcenter_source.core.threads import RunBlocking, run_to_completion
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore, OffsetTracker

log = structlog.get_logger()


class CheckpointCommitter:
    """Saves checkpoints to a store. A store that fails for a while stops nothing: the next save has the newer one.

    ``connection`` is updated with the store's failures and successes; finding the checkpoint saved is a success, too.
    ``overtaken`` is set once another process has claimed the checkpoint. ``run`` runs the store's calls, which block.
    """

    def __init__(
        self,
        store: CheckpointStore,
        tracker: OffsetTracker,
        connection: ConnectionStatus | None = None,
        run: RunBlocking = run_to_completion,
    ) -> None:
        self._store = store
        self._tracker = tracker
        self._connection = connection or ConnectionStatus()
        self._run = run
        self._claimed = False
        self._saved: Checkpoint | None = None
        self.overtaken = False

    async def claim(self) -> None:
        """Take the store over; if it cannot be written just now, later saves try again.

        Raises KubernetesForbiddenError: whoever has just made a Role learns at once what it lacks.
        """
        try:
            await self._run(self._claim)
        except KubernetesForbiddenError:
            raise
        except RetryableError as exc:
            self._note_failure(exc)

    async def save(self) -> None:
        """Save the checkpoint if it has moved, and check that the saved one is still there and ours. Log a failure.

        Raises OvertakenError.
        """
        checkpoint = self._tracker.to_checkpoint()
        try:
            await self._run(partial(self._save_if_changed, checkpoint))
        except OvertakenError:
            self.overtaken = True
            raise
        except RetryableError as exc:
            self._note_failure(exc)
        else:
            self._saved = checkpoint
            self._connection.record_success()

    def _claim(self) -> None:
        self._store.claim()
        self._claimed = True

    def _save_if_changed(self, checkpoint: Checkpoint | None) -> None:
        if not self._claimed:
            self._claim()
        if checkpoint is None:
            self._store.check()
        elif checkpoint != self._saved or not self._store.check():
            self._store.save(checkpoint)

    def _note_failure(self, exc: RetryableError) -> None:
        self._connection.record_failure(str(exc))
        log.warning("checkpoint not saved, trying again", reason=str(exc))

    async def finish(self) -> None:
        """Save for the last time, unless another process owns the checkpoint now."""
        if not self.overtaken:
            await self.save()

    async def save_regularly(self, interval: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Save now and every ``interval`` seconds, until OvertakenError."""
        while True:
            await self.save()
            await sleep(interval)
