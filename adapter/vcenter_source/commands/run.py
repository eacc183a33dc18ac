"""The whole pipeline on one page: page, reader, processor, dispatcher, sink, acknowledged; and the checkpoint."""

import asyncio
import math
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from vcenter_functions.login import Refusals
from vcenter_source.commands.binding import wait_without_sink
from vcenter_source.core import gc_tuning
from vcenter_source.core.backoff import Backoff
from vcenter_source.core.envelope import Sink
from vcenter_source.core.errors import (
    AuthenticationError,
    ConfigurationError,
    LeaseLostError,
    OvertakenError,
    RetryableError,
)
from vcenter_source.core.event import ClockReading
from vcenter_source.core.observers import Observers
from vcenter_source.core.threads import run_to_completion
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.observe.health import Health
from vcenter_source.observe.metrics import Metrics
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.pipeline.cursor import ReadCursor
from vcenter_source.pipeline.dispatcher import Dispatcher, RetryPolicy
from vcenter_source.pipeline.processor import MAX_AHEAD, EventProcessor
from vcenter_source.pipeline.reader import EventReader
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore, OffsetTracker
from vcenter_source.state.checkpoint.committer import CheckpointCommitter
from vcenter_source.state.dead_letters import DeadLetters
from vcenter_source.state.lease import Lease
from vcenter_source.vcenter.client import About, Vcenter
from vcenter_source.wiring import (
    build_checkpoint_store,
    build_converter,
    build_fence,
    build_health,
    build_lease,
    build_stall_watch,
    connect_vcenter,
    open_dead_letters,
    open_observers,
    open_sink,
)

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT, then deliver what is in flight. A second signal ends that too."""
    warn_of_misspelt(Settings, GatewaySettings)
    work = asyncio.ensure_future(serve(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


async def serve(settings: Settings) -> None:
    """Deliver vCenter's events whenever it is this adapter's turn. Raises the failures of ``core.errors``."""
    if settings.sink.address is None:
        await wait_without_sink(settings)
    store, lease = build_checkpoint_store(settings.state.checkpoint), build_lease(settings.state)
    status = PipelineStatus()
    metrics = Metrics(status, is_leading=lambda: lease is None or lease.is_held)
    async with (
        open_sink(settings.sink, metrics.registry) as sink,
        open_dead_letters(settings.dead_letters, settings.sink) as dead_letters,
    ):
        health = build_health(settings, status, lease, sink)
        async with open_observers(settings, metrics, health, sink) as observers:
            pipeline = Pipeline(settings, lease, store, sink, dead_letters, health, observers)
            await (pipeline.run() if lease is None else pipeline.run_under_lease(lease))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What stays the same each time that this adapter begins to deliver. ``lease`` is None without other adapters."""

    settings: Settings
    lease: Lease | None
    store: CheckpointStore
    sink: Sink
    dead_letters: DeadLetters
    health: Health
    observers: Observers
    refusals: Refusals = field(default_factory=Refusals)

    async def run(self) -> None:
        """Log in to vCenter, and deliver its events until cancelled."""
        settings, types = self.settings, TypeFilter(self.settings.events.types)
        connection = connect_vcenter(settings.vcenter, self.health.status, self.observers, self.refusals)
        async with connection as (vcenter, about):
            cursor, tracker = await self._resume(vcenter, about)
            for doubt in types.doubts(about.categories):
                log.warning("EVENT_TYPES: a pattern may match nothing", reason=doubt)
            self.observers.on_start(tracker)
            committer = CheckpointCommitter(self.store, tracker, self.health.status.checkpoint)
            await committer.claim()
            gc_tuning.freeze_and_relax()
            reader = EventReader(
                vcenter, cursor, types.exact_names() or (), self._backoff, asyncio.sleep, tracker, self.observers
            )
            async with supervise() as tasks, self._deliver(committer, tasks) as dispatcher:
                ahead = max(MAX_AHEAD, settings.delivery.max_in_flight)
                processor = EventProcessor(
                    types, build_converter(settings, about), tracker, dispatcher, self.observers, ahead
                )
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
                if self.health.status.vcenter.age is None:  # maybe a wrong setting: whoever has set it learns at once
                    raise
                log.warning("cannot begin to deliver again, trying later", reason=str(exc))
                delay = self.settings.retry.max_delay * random.random()  # noqa: S311  to spread, not to hide
                await asyncio.sleep(delay)

    async def refresh_checkpoint(self) -> None:
        """Look at the checkpoint while standing by, in case that it is gone when we begin to deliver."""
        with suppress(RetryableError, ConfigurationError):
            await run_to_completion(self.store.load)

    async def _resume(self, vcenter: Vcenter, about: About) -> tuple[ReadCursor, OffsetTracker]:
        """Begin where the checkpoint says, or at START_FROM without one."""
        start_from, resumed = start_time(self.settings.events, about), await self._load_checkpoint(about)
        overlap = timedelta(seconds=self.settings.events.read_overlap)
        cursor = ReadCursor(start_from, resumed, overlap, vcenter.now)
        tracker = OffsetTracker(about.instance_uuid, resumed, start_from)
        start = ClockReading(about.now, datetime.now(UTC))
        if not cursor.detect_clock_set_back(start):
            tracker.set_start_clock(start)
        return cursor, tracker

    async def _load_checkpoint(self, about: About) -> Checkpoint | None:
        """Return the checkpoint. Raises ConfigurationError for another vCenter's: it would skip events of this one."""
        checkpoint = await run_to_completion(self.store.load)
        if checkpoint is not None and checkpoint.instance_uuid != about.instance_uuid:
            raise ConfigurationError(
                f"CHECKPOINT: was kept for the vCenter with instance uuid {checkpoint.instance_uuid}, and this one is "
                f"{about.instance_uuid}; set another CHECKPOINT, or have this one begin anew, at START_FROM: "
                f"{self.store.removal_command}"
            )
        return checkpoint

    @property
    def _backoff(self) -> Backoff:
        return Backoff(base=0.5, longest=self.settings.retry.max_delay, random=random.random)

    @asynccontextmanager
    async def _deliver(self, committer: CheckpointCommitter, tasks: asyncio.TaskGroup) -> AsyncIterator[Dispatcher]:
        """Yield a dispatcher, and save checkpoints beside it. At the end, deliver what is in flight, then save."""
        settings = self.settings
        duration = settings.retry.max_duration or math.inf
        dispatcher = Dispatcher(
            self.sink,
            self.dead_letters,
            max_in_flight=settings.delivery.max_in_flight,
            retry=RetryPolicy(self._backoff, duration, poison_max_tries=settings.poison_max_tries),
            observer=self.observers,
            spawn=tasks.create_task,
            fence=build_fence(self.lease),
        )
        stall_watch = build_stall_watch(settings.sink, self.health.status)
        beside = [
            tasks.create_task(committer.save_regularly(settings.state.checkpoint_interval, asyncio.sleep)),
            tasks.create_task(stall_watch.watch(asyncio.sleep)),
        ]
        try:
            yield dispatcher
        finally:
            is_ours = self.health.is_leading and not committer.overtaken
            undelivered = await dispatcher.drain(settings.delivery.drain_timeout if is_ours else 0)
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            if self.health.is_leading:  # another adapter's checkpoint is not written to
                await committer.finish()
            log.info("stopped", undelivered=undelivered)


@asynccontextmanager
async def hold(lease: Lease, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Wait for the Lease, and cancel the body as soon as another may have it; LeaseLostError is raised then."""
    try:
        await lease.acquire(meanwhile)
        term = lease.term
        async with supervise() as tasks:
            tasks.create_task(lease.renew_regularly())
            tasks.create_task(lease.watch())
            try:
                yield
            except OvertakenError:
                await lease.renew()  # who has it now has claimed the checkpoint too, maybe before we looked again
                lease.check_held(term)
                raise
    finally:
        await lease.release()


def is_stopping() -> bool:
    """Whether this task was cancelled, even if another exception was raised since."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def supervise() -> AsyncIterator[asyncio.TaskGroup]:
    """Yield a group of tasks. The first failure cancels the others and is raised, as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


def start_time(settings: EventSettings, about: About) -> datetime | None:
    """Return START_FROM as a time on vCenter's clock; None is the oldest event that it holds."""
    if settings.start_from == "beginning":
        return None
    if isinstance(settings.start_from, timedelta):
        return about.now - settings.start_from
    return about.now if settings.start_from == "now" else settings.start_from
