"""An event as a CloudEvent. Pure.

Attributes follow CloudEvents 1.0.2 and what Knative's filters can do with them: every extension is a string, every
value printable ASCII without space, quote or percent sign, since Go's SDK does not decode ``ce-*`` headers.

    type                 com.vmware.event.resourcepool.created; com.vmware.vsphere.<name>.v0 in the veba format
    source               https://<vcenter>/sdk
    id                   the event's key
    subject              the object it is about, ResourcePool:resgroup-9; absent where there is none
    time                 when it was created, by vCenter's clock
    datacontenttype      application/json
    eventclass           event, eventex or extendedevent
    eventname            the class, of an EventEx or ExtendedEvent its eventTypeId
    eventancestors       the class and those it derives from: DrsVmPoweredOnEvent,VmPoweredOnEvent,VmEvent,Event
    severitytext         INFO, WARN or ERROR
    vsphereapiversion    vCenter's API version
    partitionkey         what order is kept within: the subject, without one the event's family
    vcentername          what this vCenter is called: VCENTER_NAME, or its name in VCENTERS_FILE
    traceparent, tracestate   the trace that begins with this event
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.event import Event, Gap
from vcenter_source.events.adapter_events import gap_event
from vcenter_source.events.catalog import cloudevent_type, event_class
from vcenter_source.events.codec import UNSAFE, CheckedEvent, write_lines
from vcenter_source.events.formats import EventFormat, veba_type
from vcenter_source.events.severity import derive_severity
from vcenter_source.events.veba import veba_data

MAX_EVENT_KINDS = 4096
"""How many classes and eventTypeIds are cached; a vCenter has some 2,000."""

_CLASSES = {"EventEx": "eventex", "ExtendedEvent": "extendedevent"}


class EventKind(NamedTuple):
    """What all events of one class, or of one eventTypeId, share.

    ``name`` is the class or the eventTypeId, ``type`` the CloudEvents type. ``attributes`` are those that they share,
    and ``lines`` the header lines of these. An EventEx has a severity of its own.
    """

    name: str
    type: str
    attributes: dict[str, str]
    lines: str
    has_own_severity: bool


@dataclass(frozen=True, slots=True)
class Converter:
    """Converts one vCenter's events to CloudEvents.

    ``source`` carries no user info; ``vcenter`` is the vCenter's name. ``categories`` maps classes and eventTypeIds to
    vCenter's category of them. ``overrides`` are the extensions of K_CE_OVERRIDES, lower case and without context
    attributes; they win over the extensions set here.
    """

    source: str
    api_version: str
    event_format: EventFormat = "vcenter"
    categories: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    vcenter: str = ""
    _kinds: dict[tuple[str, str], EventKind] = field(default_factory=dict, init=False, compare=False)
    _overrides: dict[str, str] = field(default_factory=dict, init=False, compare=False)

    def __post_init__(self) -> None:
        self._overrides.update({name: _safe(value) for name, value in self.overrides.items() if value})

    def convert(
        self,
        event: Event,
        traceparent: str | None = None,
        tracestate: str | None = None,
        kind: EventKind | None = None,
    ) -> CloudEvent:
        """Convert an event; the CloudEvent's data is a dict. This fails for no event.

        ``kind`` is the event's, where it is known already. ``traceparent`` and ``tracestate`` are CloudEvents'
        distributed tracing extension, of W3C Trace Context.
        """
        kind = kind or self.kind_of(event)
        key = _safe(ordering_key(event))
        own: dict[str, Any] = {"partitionkey": key}
        if kind.has_own_severity:
            own["severitytext"] = derive_severity(event.class_name, event.data, self.categories)
        if traceparent:
            own["traceparent"] = traceparent
            if tracestate:
                own |= _tracestate(tracestate)
        if self._overrides:
            own |= self._overrides
        own["id"] = str(event.key)
        own["time"] = event.created
        if event.subject:
            own["subject"] = key
        is_veba = self.event_format == "veba"
        data, encoded = (veba_data(event.data), None) if is_veba else (event.data, event.encoded)
        return CheckedEvent({**kind.attributes, **own}, data, encoded, shared_lines=kind.lines, own=own)

    def convert_gap(self, gap: Gap) -> CloudEvent:
        """Convert a gap to an event of the adapter's own."""
        return gap_event(gap, self.source, self.api_version, self._overrides, self.vcenter)

    def kind_of(self, event: Event) -> EventKind:
        """Return the kind of the event's class, or of its eventTypeId."""
        name = event.name
        kind = self._kinds.get((event.class_name, name))
        if kind is None:
            if len(self._kinds) >= MAX_EVENT_KINDS:
                self._kinds.clear()
            kind = self._kinds[event.class_name, name] = self._new_kind(event, name)
        return kind

    def _new_kind(self, event: Event, name: str) -> EventKind:
        class_name, has_own_severity = event.class_name, event.class_name == "EventEx"
        severity = derive_severity(class_name, event.data, self.categories)
        attributes = {
            "specversion": "1.0",
            "source": self.source,
            "type": veba_type(name) if self.event_format == "veba" else cloudevent_type(class_name, name),
            "datacontenttype": "application/json",  # without it the SDK sends a dict as Python's repr
            "eventclass": _CLASSES.get(class_name, "event"),
            "eventname": name,
            "eventancestors": ",".join(event_class(class_name).lineage),
            "severitytext": "" if has_own_severity else severity,
            "vsphereapiversion": self.api_version,
            "vcentername": self.vcenter,
        }
        safe = {key: _safe(value) for key, value in attributes.items() if value}
        shared = safe | {"source": self.source}
        lines = write_lines({key: value for key, value in shared.items() if key not in self._overrides})
        return EventKind(name, shared["type"], shared, lines, has_own_severity)


def ordering_key(event: Event) -> str:
    """Return what the event's order is kept within: its object, without one its family (all log-ins, say)."""
    return str(event.subject) if event.subject else event_class(event.class_name).family


def _tracestate(tracestate: str) -> dict[str, str]:
    """Return the attribute, without its spaces; nothing if no header can carry it, as W3C allows."""
    compact = re.sub(r"\s*,\s*", ",", tracestate.strip())
    return {"tracestate": compact} if compact and not UNSAFE.search(compact) else {}


def _safe(value: str) -> str:
    return UNSAFE.sub("_", value)
