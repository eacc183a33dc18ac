"""The whole pipeline on one page: vCenter's events, each converted, delivered, acknowledged, and the place kept."""

import asyncio
import gc
import math
import random
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry

from adapter import health, otlp
from adapter.backoff import Backoff
from adapter.checkpoint import Checkpoint, Ledger, Store
from adapter.checkpoint.configmap import ConfigMapStore
from adapter.checkpoint.file import FileStore
from adapter.checkpoint.keeper import Keeper
from adapter.checkpoint.memory import MemoryStore
from adapter.cloudevent import Converter
from adapter.deadletters import DeadLetters, FirstOf, NoDeadLetters
from adapter.deadletters.folder import Folder
from adapter.deadletters.sink import SinkLetters
from adapter.delivery import Delivery, Fence, Retry, Sink, Watch
from adapter.errors import AuthenticationError, ConfigurationError, LeaseLostError, OvertakenError, RetryableError
from adapter.intake import AHEAD, Intake
from adapter.lease import REQUEST, Lease, process_name
from adapter.metrics import Meters
from adapter.openfaas.sink import OpenfaasSink, openfaas_sink
from adapter.position import Position
from adapter.settings import NOWHERE, OBJECT_NAME, Settings
from adapter.sinks.broker import http_sink
from adapter.sinks.nowhere import NowhereSink
from adapter.sinks.stdout import StdoutSink
from adapter.sinksettings import OPENFAAS
from adapter.stream import Stream
from adapter.threads import to_its_end
from adapter.typefilter import TypeFilter
from adapter.vcenter.client import About, Vcenter
from adapter.vcenter.session import Session, tls_context

log = structlog.get_logger()


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; what is on its way then is still delivered. A second signal ends that too."""
    work = asyncio.ensure_future(serve(settings))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, work.cancel)
    with suppress(asyncio.CancelledError):
        await work


async def serve(settings: Settings) -> None:
    """Carry events from vCenter to the sink whenever it is ours to do so. Raises the failures of ``adapter.errors``."""
    meters, store = Meters(), checkpoint_store(settings.checkpoint)
    meters.lease = lease = lease_of(settings)
    async with (
        sink_of(settings, meters.registry, fence_of(lease)) as sink,
        dead_letters_of(settings, fence_of(lease)) as letters,
        observed(settings, meters),
        watching(settings, meters, sink) as watch,
    ):
        meters.gateway = sink.reader.contact if isinstance(sink, OpenfaasSink) else None
        pipeline = Pipeline(settings, store, sink, letters, meters, watch)
        if lease is None:
            await pipeline.run()
        while lease is not None:
            try:
                async with leading(lease):
                    await pipeline.run()
            except LeaseLostError as exc:
                if asked_to_stop():
                    raise
                log.warning("delivering no more", reason=str(exc))
            except (RetryableError, AuthenticationError) as exc:
                if meters.vcenter.age is None:  # a wrong setting, maybe: whoever has just set it is told at once
                    raise
                log.warning("cannot begin to deliver again, trying later", reason=str(exc))
                await asyncio.sleep(settings.retry_max_delay * random.random())  # noqa: S311  to spread, not to hide


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What is the same each time that this adapter begins to deliver."""

    settings: Settings
    store: Store
    sink: Sink
    letters: DeadLetters
    meters: Meters
    watch: Watch

    async def run(self) -> None:
        """Log in to vCenter, and carry events until cancelled."""
        settings, meters, lease = self.settings, self.meters, self.meters.lease
        types = TypeFilter(settings.event_types)
        backoff = Backoff(base=0.5, longest=settings.retry_max_delay, random=random.random)
        async with vcenter_of(settings, meters) as (vcenter, about):
            since, resumed = beginning(settings, about), resumable(await to_its_end(self.store.load), about)
            await to_its_end(self.store.claim)
            ledger = Ledger(about.instance_uuid, resumed, since)
            meters.follow(ledger)
            retry = Retry(backoff, settings.retry_max_duration or math.inf)
            keeper = Keeper(self.store, ledger, meters.checkpoint)
            position = Position(since, resumed)
            position.clock_at_start(about.now)
            gc.freeze()  # what stands by now stays; looking through it again and again took a fifth of all CPU
            stream = Stream(vcenter, position, types.exact_names() or (), backoff, asyncio.sleep)
            async with supervised() as tasks:
                delivery = Delivery(
                    self.sink,
                    self.letters,
                    max_in_flight=settings.max_in_flight,
                    retry=retry,
                    watch=self.watch,
                    spawn=tasks.create_task,
                    fence=fence_of(lease),
                )
                ahead = max(AHEAD, settings.max_in_flight)
                intake = Intake(types, converter_of(settings, about), ledger, delivery, meters, ahead)
                keeping = tasks.create_task(keeper.save_regularly(settings.checkpoint_interval, asyncio.sleep))
                try:
                    async with aclosing(stream.events()) as events:
                        async for event in events:
                            await intake.take(event)
                finally:
                    ours = meters.leading and not keeper.overtaken
                    undelivered = await delivery.drain(settings.drain_timeout if ours else 0)
                    keeping.cancel()
                    await asyncio.wait([keeping])
                    if meters.leading:  # what is another's by now is not written to
                        await keeper.finish()
                    log.info("stopped", undelivered=undelivered)


@asynccontextmanager
async def leading(lease: Lease) -> AsyncIterator[None]:
    """Begins when the Lease is ours, and is cancelled as soon as it may be another's: LeaseLostError is raised then."""
    try:
        await lease.acquire()
        async with supervised() as tasks:
            tasks.create_task(lease.renew_regularly())
            tasks.create_task(lease.watch())
            try:
                yield
            except OvertakenError:
                lease.must_be_held()  # who has the Lease now has claimed the checkpoint too
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


