"""One invocation of one function with one event. Pure."""

import re
from dataclasses import dataclass
from hashlib import blake2b

from cloudevents.core.bindings.http import HTTPMessage

from vcenter_source.settings.openfaas import Invocation
from vcenter_source.sinks.openfaas.answers import Answer, Verdict, judge
from vcenter_source.sinks.openfaas.dedup import Key
from vcenter_source.sinks.openfaas.topics import Match

MAX_QUEUED = 256_000
"""Bytes that the queue of OpenFaaS's Community Edition takes; others take more."""

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
        """What an event has in common with those that its failure is compared with: the queue, or the function."""
        return self.invocation, self.match.function.queue if self.invocation == "async" else self.path

    def judge(self, answer: Answer) -> Verdict:
        """What its answer means. No other event has to pass for the queue's failure with more than it may take."""
        verdict = judge(self.invocation, answer)
        may_be_oversize = answer.status >= 500 and len(self.message.body) > MAX_QUEUED  # noqa: PLR2004  HTTP's failures
        is_queued = self.invocation == "async"
        return Verdict.FAILED if is_queued and verdict is Verdict.HELD and may_be_oversize else verdict


def call_id(key: Key, path: str) -> str:
    """What tells this function's invocation with this event from all others, whoever wished it. A UUID's form."""
    source, event_id, time, _ = key
    digest = blake2b(f"{source}\n{event_id}\n{time}\n{path}".encode(), digest_size=16).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"


def printable(value: str) -> str:
    """What a header may hold of it."""
    return value if value.isascii() and value.isprintable() else _UNPRINTABLE.sub("_", value)
