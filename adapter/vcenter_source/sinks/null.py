"""No sink: ``vcenter-source view`` only looks at events."""

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from vcenter_source.settings.sink import DISCARD


class NowhereSink:
    """Takes every event, and nobody gets it."""

    address = DISCARD

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """Do nothing."""
