"""One vCenter's pipeline on one page: page, reader, processor, dispatcher, sink, acknowledged; and the checkpoint."""

import asyncio
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import structlog

from vcenter_functions.login import Credentials, Refusals
from vcenter_source.commands.leadership import hold, is_stopping, supervise
from vcenter_source.core import gc_tuning
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Sink
from vcenter_source.core.errors import AuthenticationError, ConfigurationError, LeaseLostError, RetryableError
from vcenter_source.core.event import ClockReading
from vcenter_source.core.observers import Observers
from vcenter_source.core.sink_log import SinkLog
from vcenter_source.core.threads import RunBlocking, run_to_completion
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.pipeline.cursor import ReadCursor
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.pipeline.processor import MAX_AHEAD, EventProcessor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.pipeline.roster import RosterEntry
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.source import Settings
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore, OffsetTracker
from vcenter_source.state.checkpoint.committer import CheckpointCommitter
from vcenter_source.state.dead_letters import DeadLetters
from vcenter_source.state.lease import Lease
from vcenter_source.vcenter.client import WHOLE, About, Vcenter
from vcenter_source.vcenter.turns import ReadShare
from vcenter_source.wiring import build_converter, build_fence, build_stall_watch, connect_vcenter

log = structlog.get_logger()

Resume = Callable[["Pipeline", About], Awaitable[Checkpoint | None]]
"""Returns the checkpoint to begin at. Raises ConfigurationError for another vCenter's."""


async def load_own_checkpoint(pipeline: "Pipeline", about: About) -> Checkpoint | None:
    """Return the checkpoint. Raises ConfigurationError for another vCenter's: it would skip events of this one."""
    checkpoint = await run_to_completion(pipeline.store.load)
    if checkpoint is not None and checkpoint.instance_uuid != about.instance_uuid:
        raise ConfigurationError(
            f"CHECKPOINT: was kept for the vCenter with instance uuid {checkpoint.instance_uuid}, and this one is "
            f"{about.instance_uuid}; set another CHECKPOINT, or have this one begin anew, at START_FROM: "
            f"{pipeline.store.removal_command}"
        )
    return checkpoint


