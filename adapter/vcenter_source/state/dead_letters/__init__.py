"""What becomes of an event that its sink will never take: the value and the rules, pure. The stores stand beside it.

An event counts as acknowledged only when a store has it; where none can take it, it is held and tried again.
"""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import DeadLetterUnavailableError

MAX_ERROR_DATA = 1024
"""Bytes of an answer that travel with a dead letter, as Knative itself limits them before encoding."""

LABELS = ("knativeerror", "deadletter")
"""How the names of the attributes begin that only a dead letter has; they are gone when it is sent again."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event was given up.

    ``address`` is the sink that would not take it, free of user info; ``message`` one line for an operator. ``status``
    and ``body`` are the sink's last answer, None and empty where it gave none. ``takers`` are those behind the sink
    that have the event all the same: it is not to be sent to them again.
    """

    address: str
    message: str
    status: int | None = None
    body: bytes = b""
    takers: tuple[str, ...] = ()


class DeadLetters(Protocol):
    """Stores dead letters."""

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Return when the event is stored for good. Raises DeadLetterUnavailableError; it may be stored then, too."""


class NoDeadLetters:
    """None is configured. An event is never dropped for that: it holds the stream until its sink takes it."""

    async def store(self, envelope: Envelope, reason: Reason) -> None:  # noqa: ARG002  as every store
        """Say what would let the stream go on."""
        raise DeadLetterUnavailableError("set DEAD_LETTER_SINK or DEAD_LETTER_PATH to let the stream go on")


class FallbackStore:
    """Several stores, each the fall-back of the one before it."""

    def __init__(self, stores: Sequence[DeadLetters]) -> None:
        self._stores = stores

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Store an event in the first that takes it."""
        failures = []
        for one in self._stores:
            try:
                return await one.store(envelope, reason)
            except DeadLetterUnavailableError as exc:
                failures.append(str(exc))
        raise DeadLetterUnavailableError("; ".join(failures))


def with_error_attributes(event: BaseCloudEvent, reason: Reason, **more: str) -> CloudEvent:
    """The event with Knative's attributes of a failed delivery, and ``more``.

    Where the sink gave no answer, ``knativeerrordata`` has the reason, and ``knativeerrorcode`` is absent.
    """
    said = reason.body if reason.status is not None else reason.message.encode()
    errors = {
        "knativeerrordest": reason.address,
        "knativeerrorcode": "" if reason.status is None else str(reason.status),
        "knativeerrordata": b64encode(said[:MAX_ERROR_DATA]).decode(),
    }
    present = {name: value for name, value in (errors | more).items() if value}
    return CloudEvent(event.get_attributes() | present, event.get_data())


def without_error_attributes(event: BaseCloudEvent) -> CloudEvent:
    """The event as its sink was to have it, the trace that began with it included."""
    attributes = {name: value for name, value in event.get_attributes().items() if not name.startswith(LABELS)}
    return CloudEvent(attributes, event.get_data())
