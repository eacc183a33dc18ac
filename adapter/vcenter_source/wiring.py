"""Settings to parts: each factory gets the area of the settings that it needs."""

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from prometheus_client import CollectorRegistry

from vcenter_functions.login import Refusals
from vcenter_source.core.envelope import Fence, Sink
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.observers import Observer, Observers
from vcenter_source.core.sink_log import SinkLog
from vcenter_source.events.conversion import Converter
from vcenter_source.observe import otlp
from vcenter_source.observe.admin_server import serve_health
from vcenter_source.observe.health import Health, VcenterHealth
from vcenter_source.observe.metrics import Metrics
from vcenter_source.observe.stall import StallWatch
from vcenter_source.observe.status import PipelineStatus
from vcenter_source.pipeline.roster import Roster
from vcenter_source.settings.events import EventSettings
from vcenter_source.settings.sink import DISCARD, STANDARD_OUTPUT, DeadLetterSettings, SinkSettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.state import IN_MEMORY, OBJECT_NAME, StateSettings
from vcenter_source.settings.vcenter import VcenterConfig
from vcenter_source.sinks.http import open_http_sink
from vcenter_source.sinks.null import NullSink
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, openfaas_sink
from vcenter_source.sinks.stdout import StdoutSink
from vcenter_source.state.checkpoint import CheckpointStore
from vcenter_source.state.checkpoint.configmap import KEY, ConfigMapBook, ConfigMapStore
from vcenter_source.state.checkpoint.file import CheckpointPlace, FileStore
from vcenter_source.state.checkpoint.memory import MemoryStore
from vcenter_source.state.dead_letters import DeadLetters, FallbackStore, NoDeadLetters
from vcenter_source.state.dead_letters.folder import DeadLetterFolder
from vcenter_source.state.dead_letters.sink import DeadLetterSink
from vcenter_source.state.lease import REQUEST_TIMEOUT, Lease, get_process_name
from vcenter_source.state.shared_lease import MAX_LABEL
from vcenter_source.state.sharing import Sharing
from vcenter_source.vcenter.client import About, Vcenter
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.turns import ReadShare

log = structlog.get_logger()


def build_converter(vcenter: VcenterConfig, events: EventSettings, about: About) -> Converter:
    """Build the converter of this vCenter's events to CloudEvents."""
    return Converter(
        source=vcenter.source,
        api_version=about.api_version,
        event_format=events.format,
        categories=about.categories,
        overrides=events.extensions,
        vcenter=vcenter.name,
    )


def build_checkpoint_store(address: str) -> CheckpointStore:
    """Build the store of an adapter with one vCenter that CHECKPOINT names."""
    return build_checkpoint_stores(address, is_shared=False)(None)


def build_checkpoint_stores(address: str, *, is_shared: bool) -> Callable[[str | None], CheckpointStore]:
    """Return what builds the store of a vCenter by its name, where CHECKPOINT says; None is that of one vCenter alone.

    ``is_shared`` says whether other adapters keep the checkpoints of other vCenters in the same place.
    """
    parts = urlsplit(address)
    if address == IN_MEMORY:
        return lambda _: MemoryStore()
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return lambda name: build_file_store(parts.path, name)
    place = address.removeprefix("configmap://")
    if parts.scheme == "configmap" and OBJECT_NAME.fullmatch(place):
        from vcenter_source.state import kube

        book = ConfigMapBook(kube.connect().locate(kube.CONFIG_MAP, place, "CHECKPOINT"), is_shared)
        return lambda name: ConfigMapStore(book, get_process_name(), KEY if name is None else f"{name}.json")
    wanted = "file:///path/to/file, configmap://[namespace/]name or memory:"
    raise ConfigurationError(f"CHECKPOINT: {address!r}: set {wanted}")


def build_file_store(path: str, vcenter: str | None) -> FileStore:
    """Build the store of a vCenter in a file of its own."""
    if vcenter is None:
        return FileStore(Path(path))
    place = CheckpointPlace(path)
    place.create_folder()
    return FileStore(place.locate(vcenter), place)


