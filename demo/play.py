"""What happens in the demo, in its order: a resource pool is created, tagged, and each step of the way is shown."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from demo.ledger import DELIVERED, FAILED
from demo.processes import DemoError, Processes
from demo.receiver import Receiver
from demo.stage import PASSWORD, USERNAME, Stage
from demo.story import Story
from demo.vsphere import Reference, Soap, Tagging, VcenterError
from demo.waterfall import Span, unfinished

CREATED, POWERED_ON = "ResourcePoolCreatedEvent", "VmPoweredOnEvent"
_POLL = 0.02
# How long spans may take after the tag is there, and how long none must come for the trace to count as whole (seconds).
_SPANS_WITHIN, _SPANS_QUIET = 3.0, 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Play:
    """Everything the acts need. ``tag`` is ``category/name``, ``folder`` where the manifests are, for a person."""

    CALLER: ClassVar[str] = "the Broker"
    """Who calls pytag."""

    UNSENT: ClassVar[str] = "the adapter sent no event about"

    stage: Stage
    processes: Processes
    receiver: Receiver
    story: Story
    tag: str
    folder: str

    def run(self) -> None:
        """The whole story. Raises DemoError or VcenterError with the reason why it could not be told to the end."""
        with Soap(self.stage.simulator, USERNAME, PASSWORD) as soap:
            name = f"demo-{datetime.now(UTC):%H%M%S}"
            pool = soap.create_resource_pool(name)
            recorded = self._until(lambda: soap.event_about(pool.value, CREATED), f"vCenter posted no {CREATED}")
            self.story.recorded(recorded, pool)
            event = self._sent(pool)
            self.story.travelled(event["attributes"], event["data"])
            self.story.matched(self._delivered(event["attributes"]), self.folder)
            read_back = self._tagged(pool, name)
            spans = self._trace(event["attributes"])
            self.story.traced(spans)
            self._unmatched(soap)
        delay = milliseconds_until_tagged(event["attributes"]["time"], spans, read_back)
        self.story.closing(f"tagged {pool} with {self.tag} {delay} ms after it was created; {counted(spans)}")

    def _sent(self, pool: Reference) -> dict[str, Any]:
        """The event about the new resource pool, as it was sent on."""
        return self._until(lambda: self._event_about(pool, CREATED), f"{self.UNSENT} {pool}")

    def follow(self) -> None:
        """Show each further resource pool as it is tagged, until Ctrl-C."""
        seen = set(self.stage.deliveries())
        while True:
            self.processes.check()
            for event_id, delivery in self.stage.deliveries().items():
                if event_id not in seen and all(t["status"] in {DELIVERED, FAILED} for t in delivery["triggers"]):
                    seen.add(event_id)
                    self._follow_up(event_id, delivery["triggers"])
            time.sleep(0.2)

    def _follow_up(self, event_id: str, outcomes: list[dict[str, Any]]) -> None:
        event = next((e for e in self.stage.events() if e["attributes"]["id"] == event_id), None)
        if event is None:  # the Broker keeps the newest alone
            return
        for outcome in outcomes:
            subject = event["attributes"].get("subject", "")
            when = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  the user's own clock
            if outcome["status"] == FAILED:
                self.story.also(f"{when}  {subject}  {outcome['subscriber']} {refusal(outcome)}", good=False)
            else:
                self.story.also(f"{when}  {subject}  {message(event)}  {self._tags(subject)}", good=True)

    def _tags(self, subject: str) -> str:
        """The tags on an object, or why they cannot be told: it may be gone again."""
        try:
            with Tagging(self.stage.simulator, USERNAME, PASSWORD) as tagging:
                return ", ".join(tagging.attached(reference(subject)))
        except VcenterError as exc:
            return str(exc)

    def _delivered(self, attributes: Mapping[str, str]) -> dict[str, Any]:
        """How the delivery of the event ended. Raises DemoError at once where it cannot end well."""
        if not self.stage.deliveries()[attributes["id"]]["triggers"]:
            raise DemoError(f"the Broker has the event, but no Trigger in {self.folder} wants {attributes['type']}")
        last: dict[str, Any] = {}

        def settled() -> bool | None:
            last.update(self.stage.deliveries()[attributes["id"]]["triggers"][0])
            if last["status"] == FAILED:
                raise DemoError(f"{self.CALLER} called {last['subscriber']}, which {refusal(last)}")
            return last["status"] == DELIVERED or None

        self._until(settled, lambda: f"{self.CALLER} called {last['subscriber']}, which {refusal(last)}")
        return last

    def _tagged(self, pool: Reference, name: str) -> float:
        """Wait for the tag; the time (seconds since 1970) at which it was read back."""
        with Tagging(self.stage.simulator, USERNAME, PASSWORD) as tagging:
            tags = self._until(
                lambda: found if self.tag in (found := tagging.attached(pool)) else None,
                f"pytag took the event, but vCenter shows no tag {self.tag} on {pool}",
            )
        read_back = time.time()
        self.story.tagged(pool, name, tags, self.tag)
        return read_back

    def _trace(self, attributes: Mapping[str, str]) -> list[Span]:
        """The spans of the event's trace, once no more of them come; empty when none came in time."""
        parts = attributes.get("traceparent", "").split("-")
        trace_id = parts[1] if len(parts) > 1 else ""
        end, quiet_since, spans = time.monotonic() + _SPANS_WITHIN, time.monotonic(), self.receiver.trace(trace_id)
        while time.monotonic() < end and (unfinished(spans) or time.monotonic() - quiet_since < _SPANS_QUIET):
            time.sleep(_POLL)
            if len(now := self.receiver.trace(trace_id)) != len(spans):
                spans, quiet_since = now, time.monotonic()
        return spans

    def _unmatched(self, soap: Soap) -> None:
        machine = soap.power_on_a_machine()
        event = self._until(lambda: self._event_about(machine, POWERED_ON), f"the adapter sent no {POWERED_ON}")
        if self.stage.deliveries()[event["attributes"]["id"]]["triggers"]:
            raise DemoError(f"a Trigger in {self.folder} wants {event['attributes']['type']}; the demo expected none")
        self.story.unmatched(event["attributes"], message(event))

    def _event_about(self, about: Reference, event_class: str) -> dict[str, Any] | None:
        """The first event of a class that the Broker got about an object."""
        for event in self.stage.events():
            attributes = event["attributes"]
            if (attributes.get("subject"), attributes.get("eventname")) == (str(about), event_class):
                return event
        return None

    def _until(self, condition: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
        return self.processes.wait(condition, otherwise)


def milliseconds_until_tagged(created: str, spans: list[Span], read_back: float) -> int:
    """From the event's own time to the end of the ``attach tag`` span, or to reading it back where there is no span."""
    attached = [span.end / 1e9 for span in spans if span.name == "attach tag"]
    return round((min(attached, default=read_back) - datetime.fromisoformat(created).timestamp()) * 1000)


def counted(spans: list[Span]) -> str:
    """``1 trace, 14 spans, 3 processes``."""
    traces, services = len({span.trace_id for span in spans}), len({span.service for span in spans})
    return f"{traces} trace, {len(spans)} spans, {services} processes"


def message(event: Mapping[str, Any]) -> str:
    """vCenter's own sentence, out of an event's data."""
    data = event["data"]
    return str(data.get("fullFormattedMessage", "")) if isinstance(data, dict) else ""


def reference(subject: str) -> Reference:
    """The object that a subject such as ``ResourcePool:resgroup-9`` names."""
    kind, _, moid = subject.partition(":")
    return Reference(kind, moid)


def refusal(outcome: Mapping[str, Any]) -> str:
    """How a subscriber refused, in words."""
    if outcome["code"] is None:
        return f"did not answer: {outcome['reason']}"
    return f"answered {outcome['code']}: {outcome['reason']}"
