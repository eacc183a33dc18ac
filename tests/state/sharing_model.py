"""Adapters that share vCenters, in a world where everything goes wrong at random, in virtual time.

The code of Sharing and Lease is the real one. The API server is in memory: its writes compare and swap, its lists are
some moments old. A blocking call is a greenlet, which waits for its answer where the real one would wait in a thread;
between any two of its requests others do theirs.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar, TypeVarTuple, Unpack

from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]

from tests.state.sharing_adapters import BASE, DURATION, PERIOD, SharingAdapter
from tests.support.virtual_time import VirtualLoop
from vcenter_source.core.errors import KubernetesConflictError, KubernetesUnavailableError, RetryableError
from vcenter_source.state.lease import REQUEST_TIMEOUT
from vcenter_source.state.shared_lease import EXPIRED_LEFT_ALONE, SharedLease

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Object = dict[str, Any]

TIMEOUT = DURATION * REQUEST_TIMEOUT
LATENCY = 0.05
"""Seconds, on each way, that a request takes at most."""
STALENESS = 0.5
"""Seconds that a list may be old."""
REFRESH = 2.0
"""Seconds after which an adapter has read a file that was changed."""
BOUND = DURATION + (1 + EXPIRED_LEFT_ALONE) * PERIOD + STALENESS + 8 * LATENCY
"""Seconds that a vCenter may be without an adapter, while one is there that reaches the API server.

The last renewal is seen a period later at most, and expires; it is left to those below their share for a while.
"""


class ModelLoop(VirtualLoop):
    """Runs blocking calls as greenlets, which ask for a request by handing its coroutine to the loop."""

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> "asyncio.Future[T]":
        """Run a blocking call."""
        return self.create_task(run_blocking(lambda: func(*args)))


async def run_blocking(call: Callable[[], T]) -> T:
    """Run a call that may wait in ``Link.request``."""
    thread = greenlet(call)
    request = thread.switch()
    while not thread.dead:
        try:
            answer = await request
        except (RetryableError, asyncio.CancelledError) as exc:
            request = thread.throw(exc)
        else:
            request = thread.switch(answer)
    result: T = request
    return result


@dataclass
class Cache:
    """What one of the API's servers knows of the Leases: the first so many changes."""

    leases: dict[str, Object] = field(default_factory=dict)
    applied: int = 0


@dataclass
class ModelApi:
    """The Leases, and a log of what they were, for lists out of date."""

    random: Random
    stored: dict[str, Object] = field(default_factory=dict)
    touched: dict[str, float] = field(default_factory=dict)
    """When a holder has last written each."""
    terms: int = 0
    """How often a Lease got another holder."""
    asked: int = 0
    """How often a request was added."""
    is_away: bool = False
    _version: int = 1000
    _log: list[tuple[float, str, Object]] = field(default_factory=list)
    _caches: "list[Cache]" = field(default_factory=lambda: [Cache(), Cache()])

    def read(self, name: str) -> Object | None:
        return self.stored.get(name)

    def write(self, name: str, content: Object, now: float) -> Object:
        before = self.stored.get(name)
        given = content["metadata"].get("resourceVersion")
        if (before["metadata"]["resourceVersion"] if before else None) != given:
            raise KubernetesConflictError(f"{name} has been modified")
        self._version += 1
        after = content | {"metadata": content["metadata"] | {"name": name, "resourceVersion": str(self._version)}}
        self._take_note(name, before, after, now)
        self.stored[name] = after
        self._log.append((now, name, after))
        return after

    def list(self, now: float) -> list[Object]:
        """All of them, as one of several servers knew them at some time: the next one may know an earlier time."""
        cache = self.random.choice(self._caches)
        upto = now - self.random.uniform(0, STALENESS)
        while cache.applied < len(self._log) and self._log[cache.applied][0] <= upto:
            _, name, content = self._log[cache.applied]
            cache.leases[name] = content
            cache.applied += 1
        return list(cache.leases.values())

    def _take_note(self, name: str, before: Object | None, after: Object, now: float) -> None:
        holder, old = after["spec"]["holderIdentity"], before["spec"]["holderIdentity"] if before else None
        if before is None or after["spec"] != before["spec"]:
            self.touched[name] = now
            self.terms += bool(holder) and holder != old
        else:
            self.asked += 1


