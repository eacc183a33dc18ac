"""Note on each VM who made it, when that was, and when it was last powered on: as custom attributes."""

from datetime import UTC
from typing import Annotated

from vcenter_functions import Event, VCenter, on
from vcenter_functions.server_settings import either
from vcenter_functions.settings import FunctionSettings

OFF = "off"
MADE = ("VmCreatedEvent", "VmClonedEvent", "VmDeployedEvent", "VmRegisteredEvent", "VmDiscoveredEvent")
"""How a VM comes to be in vCenter."""


class Settings(FunctionSettings):
    """The names of the attributes. `off` switches one off."""

    owner: Annotated[str, either("OWNER_ATTRIBUTE")] = "owner"
    """The attribute for the user who made the VM. `off`: none."""

    created: Annotated[str, either("CREATED_ATTRIBUTE")] = "created"
    """The attribute for the time at which it was made. `off`: none."""

    powered_on: Annotated[str, either("POWERED_ON_ATTRIBUTE")] = "last powered on"
    """The attribute for the time at which it was last powered on. `off`: none."""


@on(*MADE)
async def note_origin(event: Event, vcenter: VCenter, settings: Settings) -> None:
    """Note owner and time, once: what is there already stays, also when an event is delivered again."""
    known = await vcenter.attributes.get(event.subject)
    noted = {settings.owner: event.user, settings.created: format_time(event)}
    for name, value in noted.items():
        if name.lower() != OFF and value and not known.get(name):
            await vcenter.attributes.set(event.subject, name, value)


@on("VmPoweredOnEvent")
async def note_power(event: Event, vcenter: VCenter, settings: Settings) -> None:
    """Note the time, unless a later one is noted: events may come late, or out of order."""
    name, time = settings.powered_on, format_time(event)
    if name.lower() != OFF and (await vcenter.attributes.get(event.subject)).get(name, "") < time:
        await vcenter.attributes.set(event.subject, name, time)


def format_time(event: Event) -> str:
    """Return the event's time in UTC, to the second. As text, a later one is greater."""
    return f"{event.time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
