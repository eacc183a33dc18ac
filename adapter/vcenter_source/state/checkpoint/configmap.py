"""Checkpoints in a Kubernetes ConfigMap: a key for each vCenter, and each key has one owner."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from vcenter_source.core.errors import (
    KubernetesConflictError,
    OvertakenError,
    RetryableError,
    VcenterSourceError,
)
from vcenter_source.state.checkpoint import Checkpoint, NamedCheckpoint
from vcenter_source.state.checkpoint.serialization import StoredCheckpoint, deserialize, serialize

if TYPE_CHECKING:
    # At run time, kubernetes' packages load only when a cluster is used.
    from vcenter_source.state.kube import KubernetesObject, Object

KEY = "checkpoint.json"
"""The key in the ConfigMap's data of an adapter with one vCenter; what is no checkpoint is left as it is."""

KEY_OF_NAME = re.compile(r"(?P<name>.+)\.json")
"""The key of one of several vCenters."""

MAX_WRITES = 5
"""How often a write is tried that conflicts with another's: nobody else writes every few milliseconds."""

Change = Callable[[StoredCheckpoint | None], StoredCheckpoint | None]
"""Makes what shall be stored of what is stored; returns the same to write nothing. Raises OvertakenError."""


@dataclass(slots=True, eq=False)
class Request:
    """What one store wants done to its key, and what came of it. ``needs_read``: the ConfigMap is read before."""

    key: str
    change: Change
    needs_read: bool
    is_done: bool = False
    record: StoredCheckpoint | None = None
    failure: Exception | None = None


@dataclass(slots=True, eq=False)
class ConfigMapBook:
    """One ConfigMap, which is created if it is missing. Its stores may be used by several threads.

    Requests that come while another is under way are carried out together, in one read and one write: an adapter of
    fifty vCenters saves fifty checkpoints a second. Theirs are written compactly; that of an adapter with one vCenter
    stays as earlier versions read it.

    Each write carries the ``resourceVersion`` of the ConfigMap that was read, so the API server refuses it if anything
    was written in between: compare and replace are one step. After any failure, the next write reads first. The failed
    write may have been carried out, or the ConfigMap changed, deleted or created again, and the refusal does not tell
    which: without the right to create any, RBAC answers 403 whether or not the ConfigMap exists.

    ``is_shared``: other adapters write to other keys all the time, so each write reads first.
    """

    stored: "KubernetesObject"
    is_shared: bool = False
    _known: "tuple[Object | None] | None" = None
    """What we last read or wrote; None if it has to be read first."""
    _pending: list[Request] = field(default_factory=list)
    _queue: Lock = field(default_factory=Lock)
    _turn: Lock = field(default_factory=Lock)

    def submit(self, key: str, change: Change, *, needs_read: bool = False) -> StoredCheckpoint | None:
        """Change a key's content; return what it holds now. Raises what ``change`` raises, and RetryableError."""
        request = Request(key, change, needs_read or self.is_shared)
        with self._queue:
            self._pending.append(request)
        with self._turn:
            if not request.is_done:
                with self._queue:
                    batch, self._pending = self._pending, []
                self._carry_out(batch)
        if request.failure is not None:
            raise request.failure
        return request.record

    def read_all(self) -> dict[str, StoredCheckpoint]:
        """Read every checkpoint by its key, without what is damaged or is no checkpoint. Raises RetryableError."""
        with self._turn:
            self._read()
            data = self._data()
        return {key: record for key in data if (record := _try_deserialize(data[key])) is not None}

    def parse(self, key: str) -> StoredCheckpoint | None:
        """Return what a key held at the last read or write. Raises RetryableError if that is damaged."""
        content = self._data().get(key)
        if content is None:
            return None
        try:
            return deserialize(content)
        except (ValueError, KeyError, TypeError) as exc:
            raise RetryableError(
                f"CHECKPOINT: {key} in {self.stored.title} is damaged ({exc!r}); mend it, or have it begin anew, at "
                f"START_FROM: {self.removal_command(key)}"
            ) from exc

    def removal_command(self, key: str) -> str:
        """The command leaves the ConfigMap there: a Role may allow to change this one, and to create none."""
        empty = f'{{"data":{{"{key}":null}}}}'
        return f"kubectl -n {self.stored.namespace} patch configmap {self.stored.name} --type=merge -p '{empty}'"

    def _carry_out(self, batch: Sequence[Request]) -> None:
        """Carry out requests together; after a conflict, read again and try again."""
        failure: Exception | None = None
        for _ in range(MAX_WRITES):
            try:
                self._try(batch)
                failure = None
                break
            except KubernetesConflictError as exc:
                failure = exc
            except Exception as exc:  # noqa: BLE001  whatever it is, all that wait have to know
                failure = exc
                break
        for request in batch:
            request.is_done = True
            request.failure = request.failure or failure

    def _try(self, batch: Sequence[Request]) -> None:
        if self._known is None or any(request.needs_read for request in batch):
            self._read()
        changes: dict[str, str] = {}
        for request in batch:
            request.failure = None
            try:
                record = self.parse(request.key)
                request.record = request.change(record)
            except VcenterSourceError as exc:
                request.failure = exc
                continue
            if request.record is not None and request.record is not record:
                changes[request.key] = serialize(request.record, compact=request.key != KEY).decode()
        if changes:
            self._put(changes)
        if any(isinstance(request.failure, RetryableError) for request in batch):
            self._known = None  # damaged content may have been mended by the next time

    def _read(self) -> None:
        self._known = None  # also if the read fails
        self._known = (self.stored.read(),)

    def _put(self, changes: Mapping[str, str]) -> None:
        (known,) = self._known or (None,)
        data = {**self._data(), **changes}
        self._known = None
        written = self.stored.create({"data": data}) if known is None else self.stored.replace(known | {"data": data})
        self._known = (written,)

    def _data(self) -> dict[str, str]:
        (known,) = self._known or (None,)
        return dict((known or {}).get("data") or {})


