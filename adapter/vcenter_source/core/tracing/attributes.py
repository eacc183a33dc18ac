"""What spans are called and what they say: OpenTelemetry's conventions for messaging, CloudEvents and HTTP. Pure."""

from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

from vcenter_functions.otel.otlp_bytes import Attribute
from vcenter_source.core.tracing.spans import CLIENT, PRODUCER, Constants

System = Literal["knative", "openfaas"]
"""The attribute messaging.system of the spans of requests."""

EVENT_ATTRIBUTES = ("id", "source", "specversion", "type", "subject")
NAMES = {
    "id": "cloudevents.event_id",
    "source": "cloudevents.event_source",
    "specversion": "cloudevents.event_spec_version",
    "type": "cloudevents.event_type",
    "subject": "cloudevents.event_subject",
    "class": "vsphere.event.class",
    "object": "vsphere.object.type",
}
"""What attributes are called on a span."""


@lru_cache(maxsize=4096)
def prepare_root(cloudevents_type: str, **attributes: str) -> Constants:
    """Return what the root spans of a type have in common."""
    named = {NAMES[key]: value for key, value in attributes.items()}
    return Constants(f"CloudEvents Create {cloudevents_type}", PRODUCER, {**named, **messaging_attributes("create")})


def messaging_attributes(
    operation: Literal["create", "send", "process"], event_id: str | None = None, system: System = "knative"
) -> dict[str, str]:
    """Return the attributes that make a span one of messaging; the system is called as Knative's own spans call it."""
    about: dict[str, str] = {
        "messaging.system": system,
        "messaging.operation.name": operation,
        "messaging.operation.type": operation,
    }
    return about if event_id is None else {**about, "messaging.message.id": event_id}


@lru_cache(maxsize=1024)
def prepare_request(address: str, system: System) -> Constants:
    """Return what the spans of requests to this address have in common."""
    return Constants("POST", CLIENT, {**destination_attributes(address), **messaging_attributes("send", None, system)})


def destination_attributes(address: str) -> dict[str, Attribute]:
    """Return the attributes of a span that say where a request goes."""
    parts = urlsplit(address)
    attributes: dict[str, Attribute] = {
        "messaging.destination.name": parts.path or "/",
        "http.request.method": "POST",
        "url.full": parts._replace(query="").geturl(),
        "server.address": parts.hostname or "",
    }
    return attributes | ({"server.port": parts.port} if parts.port else {})
