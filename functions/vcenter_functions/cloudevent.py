"""A CloudEvent over HTTP (binary and structured mode), and the managed object that it is about. Pure functions.

The body that OpenFaaS's vcenter-connector sends to a function, and vcenter-source in its place, is read as one too.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import orjson
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings.http import HTTPMessage, from_binary, from_structured
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from vcenter_functions.errors import BadRequestError, NoObjectError, PermanentError
from vcenter_functions.reference import ManagedObjectReference

REQUIRED = ("specversion", "id", "source", "type")
REFERENCE = re.compile(r"([A-Z][A-Za-z0-9]*):(\S+)")
CLASS_NAME = re.compile(r"com\.vmware\.(?:vsphere|event)\.(?P<name>[A-Za-z0-9]+)")
ROUTER_TYPE = "com.vmware.event.router/"
"""The type that VMware's event router gives to every event; the class is its subject."""

ABOUT = {
    "vm": ("vm",),
    "resourcepool": ("resourcepool",),
    "host": ("host",),
    "cluster": ("computeresource",),
    "computeresource": ("computeresource",),
    "datacenter": ("datacenter",),
    "datastore": ("datastore", "ds"),
    "dvportgroup": ("net",),
    "dvs": ("dvs",),
    "alarm": ("entity",),
    "task": ("info",),
}
"""Which properties of an event hold its object, by how the name of its class (or family) begins."""

PROPERTIES = (
    *("managedobject", "managedobjectreference", "info", "entity"),
    *("vm", "resourcepool", "datastore", "ds", "net", "dvs", "host", "computeresource", "datacenter", "parent"),
)
"""Where else to look for an object, the most specific first: a VM's event also names its host and datacenter."""


def read_event(headers: Mapping[str, str], body: bytes) -> BaseCloudEvent:
    """Return the CloudEvent of a request, its JSON data decoded. Header names are in lower case.

    Raises BadRequestError: 400 for no CloudEvent, 415 for a format that is not JSON.
    """
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type.startswith("application/cloudevents-batch"):
        raise BadRequestError(400, "a batch is not accepted; send one CloudEvent a request")
    structured = content_type.startswith("application/cloudevents")
    if structured and content_type != "application/cloudevents+json":
        raise BadRequestError(
            415, f"the event format {content_type} is not accepted; send application/cloudevents+json"
        )
    try:
        if structured:
            return _read_structured(body)
        plain = dict(reversed(list(headers.items())))  # the first of several with one name, as a look-up finds it
        return _read_flat(plain, body) or _read_binary(plain, body)
    except (BaseCloudEventException, ValueError, TypeError, AttributeError, RecursionError) as exc:
        # The SDK does not catch what its parsing raises, for a list instead of an object, say, or for a wrong time.
        raise BadRequestError(400, f"not a CloudEvent: {' '.join(str(exc).split())}") from exc


def _read_structured(body: bytes) -> BaseCloudEvent:
    envelope: Any = orjson.loads(body)
    if isinstance(envelope, dict) and None in envelope.values():
        # A member that is null counts as not set (CloudEvents' JSON format, 2.2), which the SDK does not know.
        envelope = {name: value for name, value in envelope.items() if value is not None}
        body = orjson.dumps(envelope)
    _require(envelope)
    event = _drop_made_up_time(from_structured(HTTPMessage({}, body), JSONFormat()), "time" in envelope)
    data = event.get_data()
    if isinstance(data, bytes) and _is_json(event.get_datacontenttype()):  # data_base64 may well hold JSON
        return type(event)(event.get_attributes(), orjson.loads(data))
    return event


def _read_binary(headers: dict[str, str], body: bytes) -> BaseCloudEvent:
    _require({name.removeprefix("ce-"): value for name, value in headers.items() if name.startswith("ce-")})
    # The SDK reads JSON that is broken as text; here it is a broken event.
    if body and _is_json(headers.get("content-type")):
        orjson.loads(body)
    return _drop_made_up_time(from_binary(HTTPMessage(headers, body), JSONFormat()), "ce-time" in headers)


def _read_flat(headers: Mapping[str, str], body: bytes) -> BaseCloudEvent | None:
    """Read the vcenter-connector's flat object (its ``OutboundEvent``) as a CloudEvent; None for any other body.

    It has no content type and no id: vcenter-source's ``X-Call-Id`` is the same in a redelivery, and so is the body.
    """
    if any(name.startswith("ce-") for name in headers):
        return None
    flat: Any = None
    with suppress(ValueError):
        flat = orjson.loads(body)
    if not isinstance(flat, dict) or not isinstance(flat.get("topic"), str) or "specversion" in flat:
        return None
    attributes = {
        "specversion": "1.0",
        "id": headers.get("x-call-id") or hashlib.sha256(body).hexdigest(),
        "source": str(flat.get("source") or "vcenter-connector"),
        "type": flat["topic"],
        "datacontenttype": "application/json",
    }
    return _drop_made_up_time(CloudEvent(attributes, flat), has_time=False)


