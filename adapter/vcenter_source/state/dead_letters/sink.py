"""Send dead letters to a sink of their own, in the form of Knative's ``deadLetterSink``."""

from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import DeadLetterUnavailableError, EventRefusedError, SinkUnavailableError
from vcenter_source.state.dead_letters import Reason, with_error_attributes


class DeadLetterSink:
    """Sends each dead letter once. The dispatcher decides whether and when to try again, also after a refusal."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Return when the dead letter sink has acknowledged the letter. Raises DeadLetterUnavailableError."""
        try:
            letter = with_error_attributes(envelope.event, reason)
            await self._sink.send(Envelope(letter, span=envelope.span, fence=envelope.fence))
        except (SinkUnavailableError, EventRefusedError) as exc:
            raise DeadLetterUnavailableError(f"DEAD_LETTER_SINK: {exc}") from exc