def _try_deserialize(content: str) -> StoredCheckpoint | None:
    try:
        return deserialize(content)
    except (ValueError, KeyError, TypeError):
        return None


class ConfigMapStore:
    """One key of a ConfigMap.

    Content that somebody has damaged by an edit is a retryable failure until it is mended, and is never overwritten:
    a person may still recover the checkpoint from it, and beginning anew would silently skip events.

    The process that claims the checkpoint writes ``owner``, a unique name, beside it. The owner before it finds that
    name at its next save or check, and is overtaken.
    """

    def __init__(self, book: ConfigMapBook, owner: str, key: str = KEY) -> None:
        self._book = book
        self._owner = owner
        self._key = key
        self._written: StoredCheckpoint | None = None
        self._last: Checkpoint | None = None
        """The last checkpoint that we have read or written."""

    def load(self) -> Checkpoint | None:
        """Return the checkpoint saved last; if it has vanished, the last one that we have seen there."""
        self._submit(lambda stored: stored, needs_read=True)
        return self._last

    def claim(self) -> None:
        """Become the owner, and keep the checkpoint that the ConfigMap holds."""

        def take_over(stored: StoredCheckpoint | None) -> StoredCheckpoint:
            return StoredCheckpoint(self._owner, stored.checkpoint if stored else None)

        self._written = self._submit(take_over, needs_read=True)

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the checkpoint."""

        def replace(stored: StoredCheckpoint | None) -> StoredCheckpoint:
            self._check_owner(stored)
            return StoredCheckpoint(self._owner, checkpoint)

        self._written = self._submit(replace)

    def check(self) -> bool:
        """Return whether the ConfigMap still holds what we wrote. Raises OvertakenError if it was claimed since."""

        def compare(stored: StoredCheckpoint | None) -> StoredCheckpoint | None:
            self._check_owner(stored)
            return stored

        stored = self._submit(compare, needs_read=True)
        return stored is not None and stored == self._written

    def list_others(self) -> list[NamedCheckpoint]:
        """List the checkpoints beside this one."""
        records = self._book.read_all()
        named = ((key, KEY_OF_NAME.fullmatch(key), record.checkpoint) for key, record in records.items())
        return [
            NamedCheckpoint(None if key == KEY else match["name"], checkpoint)
            for key, match, checkpoint in named
            if key != self._key and match is not None and checkpoint is not None
        ]

    @property
    def removal_command(self) -> str:
        """The command with which an operator removes this checkpoint."""
        return self._book.removal_command(self._key)

    def _check_owner(self, stored: StoredCheckpoint | None) -> None:
        # A checkpoint that has vanished belongs to nobody, and is written anew.
        if stored is not None and stored.owner != self._owner:
            place = self._book.stored.title + ("" if self._key == KEY else f", key {self._key}")
            raise OvertakenError(f"CHECKPOINT: another adapter, {stored.owner}, has taken over {place}; this one stops")

    def _submit(self, change: Change, *, needs_read: bool = False) -> StoredCheckpoint | None:
        record = self._book.submit(self._key, change, needs_read=needs_read)
        self._last = record.checkpoint if record and record.checkpoint else self._last
        return record
