"""Settings to parts: each factory gets the area of the settings that it needs."""

import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry

from vcenter_functions.login import Refusals
from vcenter_source.core.envelope import Fence, Sink
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.observers import Observer, Observers
from vcenter_source.events.conversion import Converter
from vcenter_source.observe import otlp
from vcenter_source.observe.health import Health, serve_health
from vcenter_source.observe.metrics import Metrics
from vcenter_source.observe.stall import StallWatch
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.settings.sink import DISCARD, STANDARD_OUTPUT, DeadLetterSettings, SinkSettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.state import IN_MEMORY, OBJECT_NAME, StateSettings
from vcenter_source.settings.vcenter import VcenterSettings
from vcenter_source.sinks.http import open_http_sink
from vcenter_source.sinks.null import NullSink
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, openfaas_sink
from vcenter_source.sinks.stdout import StdoutSink
from vcenter_source.state.checkpoint import CheckpointStore
from vcenter_source.state.checkpoint.configmap import ConfigMapStore
from vcenter_source.state.checkpoint.file import FileStore
from vcenter_source.state.checkpoint.memory import MemoryStore
from vcenter_source.state.dead_letters import DeadLetters, FallbackStore, NoDeadLetters
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.state.dead_letters.sink import DeadLetterSink
from vcenter_source.state.lease import REQUEST_TIMEOUT, Lease, get_process_name
from vcenter_source.vcenter.client import About, Vcenter
from vcenter_source.vcenter.session import Session

log = structlog.get_logger()


def build_converter(settings: Settings, about: About) -> Converter:
    """Build the converter of this vCenter's events to CloudEvents."""
    return Converter(
        source=settings.vcenter.source,
        api_version=about.api_version,
        event_format=settings.events.format,
        categories=about.categories,
        overrides=settings.events.extensions,
    )


def build_checkpoint_store(address: str) -> CheckpointStore:
    """Build the store that CHECKPOINT names."""
    parts = urlsplit(address)
    if address == IN_MEMORY:
        return MemoryStore()
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return FileStore(Path(parts.path))
    name = address.removeprefix("configmap://")
    if parts.scheme == "configmap" and OBJECT_NAME.fullmatch(name):
        from vcenter_source.state import kube

        return ConfigMapStore(kube.connect().locate(kube.CONFIG_MAP, name, "CHECKPOINT"), get_process_name())
    wanted = "file:///path/to/file, configmap://[namespace/]name or memory:"
    raise ConfigurationError(f"CHECKPOINT: {address!r}: set {wanted}")


def build_lease(settings: StateSettings) -> Lease | None:
    """Build the Lease that LEASE names; None if it is not set."""
    if settings.lease is None:
        return None
    from vcenter_source.state import kube

    timeout = settings.lease_duration * REQUEST_TIMEOUT
    stored = kube.connect().locate(kube.LEASE, settings.lease, "LEASE", timeout)
    return Lease(stored, get_process_name(), duration=settings.lease_duration)


def build_fence(lease: Lease | None) -> Fence:
    """Build the check made before anything that one adapter alone may do; it raises LeaseLostError."""
    return lease.check_held if lease else lambda: None


@asynccontextmanager
async def open_sink(settings: SinkSettings, registry: CollectorRegistry | None = None) -> AsyncIterator[Sink]:
    """Open the sink that K_SINK or --sink names. A sink's own metrics join the registry."""
    if settings.address is None:
        raise ConfigurationError("K_SINK: not set")
    if settings.address == STANDARD_OUTPUT:
        yield StdoutSink()
    elif settings.address == DISCARD:
        yield NullSink()
    elif settings.is_openfaas:
        async with openfaas_sink(settings, registry) as functions:
            yield functions
    else:
        async with open_http_sink(settings) as sink:
            yield sink


def build_stall_watch(settings: SinkSettings, status: PipelineStatus) -> StallWatch:
    """Build what logs events that wait for long; for printed events never, as a reader with a pager is slow."""
    return StallWatch(status, after=math.inf) if settings.address == STANDARD_OUTPUT else StallWatch(status)


@asynccontextmanager
async def open_dead_letters(settings: DeadLetterSettings, sink: SinkSettings) -> AsyncIterator[DeadLetters]:
    """Open the store for events that the sink refuses for good: DEAD_LETTER_SINK, then DEAD_LETTER_PATH."""
    folder = settings.path and DeadLetterFolder(settings.path, settings.max_bytes)
    if settings.sink is None:
        yield folder or NoDeadLetters()
        return
    async with open_http_sink(sink.for_dead_letters(settings.sink)) as dead_letter_sink:
        first = DeadLetterSink(dead_letter_sink)
        yield FallbackStore([first, folder]) if folder else first


def build_health(settings: Settings, status: PipelineStatus, lease: Lease | None, sink: Sink) -> Health:
    """Build what answers probes."""
    gateway = sink.poller.connection if isinstance(sink, OpenfaasSink) else None
    return Health(status, settings.health.stale_after, settings.state.checkpoint_interval, lease, gateway)


@asynccontextmanager
async def open_observers(settings: Settings, metrics: Metrics, health: Health, sink: Sink) -> AsyncIterator[Observers]:
    """Answer probes and Prometheus, push metrics if OTLP is configured, and serve the viewer if VIEWER is set.

    All of this goes on while a stop drains. Yields who has to hear what happens to events.
    """
    with otlp.export_metrics(metrics):
        async with serve_health(health, metrics.registry, settings.health.host, settings.health_port):
            if settings.viewer.address is None:
                yield Observers(health.status, metrics)
                return
            from vcenter_source.viewer.start import start_viewer  # it loads what nobody else needs

            async with start_viewer(settings, health, None if settings.sink.address == DISCARD else sink) as feed:
                yield Observers(health.status, metrics, feed)


@asynccontextmanager
async def connect_vcenter(
    settings: VcenterSettings, status: PipelineStatus, observer: Observer, refusals: Refusals
) -> AsyncIterator[tuple[Vcenter, About]]:
    """Log in to the vCenter that VCENTER_URL names, and log out at the end.

    Refused credentials end a process that runs at a terminal. A process that reads a mounted Secret waits for other
    credentials: restarted again and again, it would be refused so often that vCenter locks the account.
    """
    session = Session(settings.url, settings.credentials, settings.authorities(), observer.on_login, refusals)
    if session.proxy:
        log.info("vCenter is reached through a proxy", vcenter=session.host, proxy=str(session.proxy))
    vcenter = Vcenter(session, status.vcenter)
    try:
        patient = settings.secret_path is not None and not sys.stderr.isatty()
        yield vcenter, await vcenter.connect(patient=patient)
    finally:
        await vcenter.close()
