"""Leadership by a Kubernetes Lease: of several adapters one delivers, and it has stopped before another begins.

The rules are those of client-go's leader election. No adapter compares its clock with another's::

    holder    renewal sent ──── 2/3 of the duration ───▶ stops delivering
    standby        sees the change ──────── the whole duration ─────────▶ takes over

The holder counts from before it sent the renewal; a standby from when it saw the Lease change. The third of the
duration in between is the time that a request on its way may take.
"""

import asyncio
import math
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import KubernetesConflictError, KubernetesForbiddenError, LeaseLostError, RetryableError
from vcenter_source.core.threads import RunBlocking, run_to_completion

if TYPE_CHECKING:
    # At run time, kubernetes' packages load only when a cluster is used.
    from vcenter_source.state.kube import Object

log = structlog.get_logger()

RENEW_DEADLINE, RETRY_PERIOD, REQUEST_TIMEOUT = 2 / 3, 2 / 15, 1 / 3
"""As parts of the duration: how long a renewal is valid, how often it is tried, how long one request may take.

client-go's are 10 s, 2 s and 5 s of 15 s.
"""


@cache
def get_process_name() -> str:
    """Return a name that no other process has, nor this one after a restart; it begins with the pod's name."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def machine_time() -> float:
    """Return seconds that pass also while the process is stopped, and on Linux while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def do_nothing() -> None:
    """Do nothing."""


class StoredLease(Protocol):
    """The Lease in the API server, whether it exists or not: ``state.kube.KubernetesObject``."""

    @property
    def title(self) -> str:
        """Its kind, namespace and name, for messages."""

    def read(self) -> "Object | None":
        """Return it as it is now, None if it does not exist."""

    def create(self, content: "Object") -> "Object":
        """Create it. Raises KubernetesConflictError if it exists already."""

    def replace(self, changed: "Object") -> "Object":
        """Replace the version that was read. Raises KubernetesConflictError if that is no longer the current one."""


