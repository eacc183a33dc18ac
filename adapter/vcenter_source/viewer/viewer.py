"""What the pages are about: the feed, the adapter's health, and where events go."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from uuid import uuid4

import orjson
import structlog

from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import (
    DeadLetterUnavailableError,
    EventRefusedError,
    LeaseLostError,
    SinkUnavailableError,
)
from vcenter_source.events.codec import to_binary
from vcenter_source.observe.admin_server import to_json
from vcenter_source.observe.health import Check
from vcenter_source.state.dead_letters.folder import decode_letter
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.viewer import spans
from vcenter_source.viewer.feed import EventRecord, Feed
from vcenter_source.viewer.letters import LetterBox

log = structlog.get_logger()

REPLAY_TIMEOUT = 30.0
"""Seconds that the sink may take for an event that is sent again."""

SENDING_CHECKS = ("sink", "checkpoint")
"""The checks that mean nothing where no event is sent."""

NOT_SENDING = "this adapter sends no events"

TRIGGER_SAMPLE = 2000
"""How many of the last events a Trigger is tried on."""


class ViewedHealth(Protocol):
    """What the header of the page shows of the process."""

    @property
    def is_leading(self) -> bool: ...  # noqa: D102  whether it sends events
    @property
    def in_flight(self) -> int: ...  # noqa: D102  events
    @property
    def oldest_in_flight(self) -> float: ...  # noqa: D102  seconds
    @property
    def lag(self) -> float: ...  # noqa: D102  seconds, NaN where it is not known
    def run_checks_now(self) -> dict[str, Check]: ...  # noqa: D102  by name


@dataclass(frozen=True)
class Viewer:
    """What the pages are about. ``sink`` is None where nothing is sent, ``spans`` where nothing is traced."""

    feed: Feed
    health: ViewedHealth
    source: str
    sink: Sink | None
    catalog: EventCatalog
    spans: spans.SpanStore | None
    trace_url: str | None
    trace_api: str | None
    letters: LetterBox | None = None
    """The dead letters, None where they are not in a folder."""
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    """Distinguishes this process's numbers from those of the one before it."""

    def about(self) -> dict[str, Any]:
        """Return what stays the same while a page is open."""
        return {
            "run": self.run,
            "source": self.source,
            "sink": self.sink.address if self.sink else None,
            "traceUrl": self.trace_url,
            "hasLetters": self.letters is not None,
            "rates": self.feed.rates.bins(),
        }

    def status(self) -> dict[str, Any]:
        """Return what the header of the page shows."""
        checks, lag = self._run_checks(), self.health.lag
        return {
            "ready": all(check.ok for check in checks.values()),
            "checks": to_json(checks),
            "inFlight": self.health.in_flight,
            "waiting": round(self.health.oldest_in_flight, 1),
            "lag": None if lag != lag else round(lag, 1),  # noqa: PLR0124  NaN: it is not known
            "letters": self.feed.counts["dead letter"] if self.letters is None else self.letters.count,
            "rates": self.feed.rates.bins(2),
        }

    def _run_checks(self) -> dict[str, Check]:
        """Return the checks as they are now; where nothing is sent, only those of reading."""
        checks = self.health.run_checks_now()
        skipped = SENDING_CHECKS if self.sink is None else ()
        return {name: check for name, check in checks.items() if name not in skipped}

    async def fetch_trace(self, record: EventRecord) -> list[Any]:
        """Return the spans of an event's trace, this process's own and the tracing backend's."""
        trace_id = tracing.restore_span(decode_letter(record.body)).trace_id.hex()
        if not trace_id:
            return []
        own = self.spans.spans_of(trace_id) if self.spans else []
        others = await spans.fetch_spans(self.trace_api.replace("{trace_id}", trace_id)) if self.trace_api else []
        return spans.merge_spans(own, others)

    async def replay_letters(self, numbers: Collection[int] | None) -> dict[str, Any]:
        """Send dead letters again, or all; return how many the sink accepted and refused, and why not all."""
        if self.letters is None or not self.health.is_leading:
            return {"accepted": 0, "refused": 0, "why": NOT_SENDING}
        log.info("replaying dead letters on request from the viewer", count="all" if numbers is None else len(numbers))
        try:
            summary = await self.letters.replay(numbers)
        except (DeadLetterUnavailableError, LeaseLostError) as exc:
            return {"accepted": 0, "refused": 0, "why": str(exc)}
        return {
            "accepted": summary.accepted,
            "refused": summary.refused,
            "why": summary.stopped or summary.refusal,
        }

    async def replay(self, record: EventRecord) -> dict[str, Any]:
        """Send an event once more, as it is; return whether the sink accepted it, and why not."""
        if self.sink is None or not self.health.is_leading:
            return {"accepted": False, "why": NOT_SENDING}
        if record.state == "dead letter":
            return await self._replay_letter(record)
        return await self._send(record, self.sink)

    async def _replay_letter(self, record: EventRecord) -> dict[str, Any]:
        """Send a dead letter again, so that it is gone from the folder too."""
        if self.letters is not None and not self.letters.has(record.number):
            with suppress(DeadLetterUnavailableError):
                await self.letters.refresh()
        if self.letters is None or not self.letters.has(record.number):
            return {"accepted": False, "why": "it is kept at DEAD_LETTER_SINK: send it again from there"}
        answer = await self.replay_letters([record.number])
        return answer | {"accepted": answer["accepted"] > 0}

    async def _send(self, record: EventRecord, sink: Sink) -> dict[str, Any]:
        event, why = decode_letter(record.body), ""
        log.info("replaying event on request from the viewer", event_id=event.get_id(), event_type=event.get_type())
        envelope = Envelope(event, span=tracing.restore_span(event), replay_id=uuid4().hex)
        try:
            async with asyncio.timeout(REPLAY_TIMEOUT):
                receipt = await sink.send(envelope)
                if receipt.takers == ():
                    why = "no function has a topic for it"
        except (EventRefusedError, LeaseLostError, SinkUnavailableError, TimeoutError) as exc:
            return {"accepted": False, "why": str(exc) or f"no answer within {REPLAY_TIMEOUT:.0f} s"}
        return {"accepted": True, "why": why}


def format_record(record: EventRecord) -> dict[str, Any]:
    """Return one event in full: what became of it when, and how it is sent in both modes of CloudEvents over HTTP."""
    headers, _ = to_binary(decode_letter(record.body))
    return {
        "n": record.number,
        "state": record.state,
        "accepted": record.accepted,
        "ended": record.ended,
        "tries": record.tries,
        "failures": list(record.failures or ()),
        "headers": headers,
        "event": orjson.Fragment(record.body),
    }
