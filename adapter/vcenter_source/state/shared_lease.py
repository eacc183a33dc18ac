"""The Lease of one vCenter, which several adapters share: who may take it, and who has asked its holder for it."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import structlog

from vcenter_source.core.errors import KubernetesConflictError
from vcenter_source.state.lease import Lease, StoredLease, do_nothing, get_spec

if TYPE_CHECKING:
    from vcenter_source.state.kube import Object

log = structlog.get_logger()

LABEL = "vcenter-source/lease"
"""The label of the Leases of one deployment; its value is the base of their names."""

MAX_LABEL = 63
"""How many characters the value of a label has at most."""

WANTED_BY = "vcenter-source/wanted-by"
"""The annotation of a Lease that says which adapter has asked its holder for it."""

LEFT_ALONE = 2.0
"""For so many periods, a Lease that was released for somebody is left to them, and a free one to those below their
share."""

EXPIRED_LEFT_ALONE = 1.5
"""For so many periods, one that has expired is left to those below their share, who may see it a period later."""


class SharedLease(Lease):
    """The Lease of one vCenter. ``Sharing.run`` takes it for whoever waits in ``acquire``.

    As with any Lease, one user at a time: ``release`` it before you wait for it again.
    """

    def __init__(self, stored: StoredLease, name: str, *, base: str, **how: Any) -> None:
        super().__init__(stored, name, **how)
        self._base = base
        self._is_awaited = False
        self._looked_at = asyncio.Event()
        self._asked_for = asyncio.Event()
        self._request = asyncio.Lock()

    async def acquire(self, meanwhile: Callable[[], Awaitable[None]] = do_nothing) -> None:
        """Wait until ``Sharing.run`` has taken the Lease; call ``meanwhile`` each time that it has looked at it."""
        self._is_awaited = True
        try:
            while not self.is_held:
                self._looked_at.clear()
                await self._looked_at.wait()
                if not self.is_held:
                    await meanwhile()
        finally:
            self._is_awaited = False
        log.info("leading", lease=self._stored.title)

    async def wait_until_wanted(self) -> None:
        """Wait until another adapter shall have the Lease: then end the delivery, and release it."""
        await self._asked_for.wait()

    async def release(self) -> None:
        """Give the Lease up, to whoever has asked for it or to anybody. Call it after the delivery has ended."""
        self._held_until = -math.inf
        async with self._request:
            await super().release()
            self._notice_request()

    async def take(self) -> bool:
        """Take the Lease if somebody still waits for it; return whether it is ours. Raises RetryableError."""
        async with self._request:
            if self._is_awaited and not self.is_held:
                await self._run(self._acquire_or_renew)
                self._notice_request()
                self._looked_at.set()
            return self.is_held

    async def ask(self) -> bool:
        """Ask the holder for the Lease; return False if somebody has done so already. Raises RetryableError."""
        async with self._request:
            await self._run(self._ask)
            return self.requester == self._name

    def defer(self) -> None:
        """Leave the Lease to its holder for two periods: like us, it may not have reached the API server until now."""
        if self.holder not in {"", self._name}:
            self._changed_at += max(0.0, self._free_for() + LEFT_ALONE * self._retry_period)

    def observe(self, listed: "Object | None") -> None:
        """Take note of what a list has shown, unless it is older than what is known."""
        if math.isinf(self._changed_at):
            self._changed_at = self._clock()  # there is none yet, or it is empty: it is free from now on
        if self._request.locked() or listed is None or is_older(listed, self._known):
            return
        if self.is_held and get_term(listed) != get_term(self._known):
            return  # the next renewal finds out
        self._accept(listed)
        self._notice_request()

    def wake(self) -> None:
        """Let ``acquire`` go on after the Lease was looked at."""
        self._looked_at.set()

    @property
    def is_awaited(self) -> bool:
        """Whether somebody here waits for the Lease."""
        return self._is_awaited and not self.is_held

    @property
    def requester(self) -> str:
        """The name of the adapter that has asked for the Lease; empty if there is none."""
        return str(get_annotations(self._known).get(WANTED_BY) or "")

    @property
    def is_reserved(self) -> bool:
        """Whether the Lease was released for the adapter that had asked for it, and is left to that one."""
        return self.holder == "" and self.requester != "" and self._free_for() < self._patience

    @property
    def is_free(self) -> bool:
        """Whether any adapter may take the Lease."""
        return self._free_for() >= 0 and not self.is_reserved

    @property
    def is_overdue(self) -> bool:
        """Whether the Lease has been free for so long that its vCenter shall wait for no fair share."""
        return self._free_for() >= self._patience

    @property
    def is_fresh(self) -> bool:
        """Whether its holder has renewed the Lease of late, so that it does not expire within two periods."""
        return self.holder != "" and self._free_for() < -2 * self._retry_period

    @property
    def changes_in(self) -> float:
        """Seconds until the Lease expires, or is overdue; infinite if no such thing is to be waited for."""
        free_for = self._free_for()
        return -free_for if free_for < 0 else (self._patience - free_for if not self.is_overdue else math.inf)

    @property
    def _patience(self) -> float:
        return self._retry_period * (EXPIRED_LEFT_ALONE if self.holder else LEFT_ALONE)

    def _free_for(self) -> float:
        """Seconds since the Lease may be taken by another than its holder; negative if it may not yet be."""
        if self.holder == "":
            return self._clock() - self._changed_at
        duration = get_spec(self._known).get("leaseDurationSeconds") or self._duration
        return self._clock() - self._changed_at - duration

    async def _attempt(self) -> bool:
        async with self._request:
            is_held = await super()._attempt()
            self._notice_request()
            return is_held

    def _report_failure(self, reason: str) -> None:
        if self.connection.reason == "":
            super()._report_failure(reason)
        else:  # there may be many Leases, and a line for each once a period would hide all else
            self.connection.record_failure(reason)

    def _is_takeable(self) -> bool:
        return super()._is_takeable() and not (self.is_reserved and self.requester != self._name)

    def _ask(self) -> None:
        holder = self.holder
        if self._stale:
            self._read()
        for is_last in (False, True):
            if self.holder != holder or self.requester:
                return
            try:
                self._write(get_spec(self._known))
            except KubernetesConflictError:  # its holder has renewed it
                self._read()
                if is_last:
                    raise
            else:
                return

    def _build_content(self, spec: "Object") -> "Object":
        """Build what a write changes: a request is added when it asks, and taken away with the Lease."""
        metadata = (self._known or {}).get("metadata") or {}
        annotations = get_annotations(self._known)
        holder = spec.get("holderIdentity")
        if holder == self._name and self.holder != self._name:
            annotations.pop(WANTED_BY, None)
        elif holder not in {None, "", self._name}:
            annotations[WANTED_BY] = self._name
        labels = (metadata.get("labels") or {}) | {LABEL: self._base}
        return {"spec": spec, "metadata": metadata | {"labels": labels, "annotations": annotations}}

    def _notice_request(self) -> None:
        if self.is_held and self.requester not in {"", self._name}:
            self._asked_for.set()
        else:
            self._asked_for.clear()


def get_annotations(lease: "Object | None") -> dict[str, Any]:
    """Return a copy of a Lease's annotations, empty if there are none."""
    return dict(((lease or {}).get("metadata") or {}).get("annotations") or {})


def get_term(lease: "Object | None") -> tuple[Any, ...]:
    """Return what stays the same in a Lease from when its holder takes it until another does."""
    spec = get_spec(lease)
    return spec.get("holderIdentity"), spec.get("acquireTime"), spec.get("leaseTransitions")


def is_older(lease: "Object", known: "Object | None") -> bool:
    """Return whether a Lease is an older version than the known one; if nobody can tell, it is not."""
    versions = [str(((each or {}).get("metadata") or {}).get("resourceVersion")) for each in (lease, known)]
    return all(version.isdigit() for version in versions) and int(versions[0]) < int(versions[1])