class Lease:
    """One adapter's view of the Lease. ``duration`` is in seconds; ``connection`` holds the API server's state.

    ``clock`` is in seconds and never goes back; tests pass their own ``clock`` and ``sleep``.
    """

    def __init__(  # noqa: PLR0913  built in one place, by keyword
        self,
        stored: StoredLease,
        name: str,
        *,
        duration: int,
        connection: ConnectionStatus | None = None,
        clock: Callable[[], float] = machine_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        run: RunBlocking = run_to_completion,
    ) -> None:
        self._stored = stored
        self._name = name
        self._duration = duration
        self.connection = connection or ConnectionStatus()
        self._clock = clock
        self._sleep = sleep
        self._run = run
        self._known: Object | None = None
        self._stale = False
        self._changed_at = -math.inf
        self._held_until = -math.inf
        self.term = 0
        """How often this adapter has become the holder."""

    @property
    def holder(self) -> str:
        """The name of the holder, as far as is known; empty if there is none."""
        return str(get_spec(self._known).get("holderIdentity") or "")

    @property
    def is_held(self) -> bool:
        """Whether the Lease is ours, and nobody else can have it yet."""
        return self._clock() < self._held_until

    def check_held(self, term: int | None = None) -> None:
        """Check the fence, before anything that one adapter alone may do. Raises LeaseLostError.

        With a ``term``, the Lease must not have been lost since then, even if it is ours again.
        """
        if not self.is_held or term not in {None, self.term}:
            raise LeaseLostError(f"LEASE: {self._stored.title} was not renewed in time; another adapter may have it")

    async def acquire(self, meanwhile: Callable[[], Awaitable[None]] = do_nothing) -> None:
        """Stand by until the Lease is ours; call ``meanwhile`` after each try. Raises KubernetesForbiddenError."""
        holder = None
        while not await self._attempt():
            if holder != self.holder:
                holder = self.holder
                log.info("standing by", lease=self._stored.title, holder=holder)
            await meanwhile()
            await self._sleep(min(self._retry_period, self._expires_in()) or self._retry_period)
        log.info("leading", lease=self._stored.title)

    async def renew_regularly(self) -> None:
        """Renew the Lease until cancelled. Raises LeaseLostError if another adapter has it."""
        while True:
            await self._sleep(self._retry_period)
            await self.renew()

    async def renew(self) -> None:
        """Try to renew the Lease. Raises LeaseLostError if another adapter has it."""
        if not await self._attempt() and self.holder not in {"", self._name}:
            raise LeaseLostError(f"LEASE: {self._stored.title} is held by {self.holder} now")

    async def watch(self) -> None:
        """Wait until the Lease is lost, also during a renewal; then raise LeaseLostError."""
        while True:
            self.check_held()
            await self._sleep(min(self._retry_period, self._held_until - self._clock()))

    async def release(self) -> None:
        """Give the Lease up, so that another adapter can take it at once. Call it after the delivery has ended."""
        self._held_until = -math.inf
        if self.holder != self._name and not self._stale:
            return
        try:
            await self._run(self._free)
        except RetryableError as exc:
            log.warning("lease not released, another adapter has to wait until it expires", reason=str(exc))

    @property
    def _retry_period(self) -> float:
        return self._duration * RETRY_PERIOD

    def _expires_in(self) -> float:
        """Seconds until the Lease may be taken from its holder."""
        duration = get_spec(self._known).get("leaseDurationSeconds") or self._duration
        return max(0.0, self._changed_at + duration - self._clock())

    async def _attempt(self) -> bool:
        """Try to acquire or renew the Lease once; return whether we hold it."""
        try:
            await self._run(self._acquire_or_renew)
        except RetryableError as exc:
            if isinstance(exc, KubernetesForbiddenError) and self.connection.age is None:
                raise  # maybe a Role lacks something: whoever has just made it learns that at once
            self._report_failure(str(exc))
        else:
            self.connection.record_success()
        return self.is_held

    def _report_failure(self, reason: str) -> None:
        self.connection.record_failure(reason)
        log.warning("lease not renewed or taken, trying again", reason=reason)

    def _acquire_or_renew(self) -> None:
        """Renew the Lease if it is ours, take it if it is free; else only read it."""
        if self._stale or self.holder != self._name:
            self._read()
        if not self._is_takeable():
            return
        begun, is_new = self._clock(), self.holder != self._name
        try:
            self._write(self._build_spec())
        except KubernetesConflictError:
            self._read()
            if is_new or self.holder != self._name:
                raise
            begun = self._clock()  # somebody has written beside the spec, or the answer to our last renewal was lost
            self._write(self._build_spec())
        self._held_until = begun + self._duration * RENEW_DEADLINE
        self.term += is_new

    def _is_takeable(self) -> bool:
        """Whether the Lease is ours, or may be taken."""
        return self.holder in {"", self._name} or self._expires_in() <= 0

    def _read(self) -> None:
        self._accept(self._stored.read())
        self._stale = False

    def _accept(self, lease: "Object | None") -> None:
        """Take note of the Lease as the API server has shown it."""
        if get_spec(lease) != get_spec(self._known):
            self._changed_at = self._clock()
        self._known = lease
        if self.holder != self._name:
            self._held_until = -math.inf

    def _build_spec(self) -> "Object":
        """Build the spec that makes the Lease ours from now on."""
        spec, now = get_spec(self._known), format_micro_time()
        ours = {"holderIdentity": self._name, "leaseDurationSeconds": self._duration, "renewTime": now}
        if self.holder == self._name:
            return spec | ours
        transitions = 0 if self._known is None else (spec.get("leaseTransitions") or 0) + 1
        return spec | ours | {"acquireTime": now, "leaseTransitions": transitions}

    def _free(self) -> None:
        free = {"holderIdentity": None, "renewTime": format_micro_time()}
        if self._stale:
            self._read()
        if self.holder != self._name:
            return
        try:
            self._write(get_spec(self._known) | free)
        except KubernetesConflictError:
            self._read()  # the conflicting write may be our own renewal, whose answer was lost
            if self.holder == self._name:
                self._write(get_spec(self._known) | free)

    def _write(self, spec: "Object") -> None:
        """Replace the known Lease. After any failure it has to be read again.

        The write may have been carried out, or the Lease changed, deleted or created again; a refusal does not tell.
        """
        self._stale = True
        content = self._build_content(spec)
        if self._known is None:
            self._accept(self._stored.create(content))
        else:
            self._accept(self._stored.replace(self._known | content))
        self._stale = False

    def _build_content(self, spec: "Object") -> "Object":
        """Build what a write changes in the known Lease."""
        return {"spec": spec}


def get_spec(lease: "Object | None") -> dict[str, Any]:
    """Return a Lease's spec, empty if there is none."""
    return (lease or {}).get("spec") or {}


def format_micro_time() -> str:
    """Format the time now as a MicroTime, for people: with exactly six decimals, or the API server refuses it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