@dataclass(slots=True)
class Pipeline:
    """What stays the same each time that this adapter begins to deliver a vCenter's events.

    ``entry`` may be replaced by one with other credentials. ``lease`` is None without other adapters. If ``patient``,
    refused credentials are waited for until others come. ``share`` is what it may read beside the others; ``run_saves``
    runs what saves the checkpoint, and blocks. ``sink_log`` is the log of the sink, where several pipelines share it.
    """

    entry: RosterEntry
    settings: Settings
    lease: Lease | None
    store: CheckpointStore
    sink: Sink
    dead_letters: DeadLetters
    status: PipelineStatus
    observers: Observers
    patient: bool = False
    share: ReadShare = WHOLE
    run_saves: RunBlocking = run_to_completion
    resume: Resume = load_own_checkpoint
    refusals: Refusals = field(default_factory=Refusals)
    sink_log: SinkLog | None = None

    async def run(self) -> None:
        """Log in to vCenter, and deliver its events until cancelled."""
        entry, settings, types = self.entry, self.settings, TypeFilter(self.entry.events.types)
        config = replace(entry.vcenter, credentials=self.read_credentials)
        connection = connect_vcenter(
            config, self.status, self.observers, self.refusals, patient=self.patient, share=self.share
        )
        async with connection as (vcenter, about):
            cursor, tracker = await self._begin(vcenter, about)
            for doubt in types.doubts(about.categories):
                log.warning("EVENT_TYPES: a pattern may match nothing", reason=doubt)
            self.observers.on_start(tracker)
            committer = CheckpointCommitter(self.store, tracker, self.status.checkpoint, self.run_saves)
            await committer.claim()
            log.info("delivering events", **describe_way(entry, self.sink, tracker))
            gc_tuning.freeze_and_relax()
            reader = EventReader(
                vcenter, cursor, types.exact_names() or (), self.backoff, asyncio.sleep, tracker, self.observers
            )
            async with supervise() as tasks, self._deliver(committer, tasks) as dispatcher:
                ahead = max(MAX_AHEAD, settings.delivery.max_in_flight)
                converter = build_converter(entry.vcenter, entry.events, about)
                processor = EventProcessor(types, converter, tracker, dispatcher, self.observers, ahead)
                async with aclosing(reader.events()) as events:
                    async for event in events:
                        await processor.process(event)

    async def run_under_lease(self, lease: Lease) -> None:
        """Run whenever the Lease is ours, and stand by otherwise."""
        while True:
            try:
                async with hold(lease, self.refresh_checkpoint):
                    await self.run()
            except LeaseLostError as exc:
                if is_stopping():
                    raise
                log.warning("stopped delivering", reason=str(exc))
            except (RetryableError, AuthenticationError) as exc:
                if self.status.vcenter.age is None:  # maybe a wrong setting: whoever has set it learns at once
                    raise
                log.warning("cannot begin to deliver again, trying later", reason=str(exc))
                delay = self.settings.retry.max_delay * random.random()  # noqa: S311  to spread, not to hide
                await asyncio.sleep(delay)

    def read_credentials(self) -> Credentials:
        """Return the credentials as they are now, also of an entry that was replaced. Raises ConfigurationError."""
        return self.entry.vcenter.credentials()

    async def refresh_checkpoint(self) -> None:
        """Look at the checkpoint while standing by, in case that it is gone when we begin to deliver."""
        with suppress(RetryableError, ConfigurationError):
            await run_to_completion(self.store.load)

    async def _begin(self, vcenter: Vcenter, about: About) -> tuple[ReadCursor, OffsetTracker]:
        """Begin where the checkpoint says, or at START_FROM without one."""
        start = ClockReading(about.now, datetime.now(UTC))  # before anything that may take long
        start_from, resumed = start_time(self.entry.events, about), await self.resume(self, about)
        overlap = timedelta(seconds=self.entry.events.read_overlap)
        cursor = ReadCursor(start_from, resumed, overlap, vcenter.now)
        tracker = OffsetTracker(about.instance_uuid, resumed, start_from)
        tracker.begin(start, cursor.detect_clock_set_back(start))
        return cursor, tracker

    @property
    def _is_leading(self) -> bool:
        return self.lease is None or self.lease.is_held

    @property
    def backoff(self) -> Backoff:
        """The pauses between two tries, of an event or of reading."""
        return Backoff(longest=self.settings.retry.max_delay)

    @asynccontextmanager
    async def _deliver(self, committer: CheckpointCommitter, tasks: asyncio.TaskGroup) -> AsyncIterator[Dispatcher]:
        """Yield a dispatcher, and save checkpoints beside it. At the end, deliver what is in flight, then save."""
        settings = self.settings
        duration = settings.retry.max_duration or math.inf
        dispatcher = Dispatcher(
            self.sink,
            self.dead_letters,
            max_in_flight=settings.delivery.max_in_flight,
            retry=RetryPolicy(self.backoff, duration, poison_max_tries=settings.poison_max_tries),
            observer=self.observers,
            spawn=tasks.create_task,
            fence=build_fence(self.lease),
            sink_log=self.sink_log,
        )
        stall_watch = build_stall_watch(settings.sink, self.status)
        beside = [
            tasks.create_task(committer.save_regularly(settings.state.checkpoint_interval, sleep_until_tick)),
            tasks.create_task(stall_watch.watch(asyncio.sleep)),
        ]
        try:
            yield dispatcher
        finally:
            is_ours = self._is_leading and not committer.overtaken
            undelivered = await dispatcher.drain(settings.delivery.drain_timeout if is_ours else 0)
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            if self._is_leading:  # another adapter's checkpoint is not written to
                await committer.finish()
            self.observers.on_stop()
            log.info("stopped", undelivered=undelivered)


def describe_way(entry: RosterEntry, sink: Sink, tracker: OffsetTracker) -> dict[str, object]:
    """Return the fields of the first line of a pipeline: where events come from, where they go, and which ones."""
    last = tracker.last
    return {
        "source": entry.vcenter.source,
        "sink": sink.address,
        "types": list(entry.events.types) or "all",
        "begins": f"after event {last[0]}, the checkpoint" if last else f"START_FROM={entry.events.start_from}",
    }


async def sleep_until_tick(interval: float) -> None:
    """Sleep until the next multiple of the interval: pipelines that save at the same time can share a write."""
    await asyncio.sleep(interval - asyncio.get_running_loop().time() % interval)


def start_time(settings: EventSettings, about: About) -> datetime | None:
    """Return START_FROM as a time on vCenter's clock; None is the oldest event that it holds."""
    if settings.start_from == "beginning":
        return None
    if isinstance(settings.start_from, timedelta):
        return about.now - settings.start_from
    return about.now if settings.start_from == "now" else settings.start_from
