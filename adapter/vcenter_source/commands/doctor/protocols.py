"""SOAP and VI/JSON: what a vCenter offers, and whether both show the same events."""

from collections.abc import Sequence

from vcenter_source.commands.doctor.checks import CheckResult, failure, ok, warning
from vcenter_source.core.errors import VcenterSourceError
from vcenter_source.core.event import Event
from vcenter_source.settings.vcenter import VcenterConfig
from vcenter_source.vcenter import diagnostics
from vcenter_source.vcenter.session import Session
from vcenter_source.vcenter.vijson.wire import JsonWire
from vcenter_source.vcenter.wire import NotOfferedError

PAGE_EVENTS = 100
"""How many of the oldest events are read both ways."""

MAX_DIFFERENCES = 5
"""How many events that differ are described in the details."""

REPORT = "please report it with the output of doctor --json: it names the fields that differ, and no value"


async def check_protocols(config: VcenterConfig, soap: Session) -> CheckResult:
    """Find out whether VI/JSON is offered, and read one page both ways; ``soap`` is logged in."""
    setting, protocol = config.setting_names.protocol, config.protocol
    json = Session(config.url, config.credentials, config.authorities(), names=config.setting_names, protocol="json")
    try:
        await json.log_in()
        by_json = await diagnostics.read_oldest_events(json, PAGE_EVENTS)
        release = json.wire.release if isinstance(json.wire, JsonWire) else ""
    except VcenterSourceError as exc:
        return assess_failure(exc, protocol, setting)
    finally:
        await json.log_out()
    by_soap = await diagnostics.read_oldest_events(soap, PAGE_EVENTS)
    return assess_pages(f"VI/JSON {release} is offered; events are read by {name_protocol(protocol)}", by_soap, by_json)


def name_protocol(protocol: str) -> str:
    """Return the name of the protocol that ``run`` speaks where both are offered."""
    return "SOAP" if protocol == "soap" else "VI/JSON"


def assess_failure(exc: VcenterSourceError, protocol: str, setting: str) -> CheckResult:
    """Return what it means that nothing could be read by VI/JSON."""
    message, _, advice = str(exc).partition("; ")
    if isinstance(exc.__cause__, NotOfferedError) and protocol != "json":
        return ok(f"events are read by SOAP; VI/JSON is not offered: {exc.__cause__}", offered=False)
    if isinstance(exc.__cause__, NotOfferedError):
        return failure(message, advice, offered=False)
    if protocol == "soap":
        advice = f"leave {setting} at soap, and please report it"
        return warning(f"events are read by SOAP; they cannot be read by VI/JSON: {message}", advice, offered=True)
    return failure(message, advice or f"set {setting} to soap", offered=True)


def assess_pages(offered: str, by_soap: Sequence[Event], by_json: Sequence[Event]) -> CheckResult:
    """Return whether two pages are the same. The oldest events may be purged between the two readings."""
    twins = {event.identity: event for event in by_json}
    pairs = [(event, twins[event.identity]) for event in by_soap if event.identity in twins]
    if by_soap and by_json and not pairs:
        return warning(f"{offered}; it shows other events than SOAP", REPORT, offered=True)
    differing = [(one, other) for one, other in pairs if one != other]
    details = [describe_difference(one, other) for one, other in differing[:MAX_DIFFERENCES]]
    if differing:
        message = f"{offered}; of {len(pairs)} events, {len(differing)} differ between the two"
        return warning(message, REPORT, offered=True, differing=details)
    return ok(f"{offered}; {len(pairs)} events are the same by both", offered=True, events=len(pairs))


def describe_difference(one: Event, other: Event) -> dict[str, object]:
    """Return which fields of an event differ, without their values."""
    names = sorted(one.data.keys() | other.data.keys())
    fields = [name for name in names if one.data.get(name) != other.data.get(name)]
    return {"key": one.key, "class": one.class_name, "fields": fields}
