"""Several vCenters in one process: a pipeline for each vCenter in VCENTERS_FILE, also after the file has changed.

A vCenter's task is nested by what may end::

    _manage        the vCenter is in the file                removed: drain, stop
      _run         its entry stays the same                  changed: drain, start anew
        _lead      the Lease is ours                         another adapter shall have it: drain, release, wait
          _insist  nothing fails                             failed: wait, start anew
            Pipeline

What keeps one vCenter from being read is logged, shows in /readyz, and is tried again; the others go on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field

import structlog

from vcenter_functions.login import Refusals
from vcenter_source.commands.leadership import KeptLease, hold, is_stopping, supervise
from vcenter_source.commands.pipeline import Pipeline
from vcenter_source.commands.resumption import Resumption
from vcenter_source.core.errors import ConfigurationError, LeaseLostError, OvertakenError, VcenterSourceError
from vcenter_source.core.threads import create_runner
from vcenter_source.pipeline.roster import Roster, RosterEntry
from vcenter_source.state.lease import do_nothing
from vcenter_source.state.shared_lease import SharedLease
from vcenter_source.vcenter.paging import share_pages
from vcenter_source.vcenter.turns import ReadShare, Turns
from vcenter_source.wiring import SharedParts, build_checkpoint_stores, build_lease, build_sharing

log = structlog.get_logger()

REFRESH_SECONDS = 1.0
"""How often VCENTERS_FILE is looked at."""

SAVING_THREADS = 64
"""How many checkpoints are saved at the same time; in a ConfigMap, they share one write."""

STEADY_SECONDS = 60.0
"""A pipeline that has run for so long had begun well: its next failure is a first one."""


@dataclass(slots=True, eq=False)
class ManagedVcenter:
    """A vCenter that is in the file, or was: then ``entry`` is None. ``changed`` is set when it is another one.

    ``ended`` is set when this process has stopped reading it.
    """

    entry: RosterEntry | None
    pipeline: Pipeline | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs the pipelines of all vCenters in VCENTERS_FILE. ``sleep`` waits some seconds; tests pass their own."""

    def __init__(
        self, shared: SharedParts, roster: Roster, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        settings = shared.settings
        self._shared = shared
        self._roster = roster
        self._sleep = sleep
        self._sharing = build_sharing(settings.state)
        self._build_store = build_checkpoint_stores(settings.state.checkpoint, is_shared=self._sharing is not None)
        lease_of_one = build_lease(settings.state)
        self._lease_of_one = KeptLease(lease_of_one) if lease_of_one else None
        self._resumption = Resumption(
            settings.state, self._build_store, self._list_names, self._wait_for_end, self._lease_of_one
        )
        self._turns = Turns()
        self._run_saves = create_runner(SAVING_THREADS, "checkpoint")
        self._managed: dict[str, ManagedVcenter] = {}
        shared.observation.metrics.add_roster(lambda: roster.problem)

    async def run(self) -> None:
        """Run until cancelled; then all pipelines deliver what is in flight, before the last Lease is released."""
        async with supervise() as beside, supervise() as tasks:
            if self._lease_of_one is not None:
                beside.create_task(self._lease_of_one.run())
            self._adjust(tasks)
            if self._sharing is not None:
                tasks.create_task(self._sharing.run())
            while True:
                await self._sleep(REFRESH_SECONDS)
                if self._roster.refresh():
                    self._adjust(tasks)

    def _list_names(self) -> list[str]:
        return [entry.vcenter.name for entry in self._roster.vcenters]

    async def _wait_for_end(self, name: str) -> None:
        """Wait until this process has stopped reading a vCenter that is gone from the file."""
        if name in self._managed:
            await self._managed[name].ended.wait()

    def _adjust(self, tasks: asyncio.TaskGroup) -> None:
        """Start, change and stop pipelines as the file says."""
        wanted = {entry.vcenter.name: entry for entry in self._roster.vcenters}
        log.info("vCenters in the file", names=list(wanted))
        if self._sharing is not None:
            self._sharing.update(list(wanted))
        for name, managed in self._managed.items():
            self._change(managed, wanted.get(name))
        for name in wanted.keys() - self._managed.keys():
            self._managed[name] = ManagedVcenter(wanted[name])
            tasks.create_task(self._manage(name, self._managed[name]))

    def _change(self, managed: ManagedVcenter, entry: RosterEntry | None) -> None:
        if managed.entry != entry:
            managed.changed.set()
        elif managed.pipeline is not None and entry is not None:
            managed.pipeline.entry = entry  # its credentials may be others; they are used at the next log-in
        managed.entry = entry

    async def _manage(self, name: str, managed: ManagedVcenter) -> None:
        """Run a vCenter's pipeline, and another one whenever its entry changes, until the file does not have it."""
        structlog.contextvars.bind_contextvars(vcenter=name)
        lease = self._sharing.lease(name) if self._sharing else None
        status, observers = self._shared.observation.add_vcenter(name, lease)
        refusals = Refusals()
        try:
            while (entry := managed.entry) is not None:
                managed.changed.clear()
                managed.pipeline = Pipeline(
                    entry,
                    self._shared.settings,
                    lease,
                    self._build_store(name),
                    self._shared.sink,
                    self._shared.dead_letters,
                    status,
                    observers,
                    patient=True,
                    share=ReadShare(share_pages(len(self._managed)), self._turns),
                    run_saves=self._run_saves,
                    resume=self._resumption.resume,
                    refusals=refusals,
                    sink_log=self._shared.sink_log,
                )
                await run_until(managed.changed.wait(), self._run(managed.pipeline, lease))
        finally:
            self._shared.observation.remove_vcenter(name)
            del self._managed[name]
            managed.ended.set()

    async def _run(self, pipeline: Pipeline, lease: SharedLease | None) -> None:
        if lease is None:
            await self._insist(pipeline)
            return
        while True:
            try:
                await self._lead(pipeline, lease)
            except (LeaseLostError, OvertakenError) as exc:
                log.warning("stopped delivering", reason=str(exc))
                if is_stopping():
                    return  # raised, it would cut short what the others still deliver

    async def _lead(self, pipeline: Pipeline, lease: SharedLease) -> None:
        """Wait for the Lease, and run until another adapter shall have it."""
        async with hold(lease, do_nothing):
            await run_until(lease.wait_until_wanted(), self._insist(pipeline))

    async def _insist(self, pipeline: Pipeline) -> None:
        """Run the pipeline; after a failure, run it again. Raises LeaseLostError and OvertakenError."""
        failures = 0
        while True:
            begun = time.monotonic()
            reason = await self._try(pipeline)
            if is_stopping():
                return  # it has failed while it was ending
            failures = 0 if time.monotonic() - begun > STEADY_SECONDS else failures + 1
            delay = pipeline.backoff.delay(failures)
            pipeline.status.vcenter.record_failure(reason)
            log.warning("vCenter is not read, trying again", reason=reason, seconds=round(delay, 1))
            await self._sleep(delay)

    async def _try(self, pipeline: Pipeline) -> str:
        """Run the pipeline until it fails; return why. Raises LeaseLostError and OvertakenError."""
        try:
            await pipeline.run()
        except (LeaseLostError, OvertakenError):
            raise
        except VcenterSourceError as exc:
            if isinstance(exc, ConfigurationError):  # the store remembers the checkpoint that was refused
                pipeline.store = self._build_store(pipeline.entry.vcenter.name)
            return " ".join(str(exc).split())
        except Exception as exc:  # one vCenter's pipeline must not end those of the others
            log.exception("unforeseen failure")
            return f"unforeseen failure: {exc!r}"
        return "ended without a reason"


async def run_until(end: Coroutine[None, None, object], work: Coroutine[None, None, None]) -> None:
    """Run work until ``end`` returns; then cancel it, and wait until it has ended. Raises what it raises."""
    async with supervise() as tasks:
        running = tasks.create_task(work)
        await end
        running.cancel()
