"""Sharing of vCenters among adapters: each vCenter has a Lease, and the Leases alone say which adapter has which.

No adapter talks to another. Each lists the Leases once a period, takes what is free up to its share, and asks for more
by writing its name into an annotation of a Lease whose holder has at least two more than itself::

    joins      lists ── writes wanted-by ─────────────────────────── lists ── takes ── delivers
    holder                    └─ sees it ── drains, saves, releases ──┘

A list comes from the API server's cache and may be some moments old. That only makes an adapter wait longer, since
every write carries the version that was read, and the API server refuses it if that is no longer the current one.
"""

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from vcenter_source.core.connection_status import ConnectionStatus
from vcenter_source.core.errors import (
    KubernetesConflictError,
    KubernetesForbiddenError,
    KubernetesUnavailableError,
    RetryableError,
)
from vcenter_source.core.threads import RunBlocking, create_runner
from vcenter_source.state.lease import RETRY_PERIOD, StoredLease, machine_time
from vcenter_source.state.shared_lease import LABEL, LEFT_ALONE, SharedLease

if TYPE_CHECKING:
    from vcenter_source.state.kube import Object

log = structlog.get_logger()

UNEVEN = 2
"""How many fewer vCenters an adapter must have to ask another for one: at one fewer, they would only change places."""

THREADS = 32
"""How many requests one adapter may have under way. Half of them are kept for renewals and releases."""


class LeaseCollection(Protocol):
    """The Leases of one namespace: ``state.kube.KubernetesCollection``."""

    def read_all(self, label: str, value: str) -> "list[Object]":
        """Return those with a label; they may be some moments old."""

    def locate(self, name: str) -> StoredLease:
        """Return a handle on the one with this name."""


