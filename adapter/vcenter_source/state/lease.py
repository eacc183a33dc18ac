"""Leadership by a Kubernetes Lease: of several adapters one delivers, and it has stopped before another begins.

The rules are those of client-go's leader election. No clock is compared with another's: who stands by takes the Lease
over when it has not seen it change for ``leaseDurationSeconds`` by a clock of its own, and who holds it counts from
before the renewal was asked for, on a clock of its own, and to less than that duration. In between lies the time that a
request on its way may take.
"""

import asyncio
import math
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any

import structlog

from vcenter_source.core.connection_status import Contact
from vcenter_source.core.errors import KubernetesConflictError, KubernetesForbiddenError, LeaseLostError, RetryableError
from vcenter_source.core.threads import run_to_completion

if TYPE_CHECKING:
    from vcenter_source.state.kube import (
        KubernetesObject,
        Object,
    )  # its packages load only where a cluster is spoken to

log = structlog.get_logger()

RENEW_DEADLINE, RETRY_PERIOD, REQUEST = 2 / 3, 2 / 15, 1 / 3
"""As parts of the duration: how long a renewal is good for, how often it is tried, how long one request may take.

client-go's are 10 s, 2 s and 5 s of 15 s.
"""


@cache
def process_name() -> str:
    """A name that no other process has, nor this one after a restart; in a pod it begins with the pod's name."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


def machine_time() -> float:
    """Seconds that go on while the process is stopped, and on Linux while the machine is suspended too."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


async def at_rest() -> None:
    """Do nothing."""


class Lease:
    """One adapter's view of the Lease. ``duration`` is in seconds, ``contact`` learns how the API server does.

    ``clock`` is in seconds and never goes back; it and ``sleep`` are a test's own where it passes them.
    """

    def __init__(  # noqa: PLR0913  it is made in one place, by keyword
        self,
        stored: "KubernetesObject",
        name: str,
        *,
        duration: int,
        contact: Contact | None = None,
        clock: Callable[[], float] = machine_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._stored = stored
        self._name = name
        self._duration = duration
        self.contact = contact or Contact()
        self._clock = clock
        self._sleep = sleep
        self._known: Object | None = None
        self._stale = False
        self._changed_at = -math.inf
        self._held_until = -math.inf

    @property
    def holder(self) -> str:
        """Who has it, as far as is known; empty where nobody has."""
        return str(spec_of(self._known).get("holderIdentity") or "")

    @property
    def held(self) -> bool:
        """Whether it is ours, and nobody else can have it yet."""
        return self._clock() < self._held_until

    def must_be_held(self) -> None:
        """The fence, to be asked before anything that one adapter alone may do. Raises LeaseLostError."""
        if not self.held:
            raise LeaseLostError(f"LEASE: {self._stored.title} was not renewed in time; another adapter may have it")

    async def acquire(self, meanwhile: Callable[[], Awaitable[None]] = at_rest) -> None:
        """Stand by until it is ours, and do ``meanwhile`` after each look at it. Raises KubernetesForbiddenError."""
        holder = None
        while not await self._attempt():
            if holder != self.holder:
                holder = self.holder
                log.info("standing by", lease=self._stored.title, holder=holder)
            await meanwhile()
            await self._sleep(min(self._retry_period, self._expires_in()) or self._retry_period)
        log.info("leading", lease=self._stored.title)

    async def renew_regularly(self) -> None:
        """Renew it until cancelled. Raises LeaseLostError when it is another's."""
        while True:
            await self._sleep(self._retry_period)
            await self.renew()

    async def renew(self) -> None:
        """Try to renew it. Raises LeaseLostError when it is another's."""
        if not await self._attempt() and self.holder not in {"", self._name}:
            raise LeaseLostError(f"LEASE: {self._stored.title} is held by {self.holder} now")

    async def watch(self) -> None:
        """Raise LeaseLostError as soon as it is not held any more, also while a renewal waits for its answer."""
        while True:
            self.must_be_held()
            await self._sleep(min(self._retry_period, self._held_until - self._clock()))

    async def release(self) -> None:
        """Give it up, so that another can have it at once. What it stands for has ended by then."""
        self._held_until = -math.inf
        if self.holder != self._name and not self._stale:
            return
        try:
            await run_to_completion(self._give_up)
        except RetryableError as exc:
            log.warning("lease not released, another adapter has to wait until it expires", reason=str(exc))

    @property
    def _retry_period(self) -> float:
        return self._duration * RETRY_PERIOD

    def _expires_in(self) -> float:
        """Seconds until it may be taken from its holder."""
        duration = spec_of(self._known).get("leaseDurationSeconds") or self._duration
        return max(0.0, self._changed_at + duration - self._clock())

    async def _attempt(self) -> bool:
        """One try to have it, or to have it for longer. Returns whether that was so."""
        try:
            await run_to_completion(self._take)
        except RetryableError as exc:
            if isinstance(exc, KubernetesForbiddenError) and self.contact.age is None:
                raise  # a Role that lacks something, maybe: whoever has just made it is told at once
            self.contact.failed(str(exc))
            log.warning("lease not renewed or taken, trying again", reason=str(exc))
        else:
            self.contact.succeeded()
        return self.held

    def _take(self) -> None:
        """Renew it if it is ours, take it if it is free; else only look."""
        if self._stale or self.holder != self._name:
            self._look()
        if self.holder not in {"", self._name} and self._expires_in() > 0:
            return
        begun = self._clock()
        try:
            self._write(self._taken())
        except KubernetesConflictError:
            self._look()
            raise
        self._held_until = begun + self._duration * RENEW_DEADLINE

    def _look(self) -> None:
        found = self._stored.read()
        if spec_of(found) != spec_of(self._known):
            self._changed_at = self._clock()
        self._known, self._stale = found, False
        if self.holder != self._name:
            self._held_until = -math.inf

    def _taken(self) -> "Object":
        """The spec that says that it is ours from now on."""
        spec, now = spec_of(self._known), micro_time()
        ours = {"holderIdentity": self._name, "leaseDurationSeconds": self._duration, "renewTime": now}
        if self.holder == self._name:
            return spec | ours
        transitions = 0 if self._known is None else (spec.get("leaseTransitions") or 0) + 1
        return spec | ours | {"acquireTime": now, "leaseTransitions": transitions}

    def _give_up(self) -> None:
        free = {"holderIdentity": None, "renewTime": micro_time()}
        if self._stale:
            self._look()
        if self.holder != self._name:
            return
        try:
            self._write(spec_of(self._known) | free)
        except KubernetesConflictError:
            self._look()  # what came between may be our own renewal, whose answer was lost
            if self.holder == self._name:
                self._write(spec_of(self._known) | free)

    def _write(self, spec: "Object") -> None:
        """Put this in the place of what is known. After a failure, whichever, that has to be looked at again.

        What was asked for may be done, or the Lease changed, gone or back again, and not every refusal tells.
        """
        self._stale = True
        if self._known is None:
            self._known = self._stored.create({"spec": spec})
        else:
            self._known = self._stored.replace(self._known | {"spec": spec})
        self._stale = False


def spec_of(lease: "Object | None") -> dict[str, Any]:
    """Its spec, empty where there is none."""
    return (lease or {}).get("spec") or {}


def micro_time() -> str:
    """Now as a MicroTime, for people to read: six digits after the point, no more and no less, or it is refused."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
