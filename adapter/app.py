"""The whole pipeline on one page: vCenter's events, each converted, delivered, acknowledged, and the place kept."""

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from adapter import telemetry
from adapter.backoff import Backoff
from adapter.checkpoint import Checkpoint, Ledger, Store
from adapter.checkpoint.file import FileStore
from adapter.checkpoint.keeper import Keeper
from adapter.checkpoint.memory import MemoryStore
from adapter.cloudevent import Converter, ordering_key
from adapter.delivery import Delivery, Parcel, Sink
from adapter.errors import ConfigurationError
from adapter.event import Event
from adapter.settings import Settings
from adapter.sinks.broker import http_sink
from adapter.sinks.stdout import StdoutSink
from adapter.stream import Position, events
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
    """Connect both ends and carry events from one to the other. Raises the failures of ``adapter.errors``."""
    types = TypeFilter(settings.event_types)
    store = checkpoint_store(settings.checkpoint)
    backoff = Backoff(base=0.5, longest=settings.retry_max_delay, random=random.random)
    async with sink_of(settings) as sink, vcenter_of(settings) as (vcenter, about):
        resumed = resumable(store.load(), about)
        ledger = Ledger(about.instance_uuid, resumed)
        position = Position(beginning(settings, about), resumed)
        delivery = Delivery(sink, max_in_flight=settings.max_in_flight, backoff=backoff)
        take = partial(take_up, types, converter_of(settings, about), ledger, delivery)
        async with keeping(store, ledger, settings.checkpoint_interval):
            try:
                stream = events(vcenter, position, types.exact_names() or (), backoff, asyncio.sleep)
                async with aclosing(stream):
                    async for event in stream:
                        await take(event)
            finally:
                undelivered = await delivery.drain(settings.drain_timeout)
                log.info("stopped", undelivered=undelivered)


async def take_up(types: TypeFilter, converter: Converter, ledger: Ledger, delivery: Delivery, event: Event) -> None:
    """One event, from the stream to the delivery. An event that is not wanted is acknowledged as it stands."""
    entry = ledger.read(event.identity)
    acknowledged = partial(ledger.acknowledge, entry)
    cloudevents_type = converter.type_of(event)
    if not types.accepts(event.class_name, event.name, cloudevents_type):
        acknowledged()
        return
    span = telemetry.creating(event, cloudevents_type)
    cloudevent = converter.convert(event, **telemetry.context_headers(span))
    telemetry.describe(span, cloudevent)
    await delivery.submit(Parcel(cloudevent, ordering_key(event), span, acknowledged))


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
    raise ConfigurationError(f"CHECKPOINT: {address!r}: set file:///path/to/file or memory:")


@asynccontextmanager
async def sink_of(settings: Settings) -> AsyncIterator[Sink]:
    """The sink that K_SINK or --sink names."""
    if settings.sink is None:
        raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to print events")
    if settings.sink == "-":
        yield StdoutSink()
        return
    async with http_sink(
        settings.sink,
        ca_certs=settings.ca_certs,
        answer_timeout=settings.sink_timeout,
        connections=settings.max_in_flight,
    ) as sink:
        yield sink


@asynccontextmanager
async def vcenter_of(settings: Settings) -> AsyncIterator[tuple[Vcenter, About]]:
    """The vCenter that VCENTER_URL names, logged in to; logged out of at the end."""
    tls = tls_context(settings.vcenter_ca_file, insecure=settings.vcenter_insecure)
    vcenter = Vcenter(Session(settings.vcenter_url, settings.credentials, tls))
    try:
        yield vcenter, await vcenter.connect()
    finally:
        await vcenter.close()


@asynccontextmanager
async def keeping(store: Store, ledger: Ledger, interval: float) -> AsyncIterator[None]:
    """Save the checkpoint every ``interval`` seconds while this lasts, and once more at the end."""
    keeper = Keeper(store, ledger)
    regularly = asyncio.create_task(keeper.save_regularly(interval, asyncio.sleep))
    try:
        yield
    finally:
        regularly.cancel()
        await keeper.save()