@dataclass(eq=False)
class Link:
    """One adapter's way to the API server."""

    api: ModelApi
    random: Random
    adapter: "ModelAdapter | None" = None
    loss: float = 0.0
    """How many of the requests, or of their answers, are lost."""
    is_cut: bool = False
    well_since: float = 0.0

    def read_all(self, label: str, value: str) -> list[Object]:
        del label, value
        return self.request(self.api.list)

    def locate(self, name: str) -> "ModelLease":
        return ModelLease(name, self)

    def request(self, action: Callable[[float], T]) -> T:
        """Wait for an answer, in a blocking call."""
        parent = getcurrent().parent
        assert parent is not None
        answer: T = parent.switch(self._carry(action))
        return answer

    async def _carry(self, action: Callable[[float], T]) -> T:
        assert self.adapter is not None
        loop, arrival = asyncio.get_running_loop(), asyncio.get_running_loop().create_future()
        is_lost = self.random.random() < self.loss
        if self.is_cut or self.api.is_away or (is_lost and self.random.random() < 0.5):
            await self._fail()
        loop.call_later(self.random.uniform(0, LATENCY), self._arrive, action, arrival)
        try:
            answer: T = await asyncio.shield(arrival)
            if is_lost:
                await self._fail()
            await asyncio.sleep(self.random.uniform(0, LATENCY))
        finally:
            await self.adapter.pass_gate()
        return answer

    async def _fail(self) -> None:
        assert self.adapter is not None
        self.well_since = float("inf")
        await asyncio.sleep(TIMEOUT)
        await self.adapter.pass_gate()
        self.well_since = asyncio.get_running_loop().time()
        raise KubernetesUnavailableError("no answer")

    def _arrive(self, action: Callable[[float], T], arrival: "asyncio.Future[T]") -> None:
        """Carry a request out, whether or not somebody still waits for its answer."""
        try:
            answer = action(asyncio.get_running_loop().time())
        except RetryableError as exc:
            arrival.set_exception(exc)
            arrival.exception()  # nobody may be there to look
        else:
            arrival.set_result(answer)


@dataclass(frozen=True)
class ModelLease:
    """One Lease, over one adapter's way to the API server."""

    name: str
    link: Link

    @property
    def title(self) -> str:
        return f"Lease {self.name}"

    def read(self) -> Object | None:
        return self.link.request(lambda _: self.link.api.read(self.name))

    def create(self, content: Object) -> Object:
        return self.link.request(lambda now: self.link.api.write(self.name, content, now))

    def replace(self, changed: Object) -> Object:
        return self.link.request(lambda now: self.link.api.write(self.name, changed, now))


class ModelAdapter(SharingAdapter):
    """An adapter whose way to the API server can fail."""

    leases: Link

    def holds(self, vcenter: str) -> bool:
        """Whether its fence lets it deliver this one's events."""
        return vcenter in self._users and self.sharing.lease(vcenter).is_held

    def is_well(self, now: float) -> bool:
        return not (self.is_dead or self.is_frozen or self.is_stopping) and self.leases.well_since <= now


