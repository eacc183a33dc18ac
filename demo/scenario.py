"""What happens in the demo: a resource pool is created and tagged, and each step of the way is shown."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from demo.delivery_log import DELIVERED, FAILED, event_key
from demo.environment import PASSWORD, USERNAME, Environment
from demo.lab import Lab
from demo.printer import Printer
from demo.processes import DemoError, Processes
from demo.vsphere import Reference, Soap, Tagging, VcenterError
from vcenter_functions.otel.span_receiver import Receiver
from vcenter_functions.otel.waterfall import Span, is_incomplete

CREATED, POWERED_ON = "ResourcePoolCreatedEvent", "VmPoweredOnEvent"
_POLL = 0.02
# How long spans may take after the tag is there, and how long none must come for the trace to count as whole (seconds).
_SPANS_WITHIN, _SPANS_QUIET = 3.0, 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scenario:
    """The steps. ``tag`` is ``category/name``, ``folder`` is the path of the manifests as a person would write it.

    ``vcenter`` is the name of the vCenter, where the Broker gets events of several.
    """

    CALLER: ClassVar[str] = "the Broker"
    """Who calls pytag."""

    UNSENT: ClassVar[str] = "the adapter sent no event about"

    environment: Environment
    processes: Processes
    receiver: Receiver
    printer: Printer
    tag: str
    folder: str
    vcenter: str = ""

    def run(self) -> None:
        """Run all steps. Raises DemoError or VcenterError with the reason for which one failed."""
        with Soap(self.environment.simulator, USERNAME, PASSWORD) as soap:
            name = f"demo-{datetime.now(UTC):%H%M%S}"
            pool = soap.create_resource_pool(name)
            recorded = self._until(lambda: soap.event_about(pool.value, CREATED), f"vCenter posted no {CREATED}")
            self.printer.show_event(recorded, pool)
            event = self.wait_for_event(pool)
            self.printer.show_cloudevent(event["attributes"], event["data"])
            self.printer.show_delivery(self.wait_for_delivery(event["attributes"]), self.folder)
            tags, read_back = self.wait_for_tag(pool), time.time()
            self.printer.show_tags(pool, name, tags, self.tag)
            spans = self.collect_trace(event["attributes"])
            self.printer.show_trace(spans)
            self._show_unmatched(soap)
        delay = milliseconds_until_tagged(event["attributes"]["time"], spans, read_back)
        self.printer.show_summary(f"tagged {pool} with {self.tag} {delay} ms after it was created; {summarize(spans)}")

    def wait_for_event(self, pool: Reference) -> dict[str, Any]:
        """Wait for the event about the new resource pool, as the adapter sent it."""
        return self._until(lambda: self.find_event(pool, CREATED), f"{self.UNSENT} {pool}{self._of_vcenter}")

    def follow(self, lab: Lab | None = None) -> None:
        """Show each further resource pool when it is first tagged, until Ctrl-C; ``lab`` makes more happen."""
        seen, pools = set(self.environment.deliveries()), set[str]()
        while True:
            self.processes.check()
            for line in lab.step() if lab else ():
                self.printer.show_further(f"{datetime.now():%H:%M:%S}  {line}", good=True)  # noqa: DTZ005  as below
            for key, delivery in self.environment.deliveries().items():
                if key not in seen and all(t["status"] in {DELIVERED, FAILED} for t in delivery["triggers"]):
                    seen.add(key)
                    self._show_further(key, delivery["triggers"], pools)
            time.sleep(0.2)

    def _show_further(self, key: str, outcomes: list[dict[str, Any]], pools: set[str]) -> None:
        event = next((e for e in self.environment.events() if event_key(e["attributes"]) == key), None)
        if event is None:  # the Broker keeps the newest alone
            return
        subject = event["attributes"].get("subject", "")
        if subject in pools:
            return
        pools.add(subject)
        for outcome in outcomes:
            when = f"{datetime.now():%H:%M:%S}"  # noqa: DTZ005  the user's own clock
            if outcome["status"] == FAILED:
                reason = f"{outcome['subscriber']} {describe_refusal(outcome)}"
                self.printer.show_further(f"{when}  {subject}  {reason}", good=False)
            else:
                self.printer.show_further(
                    f"{when}  {subject}  {event_message(event)}  {self._describe_tags(subject)}", good=True
                )

    def _describe_tags(self, subject: str) -> str:
        """Return the tags on an object, or why they cannot be read: it may be gone again."""
        try:
            return ", ".join(self.read_tags(parse_reference(subject)))
        except VcenterError as exc:
            return str(exc)

    def read_tags(self, about: Reference) -> list[str]:
        """Return the tags on an object. Raises VcenterError."""
        with Tagging(self.environment.simulator, USERNAME, PASSWORD) as tagging:
            return tagging.list_tags(about)

    def wait_for_delivery(self, attributes: Mapping[str, str]) -> dict[str, Any]:
        """Wait for the delivery of the event. Raises DemoError at once if it cannot succeed any more."""
        if not self.environment.deliveries()[event_key(attributes)]["triggers"]:
            raise DemoError(f"the Broker has the event, but no Trigger in {self.folder} wants {attributes['type']}")
        last: dict[str, Any] = {}

        def is_delivered() -> bool | None:
            last.update(self.environment.deliveries()[event_key(attributes)]["triggers"][0])
            if last["status"] == FAILED:
                raise DemoError(f"{self.CALLER} called {last['subscriber']}, which {describe_refusal(last)}")
            return last["status"] == DELIVERED or None

        self._until(is_delivered, lambda: f"{self.CALLER} called {last['subscriber']}, which {describe_refusal(last)}")
        return last

    def wait_for_tag(self, pool: Reference) -> list[str]:
        """Wait for the tag; return all tags of the object."""
        with Tagging(self.environment.simulator, USERNAME, PASSWORD) as tagging:
            return self._until(
                lambda: found if self.tag in (found := tagging.list_tags(pool)) else None,
                f"pytag took the event, but vCenter shows no tag {self.tag} on {pool}{self._of_vcenter}",
            )

    def collect_trace(self, attributes: Mapping[str, str]) -> list[Span]:
        """Return the spans of the event's trace once no more arrive; empty if none came in time."""
        parts = attributes.get("traceparent", "").split("-")
        trace_id = parts[1] if len(parts) > 1 else ""
        end, quiet_since, spans = time.monotonic() + _SPANS_WITHIN, time.monotonic(), self.receiver.trace(trace_id)
        while time.monotonic() < end and (is_incomplete(spans) or time.monotonic() - quiet_since < _SPANS_QUIET):
            time.sleep(_POLL)
            if len(now := self.receiver.trace(trace_id)) != len(spans):
                spans, quiet_since = now, time.monotonic()
        return spans

    def _show_unmatched(self, soap: Soap) -> None:
        machine = soap.power_on_a_machine()
        event = self._until(lambda: self.find_event(machine, POWERED_ON), f"the adapter sent no {POWERED_ON}")
        if self.environment.deliveries()[event_key(event["attributes"])]["triggers"]:
            raise DemoError(f"a Trigger in {self.folder} wants {event['attributes']['type']}; the demo expected none")
        self.printer.show_unmatched(event["attributes"], event_message(event))

    def find_event(self, about: Reference, event_class: str) -> dict[str, Any] | None:
        """Return the first event of a class that the Broker got about an object."""
        for event in self.environment.events():
            attributes = event["attributes"]
            is_ours = self.vcenter in {"", attributes.get("vcentername")}
            if is_ours and (attributes.get("subject"), attributes.get("eventname")) == (str(about), event_class):
                return event
        return None

    @property
    def _of_vcenter(self) -> str:
        return self.vcenter and f" of {self.vcenter}"

    def _until(self, condition: Callable[[], T | None], otherwise: str | Callable[[], str]) -> T:
        return self.processes.wait(condition, otherwise)


