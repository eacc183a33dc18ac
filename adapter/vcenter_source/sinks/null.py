"""A sink that discards events: ``vcenter-source view`` only looks at them."""

from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.settings.sink import DISCARD


class NullSink:
    """Discards every event."""

    address = DISCARD

    async def send(self, envelope: Envelope) -> Receipt:  # noqa: ARG002  as every sink
        """Do nothing."""
        return Receipt()
