"""One invocation of one function with one event. Pure."""

import re
from dataclasses import dataclass
from hashlib import blake2b

from cloudevents.core.bindings.http import HTTPMessage

from vcenter_source.core.envelope import EventKey
from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.openfaas.outcomes import InvocationOutcome, InvocationResponse, classify
from vcenter_source.sinks.openfaas.topics import Match

MAX_QUEUED_BYTES = 256_000
"""The largest body that the queue of OpenFaaS's Community Edition accepts; others accept more."""

_UNPRINTABLE = re.compile(r"[^ -~]")
"""What no header may hold. An event type id, or an attribute that came in structured mode, may hold anything."""


@dataclass(slots=True)
class Call:
    """One invocation of one function with one event."""

    match: Match
    invocation: Invocation
    route: str
    message: HTTPMessage

    @property
    def path(self) -> str:
        """The function."""
        return self.match.path

    @property
    def destination(self) -> tuple[Invocation, str]:
        """What the event shares with those that its failure is compared with: the queue, or the function."""
        return self.invocation, self.match.function.queue if self.invocation == "async" else self.path

    def classify(self, response: InvocationResponse) -> InvocationOutcome:
        """Tell what an answer means.

        If the queue fails with a body that may be too large for it, the try counts even if no other event gets through.
        """
        outcome = classify(self.invocation, response)
        may_be_too_large = response.status >= 500 and len(self.message.body) > MAX_QUEUED_BYTES  # noqa: PLR2004  failures
        is_held_by_queue = self.invocation == "async" and outcome is InvocationOutcome.HELD
        return InvocationOutcome.FAILED if is_held_by_queue and may_be_too_large else outcome


def call_id(key: EventKey, path: str) -> str:
    """Return the id of a function's invocation with an event, the same at each retry. It looks like a UUID."""
    source, event_id, time, _ = key
    digest = blake2b(f"{source}\n{event_id}\n{time}\n{path}".encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def to_printable(value: str) -> str:
    """Replace what no header may hold."""
    return value if value.isascii() and value.isprintable() else _UNPRINTABLE.sub("_", value)
