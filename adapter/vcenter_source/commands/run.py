"""The whole pipeline on one page: vCenter's events, each converted, delivered, acknowledged, and the place kept."""

import asyncio
import math
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

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
from vcenter_source.core.threads import run_to_completion
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.observe.metrics import Meters
from vcenter_source.pipeline.cursor import Position
from vcenter_source.pipeline.dispatcher import Delivery, Retry, Watch
from vcenter_source.pipeline.processor import AHEAD, Intake, ReadingProgress
from vcenter_source.pipeline.reader import Stream
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.sinks.openfaas.sink import OpenfaasSink
from vcenter_source.state.checkpoint import Checkpoint, CheckpointStore, OffsetTracker
from vcenter_source.state.checkpoint.committer import CheckpointCommitter
from vcenter_source.state.dead_letters import DeadLetters
from vcenter_source.state.lease import Lease
from vcenter_source.vcenter.client import About
from vcenter_source.vcenter.refusals import Refusals
from vcenter_source.wiring import (
    build_checkpoint_store,
    build_converter,
    build_fence,
    build_lease,
    build_stall_watch,
    connect_vcenter,
    open_dead_letters,
    open_sink,
    serve_health,
    watching,
)

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; what is on its way then is still delivered. A second signal ends that too."""
    warn_of_misspelt(Settings, GatewaySettings)
    work = asyncio.ensure_future(serve(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


async def serve(settings: Settings) -> None:
    """Carry events from vCenter to the sink whenever it is ours to do so. Raises the failures of ``core.errors``."""
    if settings.sink.address is None:
        await wait_without_sink(settings)
    meters, store = Meters(), build_checkpoint_store(settings.state.checkpoint)
    meters.lease = lease = build_lease(settings.state)
    async with (
        open_sink(settings.sink, meters.registry, build_fence(lease)) as sink,
        open_dead_letters(settings.dead_letters, settings.sink, build_fence(lease)) as letters,
        serve_health(settings, meters),
        watching(settings, meters, sink) as watch,
    ):
        meters.gateway = sink.poller.contact if isinstance(sink, OpenfaasSink) else None
        pipeline = Pipeline(settings, store, sink, letters, meters, watch)
        if lease is None:
            await pipeline.run()
        while lease is not None:
            try:
                async with leading(lease, pipeline.look):
                    await pipeline.run()
            except LeaseLostError as exc:
                if asked_to_stop():
                    raise
                log.warning("delivering no more", reason=str(exc))
            except (RetryableError, AuthenticationError) as exc:
                if meters.vcenter.age is None:  # a wrong setting, maybe: whoever has just set it is told at once
                    raise
                log.warning("cannot begin to deliver again, trying later", reason=str(exc))
                await asyncio.sleep(settings.retry.max_delay * random.random())  # noqa: S311  to spread, not to hide


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is the same each time that this adapter begins to deliver."""

    settings: Settings
    store: CheckpointStore
    sink: Sink
    letters: DeadLetters
    meters: Meters
    watch: Watch
    refusals: Refusals = field(default_factory=Refusals)

    async def look(self) -> None:
        """See how far the checkpoint is, in case that it is gone when we begin to deliver."""
        with suppress(RetryableError, ConfigurationError):
            await run_to_completion(self.store.load)

    async def _resumed(self, about: About) -> Checkpoint | None:
        """The checkpoint to go on from; one of another vCenter would skip this one's events."""
        checkpoint = await run_to_completion(self.store.load)
        if checkpoint is not None and checkpoint.instance_uuid != about.instance_uuid:
            raise ConfigurationError(
                f"CHECKPOINT: was kept for the vCenter with instance uuid {checkpoint.instance_uuid}, and this one is "
                f"{about.instance_uuid}; set another CHECKPOINT, or have this one begin anew, at START_FROM: "
                f"{self.store.removal_command}"
            )
        return checkpoint

    async def run(self) -> None:
        """Log in to vCenter, and carry events until cancelled."""
        settings, meters, lease = self.settings, self.meters, self.meters.lease
        types = TypeFilter(settings.events.types)
        backoff = Backoff(base=0.5, longest=settings.retry.max_delay, random=random.random)
        async with connect_vcenter(settings.vcenter, meters, self.refusals) as (vcenter, about):
            since, resumed = beginning(settings.events, about), await self._resumed(about)
            for doubt in types.doubts(about.categories):
                log.warning("EVENT_TYPES: a pattern may match nothing", reason=doubt)
            ledger = OffsetTracker(about.instance_uuid, resumed, since)
            meters.follow(ledger)
            most = settings.poison_max_tries
            retry = Retry(backoff, settings.retry.max_duration or math.inf, poison_max_tries=most)
            keeper = CheckpointCommitter(self.store, ledger, meters.checkpoint)
            await keeper.claim()
            position = Position(since, resumed, timedelta(seconds=settings.events.read_overlap), vcenter.now)
            start = ClockReading(about.now, datetime.now(UTC))
            if not position.clock_at_start(start):
                ledger.set_start_clock(start)
            gc_tuning.freeze_and_relax()
            progress = ReadingProgress(ledger, meters)
            stream = Stream(vcenter, position, types.exact_names() or (), backoff, asyncio.sleep, progress)
            async with supervised() as tasks:
                delivery = Delivery(
                    self.sink,
                    self.letters,
                    max_in_flight=settings.delivery.max_in_flight,
                    retry=retry,
                    watch=self.watch,
                    spawn=tasks.create_task,
                    fence=build_fence(lease),
                )
                ahead = max(AHEAD, settings.delivery.max_in_flight)
                intake = Intake(types, build_converter(settings, about), ledger, delivery, meters, ahead)
                keeping = tasks.create_task(keeper.save_regularly(settings.state.checkpoint_interval, asyncio.sleep))
                stall = tasks.create_task(build_stall_watch(settings.sink, meters).keep_looking(asyncio.sleep))
                try:
                    async with aclosing(stream.events()) as events:
                        async for event in events:
                            await intake.take(event)
                finally:
                    ours = meters.leading and not keeper.overtaken
                    undelivered = await delivery.drain(settings.delivery.drain_timeout if ours else 0)
                    keeping.cancel()
                    stall.cancel()
                    await asyncio.wait([keeping, stall])
                    if meters.leading:  # what is another's by now is not written to
                        await keeper.finish()
                    log.info("stopped", undelivered=undelivered)


@asynccontextmanager
async def leading(lease: Lease, meanwhile: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Begins when the Lease is ours, and is cancelled as soon as it may be another's: LeaseLostError is raised then."""
    try:
        await lease.acquire(meanwhile)
        async with supervised() as tasks:
            tasks.create_task(lease.renew_regularly())
            tasks.create_task(lease.watch())
            try:
                yield
            except OvertakenError:
                await lease.renew()  # who has it now has claimed the checkpoint too, maybe before we looked again
                lease.check_held()
                raise
    finally:
        await lease.release()


def asked_to_stop() -> bool:
    """Whether this task was cancelled, also where something else was raised than that."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


@asynccontextmanager
async def supervised() -> AsyncIterator[asyncio.TaskGroup]:
    """Tasks of which the first failure cancels the others and is raised, as itself."""
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures


def beginning(settings: EventSettings, about: About) -> datetime | None:
    """START_FROM as a time on vCenter's clock; None is the oldest event that it holds."""
    if settings.start_from == "beginning":
        return None
    if isinstance(settings.start_from, timedelta):
        return about.now - settings.start_from
    return about.now if settings.start_from == "now" else settings.start_from