def milliseconds_until_tagged(created: str, spans: list[Span], read_back: float) -> int:
    """Measure from the event's time to the end of the ``attach tag`` span; without a span, to reading the tag back."""
    attached = [span.end / 1e9 for span in spans if span.name == "attach tag"]
    return round((min(attached, default=read_back) - datetime.fromisoformat(created).timestamp()) * 1000)


def summarize(spans: list[Span]) -> str:
    """Return ``1 trace, 14 spans, 3 processes``."""
    traces, services = len({span.trace_id for span in spans}), len({span.service for span in spans})
    return f"{traces} trace, {len(spans)} spans, {services} processes"


def event_message(event: Mapping[str, Any]) -> str:
    """Return vCenter's own sentence from an event's data."""
    data = event["data"]
    return str(data.get("fullFormattedMessage", "")) if isinstance(data, dict) else ""


def parse_reference(subject: str) -> Reference:
    """Return the object that a subject such as ``ResourcePool:resgroup-9`` names."""
    kind, _, moid = subject.partition(":")
    return Reference(kind, moid)


def describe_refusal(outcome: Mapping[str, Any]) -> str:
    """Say how a subscriber refused."""
    if outcome["code"] is None:
        return f"did not answer: {outcome['reason']}"
    return f"answered {outcome['code']}: {outcome['reason']}"
