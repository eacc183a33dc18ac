"""Adapters that share vCenters, as far as the Leases go. They can be killed and frozen within the test's process."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations
from random import Random
from typing import Any

from vcenter_source.commands.leadership import hold, is_stopping
from vcenter_source.core.errors import LeaseLostError
from vcenter_source.core.threads import run_to_completion
from vcenter_source.state.kube import LEASE, Cluster
from vcenter_source.state.lease import do_nothing
from vcenter_source.state.shared_lease import SharedLease
from vcenter_source.state.sharing import LeaseCollection, Sharing

DURATION = 12
"""LEASE_DURATION's default, in seconds."""
PERIOD = DURATION * 2 / 15
BASE = "vcenter-source"
"""What LEASE names."""
VCENTERS = tuple(f"vc-{number}" for number in range(9))


@dataclass(eq=False)
class SharingAdapter:
    """One adapter. ``drain`` is how long it goes on to deliver what another wants, ``ahead`` how far its clock is."""

    name: str
    leases: LeaseCollection
    random: Random
    drain: float = 0.5
    ahead: float = 0.0
    on_answer: Callable[["SharingAdapter", SharedLease], None] = lambda adapter, lease: None
    vcenters: set[str] = field(default_factory=set)
    has: set[str] = field(default_factory=set)
    """The vCenters of which it has not yet ended the delivery."""
    losses: list[str] = field(default_factory=list)
    """Why it has stopped delivering, each time that it did not choose to."""
    is_dead: bool = False
    is_stopping: bool = False
    _users: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._thawed.set()
        loop = asyncio.get_running_loop()
        self.sharing = Sharing(
            self.leases,
            BASE,
            self.name,
            duration=DURATION,
            clock=lambda: loop.time() + self.ahead,
            sleep=self.sleep,
            random=self.random,
            run=self.run,
        )
        self.sharing_task = asyncio.create_task(self.sharing.run())

    @property
    def delivering(self) -> set[str]:
        """The vCenters whose events it delivers, as far as the fence lets it."""
        return {vcenter for vcenter in self.has if self.sharing.lease(vcenter).is_held}

    @property
    def is_frozen(self) -> bool:
        return not self._thawed.is_set()

    def start(self, vcenters: Sequence[str]) -> "SharingAdapter":
        self.update(vcenters)
        return self

    def update(self, vcenters: Sequence[str]) -> None:
        """Begin with the vCenters that are new, and end with those that are gone."""
        self.sharing.update(vcenters)
        for vcenter in set(vcenters) - self.vcenters:
            self._users[vcenter] = asyncio.create_task(self._use(vcenter, self._users.get(vcenter)))
        for vcenter in self.vcenters - set(vcenters):
            self._users[vcenter].cancel()
        self.vcenters = set(vcenters)

    async def stop(self) -> None:
        """End as at SIGTERM: drain, and release all."""
        self.is_stopping = True
        for user in self._users.values():
            user.cancel()
        await asyncio.gather(*self._users.values(), return_exceptions=True)
        self.kill()

    def kill(self) -> None:
        """End as at SIGKILL: it does nothing any more."""
        self.is_dead = True
        self._thawed.set()
        for task in (*self._users.values(), self.sharing_task):
            task.cancel()

    def raise_failure(self) -> None:
        """Raise what has ended a part of it that nobody has ended."""
        for task in (*self._users.values(), self.sharing_task):
            if task.done() and not task.cancelled() and (failure := task.exception()):
                raise failure

    def freeze(self) -> None:
        """Stop as at SIGSTOP: time goes on, and nothing else. What it has sent is on its way."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    async def pass_gate(self) -> None:
        """Go on only while it lives and is not frozen."""
        await self._thawed.wait()
        if self.is_dead:
            raise asyncio.CancelledError

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self.pass_gate()

    async def run(self, call: Callable[[], None]) -> None:
        await self.pass_gate()
        try:
            await run_to_completion(call)
        finally:
            await self.pass_gate()
            lease = getattr(call, "__self__", None)
            if isinstance(lease, SharedLease):
                self.on_answer(self, lease)

    async def _use(self, vcenter: str, before: "asyncio.Task[None] | None") -> None:
        """Deliver one vCenter's events whenever its Lease is ours, as a pipeline does, after the one before it."""
        if before is not None:
            await asyncio.wait([before])
        lease = self.sharing.lease(vcenter)
        while not is_stopping():
            try:
                with suppress(WantedError):
                    async with hold(lease, do_nothing):
                        await self._deliver(vcenter, lease)
            except LeaseLostError as exc:
                self.losses.append(str(exc))

    async def _deliver(self, vcenter: str, lease: SharedLease) -> None:
        self.has.add(vcenter)
        try:
            await lease.wait_until_wanted()
            raise WantedError
        finally:
            if lease.is_held and not self.is_dead:
                with suppress(asyncio.CancelledError):
                    await self.sleep(self.drain)
            self.has.discard(vcenter)


class WantedError(Exception):
    """Another adapter shall deliver: it ends what goes on beside the delivery, too."""


def shares(adapters: Sequence[Any]) -> list[int]:
    """How many vCenters each has."""
    return sorted(len(adapter.has) for adapter in adapters)


@dataclass
class AdapterGroup:
    """Adapters that share vCenters by one cluster's Leases."""

    cluster: Cluster
    adapters: list[SharingAdapter] = field(default_factory=list)

    def adapter(self, name: str, vcenters: Sequence[str] = VCENTERS, **how: Any) -> SharingAdapter:
        """Start another one."""
        leases = self.cluster.locate_all(LEASE, "", "LEASE", timeout=0.3)
        adapter = SharingAdapter(name, leases, Random(name), **how)
        self.adapters.append(adapter)
        return adapter.start(vcenters)

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a test, and kill all of them at its end."""
        try:
            await work
        finally:
            for adapter in self.adapters:
                adapter.kill()

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, while no two of them have one vCenter."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            for adapter in self.adapters:
                adapter.raise_failure()
            for one, other in combinations(self.adapters, 2):
                assert not one.delivering & other.delivering
            await asyncio.sleep(0.1)

    async def wait_until_shared(self, *expected: int, within: float = 10.0) -> float:
        """Wait until so many vCenters are with each of those that live; return how long it took."""
        begun = asyncio.get_running_loop().time()
        living = [each for each in self.adapters if not each.is_dead and not each.is_frozen]
        while shares(living) != sorted(expected):
            waited = asyncio.get_running_loop().time() - begun
            assert waited < within, f"{shares(living)} after {waited:.1f} s"
            await self.pass_time(0.1)
        return asyncio.get_running_loop().time() - begun
