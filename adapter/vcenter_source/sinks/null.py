"""No sink: ``vcenter-source view`` only looks at events."""

from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.settings.sink import DISCARD


class NullSink:
    """Takes every event, and nobody gets it."""

    address = DISCARD

    async def send(self, envelope: Envelope) -> Receipt:  # noqa: ARG002  as every sink
        """Do nothing."""
        return Receipt()
