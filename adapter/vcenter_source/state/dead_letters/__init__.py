"""Dead letters: events that the sink refuses for good. The stores are the modules beside this one.

An event counts as acknowledged only when a store has it; while no store accepts it, it is held and tried again.
"""

from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import DeadLetterUnavailableError
from vcenter_source.core.quoting import quote_line

MAX_ERROR_DATA = 1024
"""Bytes of an answer that travel with a dead letter, as Knative itself limits them before encoding."""

ERROR_ATTRIBUTE_PREFIXES = ("knativeerror", "deadletter")
"""How the names of a dead letter's own attributes begin; they are removed when it is sent again."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an event was given up.

    ``address`` is the sink that refused it, free of user info; ``message`` is one line for an operator. ``status`` and
    ``body`` are the sink's last answer, None and empty without one. ``takers`` are the functions behind the sink that
    have accepted the event all the same, and must not get it again.
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
    """No store is configured. No event is dropped for that: it holds the stream until its sink accepts it."""

    async def store(self, envelope: Envelope, reason: Reason) -> None:  # noqa: ARG002  as every store
        """Refuse, and say what would let the stream go on."""
        raise DeadLetterUnavailableError("set DEAD_LETTER_SINK or DEAD_LETTER_PATH to let the stream go on")


class FallbackStore:
    """Several stores, each the fall-back of the one before it."""

    def __init__(self, stores: Sequence[DeadLetters]) -> None:
        self._stores = stores

    async def store(self, envelope: Envelope, reason: Reason) -> None:
        """Store an event in the first store that accepts it."""
        failures = []
        for store in self._stores:
            try:
                return await store.store(envelope, reason)
            except DeadLetterUnavailableError as exc:
                failures.append(str(exc))
        raise DeadLetterUnavailableError("; ".join(failures))


def with_error_attributes(event: BaseCloudEvent, reason: Reason) -> CloudEvent:
    """Add Knative's attributes of a failed delivery to an event, and ours.

    Ours are ``deadletterreason`` and, separated by commas, ``deadlettertakers``. Without an answer of the sink,
    ``knativeerrordata`` holds the reason, and ``knativeerrorcode`` is absent.
    """
    data = reason.body if reason.status is not None else reason.message.encode()
    errors = {
        "knativeerrordest": reason.address,
        "knativeerrorcode": "" if reason.status is None else str(reason.status),
        "knativeerrordata": b64encode(data[:MAX_ERROR_DATA]).decode(),
        "deadletterreason": reason.message,
        "deadlettertakers": ",".join(reason.takers),
    }
    present = {name: value for name, value in errors.items() if value}
    return CloudEvent(event.get_attributes() | present, event.get_data())


def explain_refusal(letter: BaseCloudEvent) -> str:
    """Return in one line why a letter was given up, as its sender says it: the adapter or a Broker."""
    attributes = letter.get_attributes()
    own = str(attributes.get("deadletterreason", ""))
    if own:
        return " ".join(own.split())
    code = str(attributes.get("knativeerrorcode", ""))
    answer = quote_line(decode_error_data(letter), MAX_ERROR_DATA)
    refusal = " ".join(filter(None, (str(attributes.get("knativeerrordest", "")), f"answers {code}" if code else "")))
    return ": ".join(filter(None, (refusal, answer))) or "no reason given"


def decode_error_data(letter: BaseCloudEvent) -> bytes:
    """Return what the sink answered. Brokers cut it when it is encoded, so its end may be no Base64."""
    text = str(letter.get_attributes().get("knativeerrordata", ""))
    try:
        return b64decode(text[: len(text) // 4 * 4], validate=True)
    except ValueError:
        return text.encode(errors="replace")


def without_error_attributes(event: BaseCloudEvent) -> CloudEvent:
    """Return the event as its sink should have got it, with its trace."""
    attributes = {
        name: value for name, value in event.get_attributes().items() if not name.startswith(ERROR_ATTRIBUTE_PREFIXES)
    }
    return CloudEvent(attributes, event.get_data())
