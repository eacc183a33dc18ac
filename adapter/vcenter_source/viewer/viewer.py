"""What the pages are about: the feed, the adapter's health, and where events go."""

import asyncio
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import uuid4

import orjson
import structlog

from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import EventRefusedError, LeaseLostError, SinkUnavailableError
from vcenter_source.events.codec import to_binary
from vcenter_source.observe.health import Check, Health
from vcenter_source.state.dead_letters.folder import decode_letter
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.viewer import spans
from vcenter_source.viewer.feed import EventRecord, Feed

log = structlog.get_logger()

REPLAY_TIMEOUT = 30.0
"""Seconds that the sink may take for an event that is sent again."""

SENDING_CHECKS = ("sink", "checkpoint")
"""The checks that mean nothing where no event is sent."""

TRIGGER_SAMPLE = 2000
"""How many of the last events a Trigger is tried on."""


@dataclass(frozen=True)
class Viewer:
    """What the pages are about. ``sink`` is None where nothing is sent, ``spans`` where nothing is traced."""

    feed: Feed
    health: Health
    source: str
    sink: Sink | None
    catalog: EventCatalog
    spans: spans.SpanStore | None
    trace_url: str | None
    trace_api: str | None
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    """Distinguishes this process's numbers from those of the one before it."""

    def about(self) -> dict[str, Any]:
        """Return what stays the same while a page is open."""
        return {
            "run": self.run,
            "source": self.source,
            "sink": self.sink.address if self.sink else None,
            "traceUrl": self.trace_url,
            "rates": self.feed.rates.bins(),
        }

    def status(self) -> dict[str, Any]:
        """Return what the header of the page shows."""
        checks, lag = self._run_checks(), self.health.lag
        return {
            "ready": all(check.ok for check in checks.values()),
            "checks": {name: asdict(check) for name, check in checks.items()},
            "inFlight": self.health.in_flight,
            "waiting": round(self.health.oldest_in_flight, 1),
            "lag": None if lag != lag else round(lag, 1),  # noqa: PLR0124  NaN: it is not known
            "counts": self.feed.counts,
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

    async def replay(self, record: EventRecord) -> dict[str, Any]:
        """Send an event once more, as it is; return whether the sink accepted it, and why not."""
        if self.sink is None or not self.health.is_leading:
            return {"accepted": False, "why": "this adapter sends no events"}
        event, why = decode_letter(record.body), ""
        log.info("replaying event on request from the viewer", event_id=event.get_id(), event_type=event.get_type())
        envelope = Envelope(event, span=tracing.restore_span(event), replay_id=uuid4().hex)
        try:
            async with asyncio.timeout(REPLAY_TIMEOUT):
                receipt = await self.sink.send(envelope)
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
