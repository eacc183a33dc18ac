"""What the pipeline is made of, each part as the settings have it."""

import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.events.conversion import Converter
from vcenter_source.observe import health, otlp
from vcenter_source.observe.metrics import Meters
from vcenter_source.pipeline.dispatcher import Fence, Sink, Watch
from vcenter_source.pipeline.stall import Stall
from vcenter_source.settings.sink import OPENFAAS
from vcenter_source.settings.source import NOWHERE, OBJECT_NAME, Settings
from vcenter_source.sinks.http import http_sink
from vcenter_source.sinks.null import NowhereSink
from vcenter_source.sinks.openfaas.sink import openfaas_sink
from vcenter_source.sinks.stdout import StdoutSink
from vcenter_source.state.checkpoint import CheckpointStore
from vcenter_source.state.checkpoint.configmap import ConfigMapStore
from vcenter_source.state.checkpoint.file import FileStore
from vcenter_source.state.checkpoint.memory import MemoryStore
from vcenter_source.state.dead_letters import DeadLetters, FallbackStore, NoDeadLetters
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.state.dead_letters.sink import DeadLetterSink
from vcenter_source.state.lease import REQUEST, Lease, process_name
from vcenter_source.vcenter.client import About, Vcenter
from vcenter_source.vcenter.refusals import Refusals
from vcenter_source.vcenter.session import Session

log = structlog.get_logger()


def build_converter(settings: Settings, about: About) -> Converter:
    """How this vCenter's events become CloudEvents."""
    return Converter(
        source=settings.source,
        api_version=about.api_version,
        event_format=settings.event_format,
        categories=about.categories,
        overrides=settings.ce_overrides,
    )


def build_checkpoint_store(address: str) -> CheckpointStore:
    """The store that CHECKPOINT names."""
    parts = urlsplit(address)
    if address == "memory:":
        return MemoryStore()
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileStore(Path(parts.path))
    name = address.removeprefix("configmap://")
    if parts.scheme == "configmap" and OBJECT_NAME.fullmatch(name):
        from vcenter_source.state import kube

        return ConfigMapStore(kube.connect().object(kube.CONFIG_MAP, name, "CHECKPOINT"), process_name())
    wanted = "file:///path/to/file, configmap://[namespace/]name or memory:"
    raise ConfigurationError(f"CHECKPOINT: {address!r}: set {wanted}")


def build_lease(settings: Settings) -> Lease | None:
    """The Lease that LEASE names."""
    if settings.lease is None:
        return None
    from vcenter_source.state import kube

    patience = settings.lease_duration * REQUEST
    stored = kube.connect().object(kube.LEASE, settings.lease, "LEASE", patience)
    return Lease(stored, process_name(), duration=settings.lease_duration)


def build_fence(lease: Lease | None) -> Fence:
    """What is asked before anything that one adapter alone may do; it raises LeaseLostError."""
    return lease.must_be_held if lease else lambda: None


@asynccontextmanager
async def open_sink(
    settings: Settings, registry: CollectorRegistry | None = None, fence: Fence = lambda: None
) -> AsyncIterator[Sink]:
    """The sink that K_SINK or --sink names. What it counts itself joins the registry."""
    if settings.sink is None:
        raise ConfigurationError("K_SINK: not set")
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


def poison_max_tries(settings: Settings) -> int | None:
    """POISON_MAX_TRIES where it applies: functions are counted one by one, by the sink that invokes them."""
    return None if str(settings.sink).startswith(OPENFAAS) else settings.poison_max_tries


def build_stall_watch(settings: Settings, meters: Meters) -> Stall:
    """What tells of events that wait; not where they are printed, since who reads them in a pager takes their time."""
    return Stall(meters, patience=math.inf) if settings.sink == "-" else Stall(meters)


@asynccontextmanager
async def open_dead_letters(settings: Settings, fence: Fence = lambda: None) -> AsyncIterator[DeadLetters]:
    """Where events go that the sink will never take: DEAD_LETTER_SINK, where that takes none, DEAD_LETTER_PATH."""
    folder = settings.dead_letter_path and DeadLetterFolder(settings.dead_letter_path, settings.dead_letter_max_bytes)
    if settings.dead_letter_sink is None:
        yield folder or NoDeadLetters()
        return
    async with http_sink(
        settings.dead_letter_sink,
        ca_certs=settings.ca_certs,
        answer_timeout=settings.sink_timeout,
        fence=fence,
    ) as sink:
        first = DeadLetterSink(sink)
        yield FallbackStore([first, folder]) if folder else first


@asynccontextmanager
async def serve_health(settings: Settings, meters: Meters) -> AsyncIterator[None]:
    """Probes and Prometheus are answered, and metrics pushed where OTLP is configured, also while a stop drains."""
    judged = health.Health(meters, settings.health_stale_after, settings.checkpoint_interval)
    with otlp.exporting(meters):
        async with health.serving(judged, meters.registry, settings.health_host, settings.serves_health_on):
            yield


@asynccontextmanager
async def watching(settings: Settings, meters: Meters, sink: Sink) -> AsyncIterator[Watch]:
    """Who is told of deliveries: the meters, and the event viewer where VIEWER is set; it is not loaded otherwise."""
    if settings.viewer is None:
        yield meters
        return
    from vcenter_source.viewer import wiring

    async with wiring.viewing(settings, meters, None if settings.sink == NOWHERE else sink) as watch:
        yield watch


@asynccontextmanager
async def connect_vcenter(
    settings: Settings, meters: Meters, refusals: Refusals
) -> AsyncIterator[tuple[Vcenter, About]]:
    """The vCenter that VCENTER_URL names, logged in to; logged out of at the end.

    Refused credentials end a process that somebody looks at. One that reads a mounted Secret waits for another: begun
    again and again, it would be refused so often that vCenter locks the account.
    """
    session = Session(settings.vcenter_url, settings.credentials, settings.authorities(), meters.logged_in, refusals)
    if session.proxy:
        log.info("vCenter is reached through a proxy", vcenter=session.host, proxy=str(session.proxy))
    vcenter = Vcenter(session, meters.vcenter)
    try:
        patient = settings.vcenter_secret_path is not None and not sys.stderr.isatty()
        yield vcenter, await vcenter.connect(patient=patient)
    finally:
        await vcenter.close()
