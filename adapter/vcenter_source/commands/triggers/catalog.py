"""The event catalog that these commands work with, with one vCenter's own event types if asked for."""

import asyncio
from collections.abc import Mapping, Sequence

from vcenter_source.core import logs
from vcenter_source.events.formats import EventFormat
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.log import LogSettings
from vcenter_source.settings.vcenter import VcenterSettings
from vcenter_source.triggers.event_catalog import EventCatalog, event_type_ids


def load_catalog(
    event_format: EventFormat, *, ask_vcenter: bool = False, extensions: Sequence[str] = ()
) -> tuple[EventCatalog, Mapping[str, str]]:
    """Return the event catalog, and vCenter's category of each event type; without ``ask_vcenter`` there is none.

    Raises the failures of ``vcenter_source.core.errors``.
    """
    categories: Mapping[str, str] = {}
    if ask_vcenter:
        logs.configure(read_area(LogSettings), level="warning")
        categories = fetch_categories()
    return EventCatalog(event_format, event_type_ids(categories.keys()), tuple(extensions)), categories


def fetch_categories() -> Mapping[str, str]:
    """Ask vCenter for the category of each of its event classes and event type ids.

    VCENTER_URL and the like say which vCenter. Raises the failures of ``vcenter_source.core.errors``.
    """
    from vcenter_source.vcenter.session import Session  # slow to load

    vcenter = read_area(VcenterSettings).require_one()
    session = Session(vcenter.url, vcenter.credentials, vcenter.authorities())

    async def fetch() -> Mapping[str, str]:
        try:
            await session.log_in()
            return await session.categories()
        finally:
            await session.log_out()

    return asyncio.run(fetch())
