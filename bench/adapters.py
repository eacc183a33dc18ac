"""Two adapters that share vCenters by Leases, and one: how fast each way drains a backlog, and on whose CPU."""

import asyncio
import json
import os
import signal
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import aiohttp

from bench.delay import Remote
from bench.many import Figures, build_entries, start_adapter
from bench.processes import cpu_seconds, line_of
from bench.runs import flags, sink
from bench.vcenters import run_vcenters
from demo.kube_api import KubeApi, serve, write_kubeconfig

VCENTERS = 8
LATENCY = 5
"""The sink's, in milliseconds."""

REST_SECONDS = 2.0
"""Seconds after the sharing in which the adapters read what their log-ins have left."""

CPU_GROUPS = Path("/sys/fs/cgroup/cpu")
LIMIT = 0.4
"""Cores of an adapter, where they are limited: few enough that two cores hold two adapters, the sink and all else."""

PERIOD = 100_000
"""Microseconds in which a limited process has its share of a core."""

SHARE = {"LEASE": "bench", "CHECKPOINT": "configmap://bench"}


async def measure_sharing(adapters: int, events: int, cores: float | None = None) -> Figures:
    """Drain so many events of eight vCenters by so many adapters; ``cores`` limits the CPU of each.

    The events are posted once each adapter has its share. ``cpu`` is of all adapters, in seconds, ``sink`` and
    ``vcenters`` are the CPU seconds of those processes.
    """
    options = {"expected": events, "latency": LATENCY, "seconds": 600}
    async with AsyncExitStack() as stack:
        simulators, addresses = await stack.enter_async_context(run_vcenters(VCENTERS))
        receiver, address = await stack.enter_async_context(sink(*flags(options)))
        api = KubeApi()
        await stack.enter_async_context(serve(api))
        client = await stack.enter_async_context(aiohttp.ClientSession())
        kubeconfig = write_kubeconfig(Path(stack.enter_context(TemporaryDirectory())) / "kubeconfig", api.url)
        more, entries = SHARE | {"KUBECONFIG": str(kubeconfig)}, build_entries(addresses)
        running = [await stack.enter_async_context(start_adapter(entries, address, more)) for _ in range(adapters)]
        await wait_until_shared(api, adapters)
        await asyncio.sleep(REST_SECONDS)
        if cores is not None:
            for adapter in running:
                stack.enter_context(limit_cpu(adapter, cores))
        receiver.send_signal(signal.SIGUSR1)
        processes = {"sink": [receiver], "vcenters": [simulators], "cpu": running}
        before = {name: cpu_of(each) for name, each in processes.items()}
        vcenters = [Remote(client, url.removesuffix("/sdk")) for url in addresses]
        await asyncio.gather(*(vcenter.post(events // VCENTERS) for vcenter in vcenters))
        counts = json.loads(await line_of(receiver, "sink done: "))
        spent = {name: cpu_of(each) - before[name] for name, each in processes.items()}
        if counts["identities"] < counts["requests"]:
            raise SystemExit(f"{adapters} adapters have sent events twice: {counts}")
        return spent | {"events": counts["requests"], "seconds": counts["seconds"]}


def cpu_of(processes: list[Process]) -> float:
    """Return the CPU seconds of several processes."""
    return sum(map(cpu_seconds, processes))


async def wait_until_shared(api: KubeApi, adapters: int) -> None:
    """Wait until each adapter holds as many Leases as the others."""
    async with asyncio.timeout(60):
        while count_holders(api) != [VCENTERS // adapters] * adapters:  # noqa: ASYNC110  there is nothing to wait on
            await asyncio.sleep(0.1)


def count_holders(api: KubeApi) -> list[int]:
    """Return how many Leases each adapter holds."""
    leases = [stored for (resource, _, _), stored in api.kept.objects.items() if resource == "leases"]
    holders = Counter((lease.get("spec") or {}).get("holderIdentity") for lease in leases)
    return [count for holder, count in holders.items() if holder]


def may_limit_cpu() -> bool:
    """Return whether this machine lets us limit the CPU of a process: by control groups of version 1, as root."""
    return (CPU_GROUPS / "cpu.shares").exists() and os.access(CPU_GROUPS, os.W_OK)


@contextmanager
def limit_cpu(process: Process, cores: float) -> Iterator[None]:
    """Give a process at most so much of the cores, as the limit of a Pod does."""
    group = CPU_GROUPS / f"bench-{process.pid}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD))
        (group / "cpu.cfs_quota_us").write_text(str(int(PERIOD * cores)))
        (group / "cgroup.procs").write_text(str(process.pid))
        yield
    finally:
        with suppress(OSError):
            (CPU_GROUPS / "cgroup.procs").write_text(str(process.pid))
        group.rmdir()
