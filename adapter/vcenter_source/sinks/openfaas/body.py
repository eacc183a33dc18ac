"""The request for a function: headers and body by the topic's spelling. Pure.

Functions written for OpenFaaS's vcenter-connector or for VMware's event router get what those sent.
"""

from typing import Any
from urllib.parse import urlsplit

import orjson
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage
from cloudevents.core.v1.event import CloudEvent

from vcenter_source.events.catalog import event_class
from vcenter_source.events.codec import OrjsonFormat, to_binary
from vcenter_source.events.severity import derive_severity
from vcenter_source.events.veba import veba_data
from vcenter_source.sinks.openfaas.topic_names import VcenterEventName, find_event_name
from vcenter_source.sinks.openfaas.topics import Match

ROUTER_TYPE = "com.vmware.event.router/"
"""What the event router's types begin with; event, eventex or extendedevent follows."""

_JSON = OrjsonFormat()
_CATEGORIES = {"INFO": "info", "WARN": "warning", "ERROR": "error"}
_OBJECTS = {
    "AlarmEvent": ("alarm", "alarm"),
    "DatastoreEvent": ("datastore", "datastore"),
    "HostEvent": ("host", "host"),
    "ResourcePoolEvent": ("resourcePool", "resourcePool"),
    "VmEvent": ("vm", "vm"),
}
"""By the family of the event, the argument in which the vcenter-connector finds the object, and its reference there."""


def build_request(event: BaseCloudEvent, match: Match) -> HTTPMessage:
    """Build the request for a function that wants the event."""
    if match.form == "connector":
        body = orjson.dumps(to_connector_body(event, match.topic))
        return HTTPMessage({"content-type": "application/json"}, body)
    if match.form == "router":
        return HTTPMessage({"content-type": "application/cloudevents+json"}, _JSON.write(to_router_event(event)))
    return HTTPMessage(*to_binary(event))


def to_router_event(event: BaseCloudEvent) -> CloudEvent:
    """Convert an event to VMware's event router's: the class as subject, PascalCase data. Other events stay as is."""
    name, data = find_event_name(event), event.get_data()
    attributes: dict[str, Any] = dict(event.get_attributes())
    if name is not None:
        attributes["type"] = ROUTER_TYPE + str(event.get_extension("eventclass") or "event")
        attributes["subject"] = name.name
        if isinstance(data, dict) and "_typeName" in data:
            data = veba_data(data)
    return CloudEvent(attributes, data)


def to_connector_body(event: BaseCloudEvent, topic: str) -> dict[str, Any]:
    """Convert an event to the vcenter-connector's flat object (``OutboundEvent``), without empty members."""
    name, data = find_event_name(event), event.get_data()
    data = data if isinstance(data, dict) else {}
    time = event.get_time()
    object_name, reference = find_object(event, name, data)
    document = {
        "topic": name.connector_topic if name else topic,
        "category": find_category(event, name, data),
        "source": source_host(event.get_source()),
        "userName": get_property(data, "userName"),
        "createdTime": get_property(data, "createdTime") or (time and time.isoformat().replace("+00:00", "Z")),
        "objectName": object_name,
        "managedObjectReference": reference,
        "moref": reference,  # the key that the functions of 2018 and 2019 read, gotag-fn among them
    }
    return {key: value for key, value in document.items() if value}


def source_host(source: str) -> str:
    """Return the host in a source, with its port; empty if there is none: a source may be any URI reference."""
    try:
        return urlsplit(source).netloc
    except ValueError:
        return ""


def find_category(event: BaseCloudEvent, name: VcenterEventName | None, data: dict[str, Any]) -> str | None:
    """Return vCenter's category, as far as a CloudEvent has it: an EventEx has its own severity, and "user" is "info".

    Only GeneralUserEvent, which is a user's own words, is certainly "user".
    """
    if name is None:
        return None
    if name.class_name == "GeneralUserEvent":
        return "user"
    own = get_property(data, "severity") if name.class_name == "EventEx" else None
    category = own or _CATEGORIES.get(str(event.get_extension("severitytext")))
    return category or _CATEGORIES[derive_severity(name.class_name, {**data, "eventTypeId": name.name})]


def find_object(
    event: BaseCloudEvent, name: VcenterEventName | None, data: dict[str, Any]
) -> tuple[Any, dict[str, str] | None]:
    """Return the object's name and reference: as the vcenter-connector finds them, else of the CloudEvent's subject."""
    lineage = event_class(name.class_name).lineage if name else ()
    argument_name, reference_name = next((_OBJECTS[family] for family in lineage if family in _OBJECTS), ("", ""))
    argument = get_property(data, argument_name)
    reference = to_go_reference(get_property(argument, reference_name))
    if reference is not None:
        return get_property(argument, "name"), reference
    kind, _, value = (event.get_subject() or "").partition(":")
    if not value:
        return None, None
    reference = {"Type": kind, "Value": value}
    arguments = [argument for argument in data.values() if isinstance(argument, dict)]
    about_it = (each for each in arguments if any(to_go_reference(member) == reference for member in each.values()))
    return get_property(next(about_it, None), "name"), reference


def to_go_reference(value: Any) -> dict[str, str] | None:
    """Convert a managed object reference to the capitals that Go's encoder gave it; None for anything else."""
    kind, moid = get_property(value, "type"), get_property(value, "value")
    return {"Type": kind, "Value": moid} if isinstance(kind, str) and isinstance(moid, str) else None


def get_property(properties: Any, name: str) -> Any:
    """Return a property in VI/JSON's spelling or in the event broker's; None if it is missing."""
    if not isinstance(properties, dict):
        return None
    return properties.get(name, properties.get(name[:1].upper() + name[1:]))
