"""Switch a host's alarm actions off while it is in maintenance mode, and on again afterwards."""

from typing import Any

from vcenter_functions import Event, VCenter, on
from vcenter_functions.events import EnteredMaintenanceModeEvent, ExitMaintenanceModeEvent


@on(EnteredMaintenanceModeEvent, ExitMaintenanceModeEvent)
async def follow_maintenance(event: Event, vcenter: VCenter, log: Any) -> None:
    """Set the alarm actions by what the host is now, not by the event, until both agree.

    An event that comes late, or twice, then leaves nothing switched off. The host is read again after each change: it
    may have left maintenance mode in between, and the event of that found nothing to do yet.
    """
    while True:
        now = await vcenter.properties(event.subject, "runtime.inMaintenanceMode", "alarmActionsEnabled")
        wanted = not now["runtime.inMaintenanceMode"]
        if now["alarmActionsEnabled"] == wanted:
            return
        await (vcenter.alarms.enable if wanted else vcenter.alarms.disable)(event.subject)
        log.info("alarm actions switched", host=str(event.subject), enabled=wanted)
