"""An event as a function's request: headers and body by the topic's spelling. Pure.

Functions written for OpenFaaS's vcenter-connector or for VMware's event router find what those sent them.
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
from vcenter_source.sinks.openfaas.topic_names import Told, told
from vcenter_source.sinks.openfaas.topics import Match

ROUTER_TYPE = "com.vmware.event.router/"
"""What the event router's types begin with; event, eventex or extendedevent follows."""

_FORMAT = OrjsonFormat()
_CATEGORIES = {"INFO": "info", "WARN": "warning", "ERROR": "error"}
_OBJECTS = {
    "AlarmEvent": ("alarm", "alarm"),
    "DatastoreEvent": ("datastore", "datastore"),
    "HostEvent": ("host", "host"),
    "ResourcePoolEvent": ("resourcePool", "resourcePool"),
    "VmEvent": ("vm", "vm"),
}
"""Where the vcenter-connector finds the object, by the family of the event."""


def request(event: BaseCloudEvent, match: Match) -> HTTPMessage:
    """What to send to a function."""
    if match.form == "connector":
        body = orjson.dumps(connector_body(event, match.topic))
        return HTTPMessage({"content-type": "application/json"}, body)
    if match.form == "router":
        return HTTPMessage({"content-type": "application/cloudevents+json"}, _FORMAT.write(router_event(event)))
    return HTTPMessage(*to_binary(event))


def router_event(event: BaseCloudEvent) -> CloudEvent:
    """As VMware's event router has it: the class is the subject, data is PascalCase. What is not vCenter's stays."""
    about, data = told(event), event.get_data()
    attributes: dict[str, Any] = dict(event.get_attributes())
    if about is not None:
        attributes["type"] = ROUTER_TYPE + str(event.get_extension("eventclass") or "event")
        attributes["subject"] = about.name
        if isinstance(data, dict) and "_typeName" in data:
            data = veba_data(data)
    return CloudEvent(attributes, data)


def connector_body(event: BaseCloudEvent, topic: str) -> dict[str, Any]:
    """The vcenter-connector's flat object (``OutboundEvent``): what is empty or not known is left out."""
    about, data = told(event), event.get_data()
    data = data if isinstance(data, dict) else {}
    time = event.get_time()
    name, reference = object_of(event, about, data)
    flat = {
        "topic": about.connector_topic if about else topic,
        "category": category_of(event, about, data),
        "source": host_of(event.get_source()),
        "userName": of(data, "userName"),
        "createdTime": of(data, "createdTime") or (time and time.isoformat().replace("+00:00", "Z")),
        "objectName": name,
        "managedObjectReference": reference,
        "moref": reference,  # the key that the functions of 2018 and 2019 read, gotag-fn among them
    }
    return {key: value for key, value in flat.items() if value}


def host_of(source: str) -> str:
    """The host in a source, with its port; empty where there is none: a source may be any URI reference."""
    try:
        return urlsplit(source).netloc
    except ValueError:
        return ""


def category_of(event: BaseCloudEvent, about: Told | None, data: dict[str, Any]) -> str | None:
    """vCenter's category as far as the CloudEvent tells it: of an EventEx its own severity, and "user" comes as "info".

    Only of GeneralUserEvent, which is a user's own words, is "user" known.
    """
    if about is None:
        return None
    if about.class_name == "GeneralUserEvent":
        return "user"
    own = of(data, "severity") if about.class_name == "EventEx" else None
    found = str(event.get_extension("severitytext"))
    return (
        own
        or _CATEGORIES.get(found)
        or _CATEGORIES[derive_severity(about.class_name, {**data, "eventTypeId": about.name})]
    )


def object_of(event: BaseCloudEvent, about: Told | None, data: dict[str, Any]) -> tuple[Any, dict[str, str] | None]:
    """Name and reference: by the family as the vcenter-connector finds them, else of the CloudEvent's subject."""
    lineage = event_class(about.class_name).lineage if about else ()
    argument, inner = next((_OBJECTS[each] for each in lineage if each in _OBJECTS), ("", ""))
    found = of(data, argument)
    reference = reference_of(of(found, inner))
    if reference is not None:
        return of(found, "name"), reference
    kind, _, value = (event.get_subject() or "").partition(":")
    if not value:
        return None, None
    reference = {"Type": kind, "Value": value}
    arguments = [each for each in data.values() if isinstance(each, dict)]
    named = (each for each in arguments if any(reference_of(its) == reference for its in each.values()))
    return of(next(named, None), "name"), reference


def reference_of(value: Any) -> dict[str, str] | None:
    """A managed object reference with the capitals that Go's encoder gave it."""
    kind, moid = of(value, "type"), of(value, "value")
    return {"Type": kind, "Value": moid} if isinstance(kind, str) and isinstance(moid, str) else None


def of(properties: Any, name: str) -> Any:
    """A property in VI/JSON's spelling or in the event broker's; None where it is missing."""
    if not isinstance(properties, dict):
        return None
    return properties.get(name, properties.get(name[:1].upper() + name[1:]))
