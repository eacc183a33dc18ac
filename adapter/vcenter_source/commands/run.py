"""``vcenter-source run``: the pipelines of all vCenters, and what they share."""

import asyncio
import signal
import sys
from contextlib import suppress

from vcenter_source.commands.binding import wait_without_sink
from vcenter_source.commands.pipeline import Pipeline
from vcenter_source.commands.supervisor import Supervisor
from vcenter_source.core import tracing
from vcenter_source.core.sink_log import SinkLog
from vcenter_source.observe.metrics import Metrics
from vcenter_source.pipeline.roster import Roster, open_roster
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.wiring import (
    SharedParts,
    build_checkpoint_store,
    build_health,
    build_lease,
    open_dead_letters,
    open_observation,
    open_sink,
)


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
    roster, metrics = open_roster(settings), Metrics()
    tracing.count_losses(metrics.spans_dropped.inc)
    async with (
        open_sink(settings.sink, metrics.registry) as sink,
        open_dead_letters(settings.dead_letters, settings.sink) as dead_letters,
    ):
        health = build_health(settings, sink, roster)
        async with open_observation(settings, metrics, health, sink) as observation:
            shared = SharedParts(settings, sink, dead_letters, observation, SinkLog(sink.address))
            await (serve_one(shared, roster) if settings.vcenter.file is None else Supervisor(shared, roster).run())


async def serve_one(shared: SharedParts, roster: Roster) -> None:
    """Deliver the events of the vCenter of VCENTER_URL. What keeps it from the start ends the process.

    Refused credentials end a process that runs at a terminal. A process that reads a mounted Secret waits for others.
    """
    (entry,) = roster.vcenters
    settings = shared.settings
    store, lease = build_checkpoint_store(settings.state.checkpoint), build_lease(settings.state)
    status, observers = shared.observation.add_vcenter(entry.vcenter.name, lease)
    patient = settings.vcenter.secret_path is not None and not sys.stderr.isatty()
    pipeline = Pipeline(
        entry, settings, lease, store, shared.sink, shared.dead_letters, status, observers, patient=patient
    )
    await (pipeline.run() if lease is None else pipeline.run_under_lease(lease))