def build_lease(settings: StateSettings, vcenter: str | None = None) -> Lease | None:
    """Build the Lease that LEASE names, or that of one of several vCenters; None if LEASE is not set."""
    if settings.lease is None:
        return None
    from vcenter_source.state import kube

    timeout = settings.lease_duration * REQUEST_TIMEOUT
    name = settings.lease if vcenter is None else f"{settings.lease}-{vcenter}"
    stored = kube.connect().locate(kube.LEASE, name, "LEASE", timeout)
    return Lease(stored, get_process_name(), duration=settings.lease_duration)


def build_sharing(settings: StateSettings) -> Sharing | None:
    """Build what divides several vCenters among the adapters that share LEASE; None if it is not set."""
    if settings.lease is None:
        return None
    from vcenter_source.state import kube

    namespace, _, base = settings.lease.rpartition("/")
    if len(base) > MAX_LABEL:
        raise ConfigurationError(
            f"LEASE: {base!r}: has more than {MAX_LABEL} characters; with VCENTERS_FILE it is the value of a label"
        )
    leases = kube.connect().locate_all(kube.LEASE, namespace, "LEASE", settings.lease_duration * REQUEST_TIMEOUT)
    return Sharing(leases, base, get_process_name(), duration=settings.lease_duration)


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


def build_health(settings: Settings, sink: Sink, roster: Roster) -> Health:
    """Build what answers probes."""
    gateway = sink.poller.connection if isinstance(sink, OpenfaasSink) else None
    return Health(settings.health.stale_after, gateway, roster if settings.vcenter.file else None)


@dataclass(frozen=True, slots=True)
class Observation:
    """What observes the pipelines of this process. ``viewed`` returns the viewer's observers of a vCenter."""

    settings: Settings
    metrics: Metrics
    health: Health
    viewed: Callable[[str], Sequence[Observer]] = lambda _: ()

    def add_vcenter(self, name: str, lease: Lease | None) -> tuple[PipelineStatus, Observers]:
        """Begin to observe a vCenter; return its status, and who has to hear what happens to its events."""
        status = PipelineStatus()
        health = VcenterHealth(status, self.settings.health.stale_after, self.settings.state.checkpoint_interval, lease)
        self.health.vcenters[name] = health
        metrics = self.metrics.add_vcenter(name, status, lambda: health.is_leading)
        return status, Observers(status, metrics, *self.viewed(name))

    def remove_vcenter(self, name: str) -> None:
        """Forget a vCenter that is not read any more."""
        del self.health.vcenters[name]
        self.metrics.remove_vcenter(name)


@asynccontextmanager
async def open_observation(
    settings: Settings, metrics: Metrics, health: Health, sink: Sink
) -> AsyncIterator[Observation]:
    """Answer probes and Prometheus, push metrics if OTLP is configured, and serve the viewer if VIEWER is set.

    All of this goes on while a stop drains.
    """
    with otlp.export_metrics(metrics):
        async with serve_health(health, metrics.registry, settings.health.host, settings.health_port):
            if settings.viewer.address is None:
                yield Observation(settings, metrics, health)
                return
            from vcenter_source.viewer.start import start_viewer  # it loads what nobody else needs

            async with start_viewer(settings, health, None if settings.sink.address == DISCARD else sink) as viewed:
                yield Observation(settings, metrics, health, viewed)


@dataclass(frozen=True, slots=True)
class SharedParts:
    """What the pipelines of a process share."""

    settings: Settings
    sink: Sink
    dead_letters: DeadLetters
    observation: Observation
    sink_log: SinkLog


@asynccontextmanager
async def connect_vcenter(  # noqa: PLR0913  called in one place
    config: VcenterConfig,
    status: PipelineStatus,
    observer: Observer,
    refusals: Refusals,
    *,
    patient: bool,
    share: ReadShare,
) -> AsyncIterator[tuple[Vcenter, About]]:
    """Log in to a vCenter, and log out at the end. If ``patient``, wait until refused credentials are replaced.

    A process that is restarted again and again would be refused so often that vCenter locks the account. ``share``
    is what it may read beside the others.
    """
    session = Session(
        config.url,
        config.credentials,
        config.authorities(),
        observer.on_login,
        refusals,
        names=config.setting_names,
        protocol=config.protocol,
    )
    if session.proxy:
        log.info("vCenter is reached through a proxy", host=session.host, proxy=str(session.proxy))
    vcenter = Vcenter(session, status.vcenter, share=share)
    try:
        yield vcenter, await vcenter.connect(patient=patient)
    finally:
        await vcenter.close()
