"""``vcenter.alarms``: whether alarms act on an object and what is below it."""

from typing import Any

from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.soap import Soap
from vcenter_functions.vcenter.tags import Reference, require_object


class Alarms:
    """Alarm actions. An alarm without them still changes its colour. This needs the privilege Alarm.DisableActions."""

    def __init__(self, soap: Soap, tracing: Tracing) -> None:
        self._soap = soap
        self._tracing = tracing

    async def enable(self, reference: Reference) -> None:
        """Let alarms act on an object again."""
        await self._switch(reference, enabled=True)

    async def disable(self, reference: Reference) -> None:
        """Let no alarm act on an object."""
        await self._switch(reference, enabled=False)

    async def _switch(self, reference: Reference, *, enabled: bool) -> None:
        target = require_object(reference)

        def work(content: Any) -> None:
            from vcenter_functions.vcenter.objects import to_managed_object

            content.alarmManager.EnableAlarmActions(to_managed_object(content, target), enabled)

        with self._tracing.step_span(f"{'enable' if enabled else 'disable'} alarm actions", {}, target):
            await self._soap(work)
