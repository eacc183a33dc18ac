"""Saves the ledger's checkpoint whenever it has moved."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from vcenter_source.core.connection_status import Contact
from vcenter_source.core.errors import KubernetesForbiddenError, OvertakenError, RetryableError
from vcenter_source.core.threads import to_its_end
from vcenter_source.state.checkpoint import Checkpoint, Ledger, Store

log = structlog.get_logger()


class Keeper:
    """A store that fails for a while stops nothing: the next save carries the newer checkpoint.

    ``contact`` learns how the store does; a checkpoint that is saved already counts as a success.
    """

    def __init__(self, store: Store, ledger: Ledger, contact: Contact | None = None) -> None:
        self._store = store
        self._ledger = ledger
        self._contact = contact or Contact()
        self._claimed = False
        self._saved: Checkpoint | None = None
        self.overtaken = False

    async def claim(self) -> None:
        """Take the store over; where it cannot be written to just now, the saves try on.

        Raises KubernetesForbiddenError: a Role that lacks something is told whoever has just made it.
        """
        try:
            await to_its_end(self._claim)
        except KubernetesForbiddenError:
            raise
        except RetryableError as exc:
            self._failed(exc)

    async def save(self) -> None:
        """Save the checkpoint if it has moved, and see that it is still there and ours. A failure is logged.

        Raises OvertakenError.
        """
        checkpoint = self._ledger.checkpoint()
        try:
            await to_its_end(partial(self._keep, checkpoint))
        except OvertakenError:
            self.overtaken = True
            raise
        except RetryableError as exc:
            self._failed(exc)
        else:
            self._saved = checkpoint
            self._contact.succeeded()

    def _claim(self) -> None:
        self._store.claim()
        self._claimed = True

    def _keep(self, checkpoint: Checkpoint | None) -> None:
        if not self._claimed:
            self._claim()
        if checkpoint is None:
            self._store.check()
        elif checkpoint != self._saved or not self._store.check():
            self._store.save(checkpoint)

    def _failed(self, exc: RetryableError) -> None:
        self._contact.failed(str(exc))
        log.warning("checkpoint not saved, trying again", reason=str(exc))

    async def finish(self) -> None:
        """Save for the last time, unless the checkpoint is another's now."""
        if not self.overtaken:
            await self.save()

    async def save_regularly(self, interval: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Save now and every ``interval`` seconds, until OvertakenError."""
        while True:
            await self.save()
            await sleep(interval)
