"""The whole examination on one page."""

import asyncio
import sys
from functools import partial

from vcenter_source.commands.doctor.report import Report, secrets_of
from vcenter_source.commands.doctor.sink import dead_letter_sink_findings, sink_findings
from vcenter_source.commands.doctor.steps import Step, take
from vcenter_source.commands.doctor.storage import checkpoint_outcome, dead_letters
from vcenter_source.commands.doctor.vcenter import VcenterChecks
from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.typefilter import TypeFilter
from vcenter_source.settings.openfaas import GatewaySettings
from vcenter_source.settings.source import Settings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.wiring import build_checkpoint_store


async def examine(settings: Settings, *, ping: bool, as_json: bool) -> bool:
    """Check everything and print it; whether nothing failed. What does not need each other is checked side by side.

    Raises ConfigurationError for what ``run`` would not even start with.
    """
    warn_of_misspelt(Settings, GatewaySettings)
    if settings.sink.address is None:
        raise ConfigurationError("K_SINK: not set; set the sink's address (Knative does), or --sink - to do without")
    TypeFilter(settings.events.types)
    for sink in filter(None, (settings.sink.address, settings.dead_letters.sink)):
        find_proxy(sink)
    store, vcenter = build_checkpoint_store(settings.state.checkpoint), VcenterChecks(settings)
    report, good = Report(secrets_of(settings), sys.stdout, as_json=as_json), True
    areas = [
        asyncio.create_task(vcenter.findings()),
        asyncio.create_task(sink_findings(settings, ping=ping)),
        asyncio.create_task(dead_letter_sink_findings(settings)),
        asyncio.create_task(take([Step("dead letters", partial(dead_letters, settings))])),
    ]
    for area in areas:
        good &= report.show(await area)
    checkpoint = Step("checkpoint", partial(checkpoint_outcome, settings, store, vcenter))  # compares it with vCenter
    return report.show(await take([checkpoint])) and good
