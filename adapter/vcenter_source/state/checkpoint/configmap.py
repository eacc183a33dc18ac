"""A checkpoint in a Kubernetes ConfigMap with one owner."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vcenter_source.core.errors import KubernetesConflictError, OvertakenError, RetryableError
from vcenter_source.state.checkpoint import Checkpoint
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

if TYPE_CHECKING:
    # At run time, kubernetes' packages load only when a cluster is used.
    from vcenter_source.state.kube import KubernetesObject, Object

Known = tuple["Object | None", StoredCheckpoint | None]
"""A ConfigMap, and the stored checkpoint in it."""

KEY = "checkpoint.json"
"""The key in the ConfigMap's data; everything else in the ConfigMap is left as it is."""

MAX_WRITES = 5
"""How often a write is tried that conflicts with another's: nobody else writes every few milliseconds."""


class ConfigMapStore:
    """One key of one ConfigMap, which is created if it is missing.

    Content that somebody has damaged by an edit is a retryable failure until it is mended, and is never overwritten:
    a person may still recover the checkpoint from it, and beginning anew would silently skip events.

    The process that claims the checkpoint writes ``owner``, a unique name, beside it. The owner before it finds that
    name at its next save or check, and is overtaken. Each write carries the ``resourceVersion`` of the ConfigMap that
    was read, so the API server refuses it if anything was written in between: compare and replace are one step.

    After any failure, the next write reads first. The failed write may have been carried out, or the ConfigMap changed,
    deleted or created again, and the refusal does not tell which: without the right to create any, RBAC answers 403
    whether or not the ConfigMap exists.
    """

    def __init__(self, stored: "KubernetesObject", owner: str) -> None:
        self._stored = stored
        self._owner = owner
        self._known: Known | None = None
        """What we last read or wrote; None if it has to be read first."""
        self._written: StoredCheckpoint | None = None
        self._last: Checkpoint | None = None
        """The last checkpoint that we have read or written."""

    def load(self) -> Checkpoint | None:
        """Return the checkpoint saved last; if it has vanished, the last one that we have seen there."""
        self._read()
        return self._last

    def claim(self) -> None:
        """Become the owner, and keep the checkpoint that the ConfigMap holds."""

        def take_over(stored: StoredCheckpoint | None) -> StoredCheckpoint:
            return StoredCheckpoint(self._owner, stored.checkpoint if stored else None)

        self._known = None
        self._write(take_over)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""

        def replace(stored: StoredCheckpoint | None) -> StoredCheckpoint:
            self._check_owner(stored)
            return StoredCheckpoint(self._owner, checkpoint)

        self._write(replace)

    def check(self) -> bool:
        """Return whether the ConfigMap still holds what we wrote. Raises OvertakenError if it was claimed since."""
        stored = self._read()
        self._check_owner(stored)
        return stored is not None and stored == self._written

    @property
    def removal_command(self) -> str:
        """The command leaves the ConfigMap there: a Role may allow to change this one, and to create none."""
        empty = f'{{"data":{{"{KEY}":null}}}}'
        return f"kubectl -n {self._stored.namespace} patch configmap {self._stored.name} --type=merge -p '{empty}'"

    def _check_owner(self, stored: StoredCheckpoint | None) -> None:
        # A checkpoint that has vanished belongs to nobody, and is written anew.
        if stored is not None and stored.owner != self._owner:
            title = self._stored.title
            raise OvertakenError(f"CHECKPOINT: another adapter, {stored.owner}, has taken over {title}; this one stops")

    def _read(self) -> StoredCheckpoint | None:
        self._known = None  # also if the read fails
        known = self._stored.read()
        record = self._record(known)
        self._known = known, record
        self._last = record.checkpoint if record and record.checkpoint else self._last
        return record

    def _record(self, known: "Object | None") -> StoredCheckpoint | None:
        content = ((known or {}).get("data") or {}).get(KEY)
        if content is None:
            return None
        try:
            return deserialize(content)
        except (ValueError, KeyError, TypeError) as exc:
            raise RetryableError(
                f"CHECKPOINT: {KEY} in {self._stored.title} is damaged ({exc!r}); mend it, or have it begin anew, at "
                f"START_FROM: {self.removal_command}"
            ) from exc

    def _write(self, change: Callable[[StoredCheckpoint | None], StoredCheckpoint]) -> None:
        """Replace the known content by ``change`` of it; after a conflict, read again and try again."""
        for tried in range(1, MAX_WRITES + 1):
            if self._known is None:
                self._read()
            try:
                self._try(change)
            except KubernetesConflictError:
                if tried == MAX_WRITES:
                    raise
            else:
                return

    def _try(self, change: Callable[[StoredCheckpoint | None], StoredCheckpoint]) -> None:
        known, record = self._known or (None, None)
        changed = change(record)
        self._known = None
        self._known = self._put(known, serialize(changed).decode()), changed
        self._written, self._last = changed, changed.checkpoint or self._last

    def _put(self, known: "Object | None", content: str) -> "Object":
        if known is None:
            return self._stored.create({"data": {KEY: content}})
        return self._stored.replace(known | {"data": (known.get("data") or {}) | {KEY: content}})