def beginning(settings: Settings, about: About) -> datetime | None:
    """START_FROM as a time on vCenter's clock; None is the oldest event that it holds."""
    if settings.start_from == "beginning":
        return None
    return about.now if settings.start_from == "now" else settings.start_from


def resumable(checkpoint: Checkpoint | None, about: About) -> Checkpoint | None:
    """The checkpoint to go on from; one of another vCenter would skip this one's events."""
    if checkpoint is not None and checkpoint.instance_uuid != about.instance_uuid:
        raise ConfigurationError(
            f"CHECKPOINT: was kept for the vCenter with instance uuid {checkpoint.instance_uuid}, and this one is "
            f"{about.instance_uuid}; set another CHECKPOINT, or remove this one to begin at START_FROM"
        )
    return checkpoint


def converter_of(settings: Settings, about: About) -> Converter:
    """How this vCenter's events become CloudEvents."""
    return Converter(
        source=settings.source,
        api_version=about.api_version,
        event_format=settings.event_format,
        categories=about.categories,
        overrides=settings.ce_overrides,
    )


def checkpoint_store(address: str) -> Store:
    """The store that CHECKPOINT names."""
    parts = urlsplit(address)
    if address == "memory:":
        return MemoryStore()
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileStore(Path(parts.path))
    name = address.removeprefix("configmap://")
    if parts.scheme == "configmap" and OBJECT_NAME.fullmatch(name):
        from adapter import kube

        return ConfigMapStore(kube.connect().object(kube.CONFIG_MAP, name, "CHECKPOINT"), process_name())
    wanted = "file:///path/to/file, configmap://[namespace/]name or memory:"
    raise ConfigurationError(f"CHECKPOINT: {address!r}: set {wanted}")


def lease_of(settings: Settings) -> Lease | None:
    """The Lease that LEASE names."""
    if settings.lease is None:
        return None
    from adapter import kube

    patience = settings.lease_duration * REQUEST
    stored = kube.connect().object(kube.LEASE, settings.lease, "LEASE", patience)
    return Lease(stored, process_name(), duration=settings.lease_duration)


def fence_of(lease: Lease | None) -> Fence:
    """What is asked before anything that one adapter alone may do; it raises LeaseLostError."""
    return lease.must_be_held if lease else lambda: None


@asynccontextmanager
async def sink_of(
    settings: Settings, registry: CollectorRegistry | None = None, fence: Fence = lambda: None
) -> AsyncIterator[Sink]:
    """The sink that K_SINK or --sink names. What it counts itself joins the registry."""
    if settings.sink is None:
        raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to print events")
    if settings.sink == "-":
        yield StdoutSink()
        return
    if settings.sink == NOWHERE:
        yield NowhereSink()
        return
    if settings.sink.startswith(OPENFAAS):
        async with openfaas_sink(settings, registry, fence) as functions:
            yield functions
        return
    async with http_sink(
        settings.sink,
        ca_certs=settings.ca_certs,
        answer_timeout=settings.sink_timeout,
        max_event_bytes=settings.max_event_bytes,
        batch=settings.batch,
        token_file=settings.sink_token,
        fence=fence,
    ) as sink:
        yield sink


@asynccontextmanager
async def dead_letters_of(settings: Settings, fence: Fence = lambda: None) -> AsyncIterator[DeadLetters]:
    """Where events go that the sink will never take: DEAD_LETTER_SINK, where that takes none, DEAD_LETTER_PATH."""
    folder = settings.dead_letter_path and Folder(settings.dead_letter_path, settings.dead_letter_max_bytes)
    if settings.dead_letter_sink is None:
        yield folder or NoDeadLetters()
        return
    async with http_sink(
        settings.dead_letter_sink,
        ca_certs=settings.ca_certs,
        answer_timeout=settings.sink_timeout,
        fence=fence,
    ) as sink:
        first = SinkLetters(sink)
        yield FirstOf([first, folder]) if folder else first


@asynccontextmanager
async def observed(settings: Settings, meters: Meters) -> AsyncIterator[None]:
    """Probes and Prometheus are answered, and metrics pushed where OTLP is configured, also while a stop drains."""
    judged = health.Health(meters, settings.health_stale_after, settings.checkpoint_interval)
    with otlp.exporting(meters):
        async with health.serving(judged, settings.health_host, settings.serves_health_on):
            yield


@asynccontextmanager
async def watching(settings: Settings, meters: Meters, sink: Sink) -> AsyncIterator[Watch]:
    """Who is told of deliveries: the meters, and the event viewer where VIEWER is set; it is not loaded otherwise."""
    if settings.viewer is None:
        yield meters
        return
    from adapter.viewer import wiring

    async with wiring.viewing(settings, meters, None if settings.sink == NOWHERE else sink) as watch:
        yield watch


@asynccontextmanager
async def vcenter_of(settings: Settings, meters: Meters) -> AsyncIterator[tuple[Vcenter, About]]:
    """The vCenter that VCENTER_URL names, logged in to; logged out of at the end."""
    tls = tls_context(settings.vcenter_ca_file, insecure=settings.vcenter_insecure)
    session = Session(settings.vcenter_url, settings.credentials, tls, meters.logged_in)
    vcenter = Vcenter(session, meters.vcenter)
    try:
        yield vcenter, await vcenter.connect()
    finally:
        await vcenter.close()
