"""A checkpoint in a Kubernetes ConfigMap that has one owner."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from vcenter_source.core.errors import KubernetesConflictError, OvertakenError, RetryableError
from vcenter_source.state.checkpoint import Checkpoint
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

if TYPE_CHECKING:
    from vcenter_source.state.kube import (
        KubernetesObject,
        Object,
    )  # its packages load only where a cluster is spoken to

Known = tuple["Object | None", StoredCheckpoint | None]
"""A ConfigMap, and what it holds for us."""

KEY = "checkpoint.json"
"""Where in the ConfigMap's data it stands; all else that the ConfigMap has is left alone."""

TRIES = 5
"""How often a write is tried that somebody else's came before: others do not write every few milliseconds."""


class ConfigMapStore:
    """One key of one ConfigMap, which is made where it is missing.

    What cannot be read there, since somebody has edited it, is a failure that passes when it is mended, and is not
    written over: the checkpoint may still be told from it, and beginning anew would pass over events without a word.

    Who claims it writes ``owner``, a name that no other process has, beside the checkpoint. Whoever had it before finds
    that name at its next save or check, and is overtaken. Each write carries the ``resourceVersion`` of what was read,
    so the API server refuses it when anything was written in between: comparing and replacing are one step.

    After a failure, whichever, the next write reads first. What was asked for may be done, or the ConfigMap changed,
    gone or back again, and the refusal of a write does not tell: without a right to create any, RBAC refuses a creation
    with 403 whether or not there is one.
    """

    def __init__(self, stored: "KubernetesObject", owner: str) -> None:
        self._stored = stored
        self._owner = owner
        self._known: Known | None = None
        """What we last read or wrote; None where it has to be read first."""
        self._written: StoredCheckpoint | None = None
        self._last: Checkpoint | None = None
        """The last one that we have seen there or written."""

    def load(self) -> Checkpoint | None:
        """The last checkpoint saved; where it has vanished, the last that we have seen there."""
        self._read()
        return self._last

    def claim(self) -> None:
        """Take the ConfigMap over, with the checkpoint that it holds."""

        def taken(found: StoredCheckpoint | None) -> StoredCheckpoint:
            return StoredCheckpoint(self._owner, found.checkpoint if found else None)

        self._known = None
        self._write(taken)

    def save(self, checkpoint: Checkpoint) -> None:
        """Put this checkpoint in the place of the one before."""

        def moved(found: StoredCheckpoint | None) -> StoredCheckpoint:
            self._must_own(found)
            return StoredCheckpoint(self._owner, checkpoint)

        self._write(moved)

    def check(self) -> bool:
        """Whether the ConfigMap still holds what we wrote. Raises OvertakenError if it was claimed since."""
        found = self._read()
        self._must_own(found)
        return found is not None and found == self._written

    @property
    def removal_command(self) -> str:
        """It leaves the ConfigMap there: a Role may allow to change this one, and to make none."""
        empty = f'{{"data":{{"{KEY}":null}}}}'
        return f"kubectl -n {self._stored.namespace} patch configmap {self._stored.name} --type=merge -p '{empty}'"

    def _must_own(self, found: StoredCheckpoint | None) -> None:
        # What has vanished belongs to nobody, and is written anew.
        if found is not None and found.owner != self._owner:
            title = self._stored.title
            raise OvertakenError(f"CHECKPOINT: another adapter, {found.owner}, has taken {title} over; this one stops")

    def _read(self) -> StoredCheckpoint | None:
        self._known = None  # also where it cannot be read
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
        """Replace what we know is there by what ``change`` makes of it; after a conflict, read again and try again."""
        for tried in range(1, TRIES + 1):
            if self._known is None:
                self._read()
            try:
                self._try(change)
            except KubernetesConflictError:
                if tried == TRIES:
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