def _drop_made_up_time(event: BaseCloudEvent, has_time: bool) -> BaseCloudEvent:
    """Drop the present, which the SDK takes for the time of an event without one: a redelivery has another present."""
    if not has_time:
        event.get_attributes().pop("time", None)
    return event


def _require(attributes: Any) -> None:
    """Refuse a missing attribute: the SDK would make up an id, and a redelivery would get another one."""
    missing = [name for name in REQUIRED if name not in attributes]
    if missing:
        raise ValueError(f"the attribute {' and '.join(missing)} is missing (CloudEvents 1.0, section 3.1)")


def _is_json(content_type: str | None) -> bool:
    media_type = (content_type or "application/json").partition(";")[0].strip().lower()
    return media_type in {"application/json", "text/json"} or media_type.endswith("+json")


def find_object(event: BaseCloudEvent) -> ManagedObjectReference:
    """Return the object that an event is about: its subject, else the most specific reference in its data.

    The data may have the shape of VI/JSON or the PascalCase of VMware's event broker, whose subject is a class name.
    Raises NoObjectError, and BadRequestError (415) where the subject names no object and the data cannot be read.
    """
    subject = REFERENCE.fullmatch(event.get_subject() or "")
    if subject is not None:
        return ManagedObjectReference(*subject.groups())
    data = event.get_data()
    properties = data if isinstance(data, dict) and _is_json(event.get_datacontenttype()) else {}
    reference = next(_find_references(event, properties), None)
    if reference is None:
        raise explain_no_object(event.get_type(), "" if data is None else event.get_datacontenttype())
    return reference


def explain_no_object(type_: str, content_type: str | None) -> PermanentError:
    """Return the error for an event of this type without an object. ``content_type`` is empty where it has no data."""
    if not _is_json(content_type):
        return BadRequestError(415, f"data of type {content_type} is not accepted; send application/json")
    return NoObjectError(
        f"{type_} names no managed object; narrow the Trigger's filter, "
        "or set the subject to one such as ResourcePool:resgroup-9"
    )


def _find_references(event: BaseCloudEvent, data: dict[str, Any]) -> Iterator[ManagedObjectReference]:
    properties = _lower_names(data)
    properties["info"] = _lower_names(properties.get("info")).get("entity")  # a task's info also names the task
    names = [_class_name(event), str(properties.get("_typename", "")).lower()]
    for name in names:
        about = max((key for key in ABOUT if name.startswith(key)), key=len, default=None)
        for key in ABOUT.get(about or "", ()):
            yield from _read_argument(properties.get(key))
    yield from _read_event_ex(properties)
    for key in PROPERTIES:
        yield from _read_argument(properties.get(key))


def _lower_names(properties: Any) -> dict[str, Any]:
    """Return properties by name in lower case: one look-up for both shapes."""
    return {str(key).lower(): value for key, value in properties.items()} if isinstance(properties, dict) else {}


def _class_name(event: BaseCloudEvent) -> str:
    if event.get_type().startswith(ROUTER_TYPE):
        return (event.get_subject() or "").lower()
    match = CLASS_NAME.match(event.get_type())
    return match["name"].lower() if match else ""


def _read_event_ex(properties: dict[str, Any]) -> Iterator[ManagedObjectReference]:
    """Read the object of an EventEx, which spells it out in two strings."""
    kind, moid = properties.get("objecttype"), properties.get("objectid")
    if isinstance(kind, str) and isinstance(moid, str) and kind and moid:
        yield ManagedObjectReference(kind.removeprefix("vim."), moid)


def _read_argument(value: Any) -> Iterator[ManagedObjectReference]:
    """Read a reference, or the one inside an event argument (``{"name": …, "vm": {"type": …, "value": …}}``)."""
    if not isinstance(value, dict):
        return
    yield from _read_reference(value)
    for inner in value.values():
        yield from _read_reference(inner)


def _read_reference(value: Any) -> Iterator[ManagedObjectReference]:
    if not isinstance(value, dict):
        return
    kind, moid = value.get("type", value.get("Type")), value.get("value", value.get("Value"))
    if isinstance(kind, str) and isinstance(moid, str) and kind and moid:
        yield ManagedObjectReference(kind, moid)