class Sharing:
    """One adapter's part in the sharing of vCenters. ``duration`` is that of the Leases, in seconds.

    ``clock`` is in seconds and never goes back; tests pass their own, and their own ``sleep``, ``random`` and ``run``.
    """

    def __init__(  # noqa: PLR0913  built in one place, by keyword
        self,
        leases: LeaseCollection,
        base: str,
        name: str,
        *,
        duration: int,
        clock: Callable[[], float] = machine_time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Random | None = None,
        run: RunBlocking | None = None,
    ) -> None:
        self._collection = leases
        self._base = base
        self._name = name
        self._period = duration * RETRY_PERIOD
        self._clock = clock
        self._sleep = sleep
        self._random = random or Random()  # noqa: S311  to spread, not to hide
        self._run = run or create_runner(THREADS, "lease")
        self._how: dict[str, Any] = {"base": base, "duration": duration, "clock": clock, "sleep": sleep}
        self._all: dict[str, SharedLease] = {}
        self._shared: dict[str, SharedLease] = {}
        self._writes = asyncio.Semaphore(THREADS // 2)
        self._has_written = False
        self._was_outrun = False
        self._listed_at = -math.inf
        self._said: tuple[int, ...] = ()
        self.connection = ConnectionStatus()
        """The API server's state, by the lists."""

    def update(self, vcenters: Sequence[str]) -> None:
        """Take note of which vCenters there are. The Lease of one that is gone stays with its user until released."""
        for vcenter in vcenters:
            if vcenter not in self._all:
                stored = self._collection.locate(self._name_lease(vcenter))
                self._all[vcenter] = SharedLease(stored, self._name, run=self._run, **self._how)
        self._shared = {vcenter: self._all[vcenter] for vcenter in vcenters}

    def lease(self, vcenter: str) -> SharedLease:
        """Return the Lease of a vCenter, always the same object."""
        return self._all[vcenter]

    async def run(self) -> None:
        """Take and ask for vCenters until cancelled. Raises KubernetesForbiddenError if that was never permitted."""
        while True:
            begun = self._clock()
            if await self._look():
                await self._take()
                await self._ask()
                self._report()
            for lease in self._shared.values():
                lease.wake()
            await self._sleep(self._find_pause(begun))

    def _name_lease(self, vcenter: str) -> str:
        return f"{self._base}-{vcenter}"

    async def _look(self) -> bool:
        """List the Leases, and let each take note; return whether the API server has answered."""
        listed: list[Object] = []
        try:
            await self._run(lambda: listed.extend(self._collection.read_all(LABEL, self._base)))
        except RetryableError as exc:
            if isinstance(exc, KubernetesForbiddenError) and self.connection.age is None:
                raise  # maybe a Role lacks something: whoever has just made it learns that at once
            log.warning("Leases not listed, trying again", reason=str(exc))
            for connection in self._find_connections():
                connection.record_failure(str(exc))
            return False
        for connection in self._find_connections():
            connection.record_success()
        found = {lease["metadata"]["name"]: lease for lease in listed}
        was_away = self._clock() - self._listed_at > LEFT_ALONE * self._period
        for vcenter, shared in self._shared.items():
            shared.observe(found.get(self._name_lease(vcenter)))
            if was_away:
                shared.defer()
        self._listed_at = self._clock()
        return True

    def _find_connections(self) -> Iterable[ConnectionStatus]:
        """Return our own connection, and those of the Leases that no renewal tells about."""
        return [self.connection, *(lease.connection for lease in self._shared.values() if not lease.is_held)]

    def _count(self) -> Counter[str]:
        """Count the Leases of each adapter that seems to live, as it will be when every request is fulfilled.

        An adapter that has renewed none of late is not counted, or the others would leave it a share until its last
        one has expired.
        """
        living = {lease.holder for lease in self._shared.values() if lease.is_fresh} | {self._name}
        counts = Counter(dict.fromkeys(living, 0))
        for lease in self._shared.values():
            if lease.holder in living or lease.is_reserved:
                counts[lease.requester or lease.holder] += 1
        return counts

    async def _take(self) -> None:
        """Take what was released for us, what is free up to our share, and what waits for too long."""
        counts = self._count()
        room = math.ceil(len(self._shared) / len(counts)) - counts[self._name]
        awaited = [lease for lease in self._shared.values() if lease.is_awaited]
        ours = [lease for lease in awaited if lease.holder == self._name or is_reserved_for(lease, self._name)]
        free = [lease for lease in awaited if lease.is_free and lease.holder != self._name]
        self._random.shuffle(free)
        free.sort(key=lambda lease: not lease.is_overdue)
        overdue = sum(lease.is_overdue for lease in free)
        chosen = {lease: lease.holder for lease in [*ours, *free[: max(room, overdue, 0)]]}
        await self._write_all(lease.take for lease in chosen)
        self._was_outrun = any(lease.holder not in {"", self._name, before} for lease, before in chosen.items())

    async def _ask(self) -> None:
        """Ask those who have at least two more than we for half of what would make us equal, but for one at least.

        It is half since others may ask at the same time, unseen; the next look shows what they have asked for.
        """
        counts, wanted = self._count(), list[SharedLease]()
        for _ in range(len(self._shared) - counts.total()):  # those that nobody has go to whoever has the fewest
            counts[min(counts, key=lambda adapter: counts[adapter])] += 1
        offers: dict[str, list[SharedLease]] = defaultdict(list)
        for lease in self._shared.values():
            if lease.is_awaited and lease.holder in counts.keys() - {self._name} and not lease.requester:
                offers[lease.holder].append(lease)
        while offers:
            most = max(offers, key=lambda adapter: counts[adapter])
            if counts[most] - counts[self._name] < UNEVEN:
                break
            offer = offers[most]
            wanted.append(offer.pop(self._random.randrange(len(offer))))
            counts.update({most: -1, self._name: 1})
            if not offer:
                del offers[most]
        self._random.shuffle(wanted)
        await self._write_all(lease.ask for lease in wanted[: math.ceil(len(wanted) / 2)])

    async def _write_all(self, writes: Iterable[Callable[[], Awaitable[bool]]]) -> None:
        """Carry out writes beside one another, until the API server is away. Raises KubernetesForbiddenError."""
        is_away = False

        async def write(carry_out: Callable[[], Awaitable[bool]]) -> None:
            nonlocal is_away
            async with self._writes:
                if not is_away:
                    is_away = not await self._write(carry_out)

        ended = await asyncio.gather(*map(write, writes), return_exceptions=True)
        for failure in filter(None, ended):
            raise failure

    async def _write(self, carry_out: Callable[[], Awaitable[bool]]) -> bool:
        """Carry out one write; return whether the API server has answered."""
        try:
            self._has_written |= await carry_out()
        except KubernetesConflictError:
            return True  # another adapter was faster
        except RetryableError as exc:
            if isinstance(exc, KubernetesForbiddenError) and not self._has_written:
                raise
            log.warning("Lease not taken or asked for, trying again", reason=str(exc))
            return not isinstance(exc, KubernetesUnavailableError)
        return True

    def _find_pause(self, begun: float) -> float:
        """Return the seconds until the next look: a period after this one, or earlier if a Lease expires.

        It is much earlier if others were faster: they may have left something else.
        """
        if self._was_outrun:
            self._was_outrun = False
            return self._period * self._random.uniform(0.05, 0.2)
        changes = [lease.changes_in for lease in self._shared.values() if lease.holder != self._name]
        return max(self._period / 100, min([begun + self._period - self._clock(), *changes]))

    def _report(self) -> None:
        """Log how the vCenters are shared, whenever that has changed."""
        holders = Counter(lease.holder for lease in self._shared.values() if lease.holder)
        said = (holders[self._name], len(self._shared), len(holders.keys() | {self._name}))
        if said != self._said:
            self._said = said
            log.info("sharing vCenters", held=said[0], vcenters=said[1], adapters=said[2])


def is_reserved_for(lease: SharedLease, name: str) -> bool:
    """Return whether a Lease was released for this adapter."""
    return lease.is_reserved and lease.requester == name
