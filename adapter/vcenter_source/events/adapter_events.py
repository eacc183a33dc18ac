"""The events that the adapter makes itself: a gap in vCenter's events, and the doctor's ping. Pure."""

import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent

from vcenter_source.core.event import Gap, Identity
from vcenter_source.events.formats import TYPE_PREFIX

GAP_TYPE = f"{TYPE_PREFIX}adapter.gap"
"""The type of the event that reports missing events."""

PING_TYPE = f"{TYPE_PREFIX}adapter.ping"
"""The type of the event with which ``vcenter-source doctor --ping`` tests a sink."""


def gap_event(gap: Gap, source: str, api_version: str, overrides: Mapping[str, str], vcenter: str = "") -> CloudEvent:
    """Make the event that reports a gap. The same gap has the same id whenever it is found."""
    key, created = gap.before
    attributes = _attributes(source, GAP_TYPE, "Gap", "WARN") | {
        "id": f"gap-{gap.reason}-{key}-{created:%Y%m%dT%H%M%S.%f}",
        "time": created,
        "vsphereapiversion": api_version,
    }
    if vcenter:
        attributes["vcentername"] = vcenter
    data = {"reason": gap.reason, "after": _end(gap.after), "before": _end(gap.before)}
    return CloudEvent(dict(overrides) | attributes, data)


def ping_event(source: str, overrides: Mapping[str, str]) -> CloudEvent:
    """Make the event that tests a sink, with an id of its own each time."""
    own = {"id": f"ping-{uuid.uuid4()}", "time": datetime.now(UTC)}
    attributes = _attributes(source, PING_TYPE, "Ping", "INFO") | own
    return CloudEvent(dict(overrides) | attributes, {"sender": "vcenter-source doctor"})


def _attributes(source: str, type_: str, name: str, severity: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "source": source,
        "type": type_,
        "datacontenttype": "application/json",
        "eventclass": "adapter",
        "eventname": name,
        "severitytext": severity,
        "partitionkey": "adapter",
    }


def _end(identity: Identity | None) -> dict[str, Any] | None:
    return None if identity is None else {"key": identity[0], "createdTime": identity[1].isoformat()}