@dataclass
class World:
    """vCenters, adapters and an API server; every moment it is held against the promises."""

    seed: int
    vcenters: Sequence[str]
    most: int
    """How many adapters there are at most."""
    loss: float = 0.01
    adapters: list[ModelAdapter] = field(default_factory=list)
    events: Counter[str] = field(default_factory=Counter)
    longest_wait: float = 0.0
    overlaps: list[str] = field(default_factory=list)
    moves: int = 0
    """How many vCenters got another adapter in the calm, until all was settled."""
    _number: int = 0
    _stopping: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.api = ModelApi(self.random)
        self._seen: dict[str, float] = {}
        self._file = self.vcenters

    @property
    def living(self) -> list[ModelAdapter]:
        return [adapter for adapter in self.adapters if not adapter.is_dead and not adapter.is_stopping]

    async def run(self, turmoil: float, calm: float) -> None:
        """Let things go wrong for some seconds, then let all be well; hold the world against the promises."""
        self._seen = dict.fromkeys(self.vcenters, asyncio.get_running_loop().time())
        watch = asyncio.create_task(self._watch())
        try:
            for _ in range(max(1, self.most // 2)):
                self.join()
            await self._trouble(turmoil)
            self.mend()
            await self._settle(calm)
            if watch.done():
                await watch
        finally:
            watch.cancel()
            for adapter in self.adapters:
                adapter.kill()
            await asyncio.sleep(2 * TIMEOUT)

    # What happens.

    async def _trouble(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        happenings: list[tuple[int, Callable[[], None]]] = [
            (4, self.join),
            (2, self.stop),
            (2, self.kill),
            (3, self.freeze),
            (4, self.thaw),
            (2, self.cut),
            (4, self.connect),
            (1, self.lose_api),
            (2, self.change_file),
        ]
        weights, calls = zip(*happenings, strict=True)
        while asyncio.get_running_loop().time() < end:
            await asyncio.sleep(self.random.expovariate(self.most / 20))
            (happening,) = self.random.choices(calls, weights)
            happening()

    def join(self) -> None:
        if len(self.living) >= self.most:
            return
        self._number += 1
        link = Link(self.api, self.random, loss=self.loss)
        adapter = ModelAdapter(
            f"adapter-{self._number}",
            link,
            self.random,
            drain=self.random.choice([0.0, 0.2, 3.0]),
            ahead=self.random.uniform(-1e6, 1e6),
            on_answer=self._check_fence,
        )
        link.adapter, link.well_since = adapter, asyncio.get_running_loop().time()
        self.adapters.append(adapter)
        adapter.start(self._file)
        self.events["join"] += 1

    def stop(self) -> None:
        adapter = self._choose(lambda each: not each.is_frozen)
        if adapter and len(self.living) > 1:
            self.events["stop"] += 1
            self._stopping.append(asyncio.create_task(adapter.stop()))

    def kill(self) -> None:
        adapter = self._choose(lambda each: True)
        if adapter and len(self.living) > 1:
            self.events["kill"] += 1
            adapter.kill()

    def freeze(self) -> None:
        if adapter := self._choose(lambda each: not each.is_frozen):
            self.events["freeze"] += 1
            adapter.freeze()

    def thaw(self) -> None:
        if adapter := self._choose(lambda each: each.is_frozen):
            adapter.thaw()
            adapter.leases.well_since = asyncio.get_running_loop().time()

    def cut(self) -> None:
        if adapter := self._choose(lambda each: not each.leases.is_cut):
            self.events["cut"] += 1
            adapter.leases.is_cut = True

    def connect(self) -> None:
        self.api.is_away = False
        if adapter := self._choose(lambda each: each.leases.is_cut):
            adapter.leases.is_cut = False

    def lose_api(self) -> None:
        self.events["API server away"] += 1
        self.api.is_away = True

    def change_file(self) -> None:
        """Take some vCenters out of the file, or put them back; each adapter reads it within two seconds."""
        self.events["file changed"] += 1
        count = self.random.choice([len(self.vcenters), self.random.randint(1, len(self.vcenters))])
        self._write_file(self.random.sample(self.vcenters, count))

    def _write_file(self, vcenters: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        self._seen = {vcenter: self._seen.get(vcenter, now + REFRESH) for vcenter in vcenters}
        self._file = list(vcenters)
        for adapter in self.living:
            asyncio.get_running_loop().call_later(self.random.uniform(0, REFRESH), self._read_file, adapter)

    def _read_file(self, adapter: ModelAdapter) -> None:
        if not (adapter.is_dead or adapter.is_stopping):
            adapter.update(self._file)

    def mend(self) -> None:
        """Let all be well from now on."""
        self.api.is_away = False
        self._write_file(self.vcenters)
        for adapter in self.adapters:
            adapter.thaw()
            adapter.leases.is_cut, adapter.leases.loss = False, 0.0
            if not adapter.is_dead:
                adapter.leases.well_since = max(adapter.leases.well_since, asyncio.get_running_loop().time())

    def _choose(self, condition: Callable[[ModelAdapter], bool]) -> ModelAdapter | None:
        able = [adapter for adapter in self.living if condition(adapter)]
        return self.random.choice(able) if able else None

    # What is promised.

    def _check_fence(self, adapter: SharingAdapter, lease: SharedLease) -> None:
        """No other adapter passes check_held for a vCenter, not even a frozen or a dead one."""
        if not lease.is_held:
            return
        vcenter = lease._stored.title.removeprefix(f"Lease {BASE}-")
        for other in self.adapters:
            if other is not adapter and other.holds(vcenter):
                self.overlaps.append(f"{vcenter}: {adapter.name} and {other.name}")

    async def _watch(self) -> None:
        """No vCenter waits for longer than its bound, while some adapter has been well for as long."""
        while True:
            now = asyncio.get_running_loop().time()
            assert self.overlaps == [], self.overlaps[0]
            for adapter in self.adapters:
                adapter.raise_failure()
                if not adapter.is_dead and not adapter.is_frozen:
                    self._seen.update(dict.fromkeys(adapter.delivering & self._seen.keys(), now))
            well_since = min((each.leases.well_since for each in self.living if each.is_well(now)), default=now)
            for vcenter, seen in self._seen.items():
                since = max(seen, well_since, self.api.touched.get(f"{BASE}-{vcenter}", 0.0))
                self.longest_wait = max(self.longest_wait, now - since)
            assert self.longest_wait <= BOUND, f"{self.longest_wait:.1f} s"
            self.adapters = [each for each in self.adapters if not each.is_dead or self._is_held(each)]
            await asyncio.sleep(0.2)

    def _is_held(self, adapter: ModelAdapter) -> bool:
        return any(map(adapter.holds, self.vcenters))

    async def _settle(self, seconds: float) -> None:
        """In the calm, shares become at most one apart in few moves; then nothing moves."""
        begun = self.api.terms
        await asyncio.sleep(seconds / 2)
        self.moves = self.api.terms - begun
        assert self.moves <= 2 * len(self.vcenters), "more than taken once and handed on once"
        shares = [len(adapter.delivering) for adapter in self.living]
        assert sum(shares) == len(self.vcenters), shares
        assert max(shares) - min(shares) <= 1, shares
        settled = self.api.terms, self.api.asked
        await asyncio.sleep(seconds / 2)
        assert (self.api.terms, self.api.asked) == settled, "something moves on"
