"""Saves the ledger's checkpoint whenever it has moved."""

from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from adapter.checkpoint import Checkpoint, Ledger, Store
from adapter.contact import Contact
from adapter.errors import OvertakenError, RetryableError
from adapter.threads import to_its_end

log = structlog.get_logger()


class Keeper:
    """A store that fails for a while stops nothing: the next save carries the newer checkpoint.

    ``contact`` learns how the store does; a checkpoint that is saved already counts as a success.
    """

    def __init__(self, store: Store, ledger: Ledger, contact: Contact | None = None) -> None:
        self._store = store
        self._ledger = ledger
        self._contact = contact or Contact()
        self._saved: Checkpoint | None = None
        self.overtaken = False

    async def save(self) -> None:
        """Save the checkpoint if it has moved, and see that it is still ours. A store out of reach is logged.

        Raises OvertakenError.
        """
        checkpoint = self._ledger.checkpoint()
        try:
            if checkpoint is None or checkpoint == self._saved:
                await to_its_end(self._store.check)
            else:
                await to_its_end(partial(self._store.save, checkpoint))
        except OvertakenError:
            self.overtaken = True
            raise
        except RetryableError as exc:
            self._contact.failed(str(exc))
            log.warning("checkpoint not saved, trying again", reason=str(exc))
        else:
            self._saved = checkpoint
            self._contact.succeeded()

    async def finish(self) -> None:
        """Save for the last time, unless the checkpoint is another's now."""
        if not self.overtaken:
            await self.save()

    async def save_regularly(self, interval: float, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Save now and every ``interval`` seconds, until OvertakenError."""
        while True:
            await self.save()
            await sleep(interval)
