"""All the checks on one page."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from vcenter_source.commands.doctor.checks import DoctorCheck, Results, run_checks
from vcenter_source.commands.doctor.report import Report, collect_secrets
from vcenter_source.commands.doctor.sink import run_dead_letter_sink_checks, run_sink_checks
from vcenter_source.commands.doctor.storage import check_checkpoint, check_dead_letters
from vcenter_source.commands.doctor.vcenter import VcenterChecks
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.pipeline.roster import RosterEntry, open_roster
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.wiring import build_checkpoint_stores


async def run_doctor(settings: Settings, *, ping: bool, as_json: bool) -> bool:
    """Run and print all checks; True if none failed. Areas that do not require each other are checked side by side.

    Raises ConfigurationError for settings with which ``run`` would not even start.
    """
    warn_of_misspelt(Settings, GatewaySettings)
    validate(settings)
    roster = open_roster(settings).vcenters
    vcenters = examine_vcenters(settings, roster)
    report = Report(collect_secrets(settings, roster), sys.stdout, as_json=as_json)
    others = [
        asyncio.create_task(run_sink_checks(settings, ping=ping)),
        asyncio.create_task(run_dead_letter_sink_checks(settings)),
        asyncio.create_task(run_checks([DoctorCheck("dead letters", partial(check_dead_letters, settings))])),
    ]
    is_good = True
    for vcenter in vcenters:
        is_good &= report.print(await vcenter.task, vcenter.title)
    for area in others:
        is_good &= report.print(await area)
    for vcenter in vcenters:  # last, since it compares the checkpoint with what the checks of vCenter have read
        is_good &= report.print(await run_checks([vcenter.checkpoint]), vcenter.title)
    return is_good


@dataclass(frozen=True, slots=True)
class VcenterArea:
    """The checks of one vCenter. ``title`` is its name where there are several; else it is empty."""

    title: str
    task: asyncio.Task[Results]
    checkpoint: DoctorCheck


def examine_vcenters(settings: Settings, roster: Sequence[RosterEntry]) -> list[VcenterArea]:
    """Begin to check each vCenter."""
    in_file = settings.vcenter.file is not None
    build_store = build_checkpoint_stores(settings.state.checkpoint, is_shared=False)
    identities: dict[str, str] = {}
    areas = []
    for entry in roster:
        title = entry.vcenter.name if in_file else ""
        checks = VcenterChecks(entry, "eventTypes" if in_file else "EVENT_TYPES", identities)
        checkpoint = DoctorCheck("checkpoint", partial(check_checkpoint, settings, build_store(title or None), checks))
        areas.append(VcenterArea(title, asyncio.create_task(checks.run()), checkpoint))
    return areas


def validate(settings: Settings) -> None:
    """Raise ConfigurationError for settings that are each valid, and that ``run`` refuses all the same."""
    if settings.sink.address is None:
        raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to do without")
    TypeFilter(settings.events.types)
    for sink in filter(None, (settings.sink.address, settings.dead_letters.sink)):
        find_proxy(sink)
