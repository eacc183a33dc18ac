"""Dead letters to a sink of their own, as Knative's ``deadLetterSink`` gets them."""

from typing import Protocol

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from vcenter_source.core.errors import DeadLetterUnavailableError, EventRefusedError, SinkUnavailableError
from vcenter_source.state.dead_letters import DeadLetter, with_error_attributes


class Sender(Protocol):
    """What this store needs of a sink."""

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """Return when the event is acknowledged. Raises SinkUnavailableError or EventRefusedError."""


class DeadLetterSink:
    """Sends each dead letter once. Whether and when again is the delivery's to say, also after a refusal."""

    def __init__(self, sink: Sender) -> None:
        self._sink = sink

    async def store(self, letter: DeadLetter, span: Span) -> None:
        """Return when the dead letter sink has acknowledged the letter. Raises DeadLetterUnavailableError."""
        try:
            await self._sink.send(with_error_attributes(letter), span, 0)
        except (SinkUnavailableError, EventRefusedError) as exc:
            raise DeadLetterUnavailableError(f"DEAD_LETTER_SINK: {exc}") from exc
