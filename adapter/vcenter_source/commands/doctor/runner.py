"""All the checks on one page."""

import asyncio
import sys
from functools import partial

from vcenter_source.commands.doctor.checks import DoctorCheck, run_checks
from vcenter_source.commands.doctor.report import Report, collect_secrets
from vcenter_source.commands.doctor.sink import run_dead_letter_sink_checks, run_sink_checks
from vcenter_source.commands.doctor.storage import check_checkpoint, check_dead_letters
from vcenter_source.commands.doctor.vcenter import VcenterChecks
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.wiring import build_checkpoint_store


async def run_doctor(settings: Settings, *, ping: bool, as_json: bool) -> bool:
    """Run and print all checks; True if none failed. Areas that do not require each other are checked side by side.

    Raises ConfigurationError for settings with which ``run`` would not even start.
    """
    warn_of_misspelt(Settings, GatewaySettings)
    validate(settings)
    store, vcenter = build_checkpoint_store(settings.state.checkpoint), VcenterChecks(settings)
    report = Report(collect_secrets(settings), sys.stdout, as_json=as_json)
    areas = [
        asyncio.create_task(vcenter.run()),
        asyncio.create_task(run_sink_checks(settings, ping=ping)),
        asyncio.create_task(run_dead_letter_sink_checks(settings)),
        asyncio.create_task(run_checks([DoctorCheck("dead letters", partial(check_dead_letters, settings))])),
    ]
    is_good = True
    for area in areas:
        is_good &= report.print(await area)
    # Last, since it compares the checkpoint with what the checks of vCenter have read.
    checkpoint = DoctorCheck("checkpoint", partial(check_checkpoint, settings, store, vcenter))
    return report.print(await run_checks([checkpoint])) and is_good


def validate(settings: Settings) -> None:
    """Raise ConfigurationError for settings that are each valid, and that ``run`` refuses all the same."""
    if settings.sink.address is None:
        raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to do without")
    TypeFilter(settings.events.types)
    for sink in filter(None, (settings.sink.address, settings.dead_letters.sink)):
        find_proxy(sink)
