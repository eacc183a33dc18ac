"""The event that a handler gets: the same from every format that reaches a function. Pure.

vcenter-source                   com.vmware.event.vm.poweredon, data in the shape of VI/JSON
EVENT_FORMAT=veba, event broker  com.vmware.vsphere.VmPoweredOnEvent.v0, data in Go's PascalCase
VMware's event router            com.vmware.event.router/event, the class as subject, PascalCase
the vcenter-connector            a flat object with the topic vm.powered.on
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from vcenter_functions import catalog
from vcenter_functions.cloudevent import ROUTER_TYPE, explain_no_object, find_object
from vcenter_functions.errors import PermanentError
from vcenter_functions.pascal_case import to_vi_json
from vcenter_functions.reference import ManagedObjectReference

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

VEBA_TYPE = re.compile(r"com\.vmware\.(?:vsphere|event)\.(?P<name>.+)\.v\d+")
SEVERITIES = {"info": "INFO", "user": "INFO", "warning": "WARN", "warn": "WARN", "error": "ERROR"}

_FLAT_ARGUMENTS = {
    "VirtualMachine": ("vm", "vm"),
    "HostSystem": ("host", "host"),
    "ClusterComputeResource": ("computeResource", "computeResource"),
    "ComputeResource": ("computeResource", "computeResource"),
    "Datacenter": ("datacenter", "datacenter"),
    "Datastore": ("ds", "datastore"),
    "ResourcePool": ("resourcePool", "resourcePool"),
}
"""Where the one object of a flat body stands in the event's own data."""


@dataclass(frozen=True, slots=True)
class Event:
    """A vCenter event.

    ``id``, ``source`` and ``time`` together differ from those of every other event; a repeated delivery has the same.
    ``type`` is the CloudEvents type as vcenter-source names it (``com.vmware.event.vm.poweredon``), whatever format the
    event came in; a type that is not vCenter's stays as it is. ``name`` is the class, of an EventEx its event type id,
    and ``ancestors`` are the class and those it derives from. ``subject`` is the object that the event is about, None
    where there is none, as for a log-in. ``severity`` is INFO, WARN or ERROR. ``user`` and ``message`` are empty where
    the event has none. ``data`` has the shape of VI/JSON: ``event.data["vm"]["name"]``; ``content_type`` is its media
    type.
    """

    id: str
    type: str
    name: str
    ancestors: tuple[str, ...]
    source: str
    time: datetime
    subject: ManagedObjectReference | None
    severity: str
    user: str
    message: str
    data: Mapping[str, Any] = field(repr=False)
    content_type: str = field(default="application/json", repr=False)

    @property
    def class_name(self) -> str:
        """The event's class; empty where it is no event of vCenter's."""
        return self.ancestors[0] if self.ancestors else ""

    def require_subject(self) -> ManagedObjectReference:
        """Return the subject. Raises NoObjectError where there is none, BadRequestError (415) for data of another kind.

        The data may name the object where the subject does not, but only data in JSON is read.
        """
        if self.subject is None:
            raise explain_no_object(self.type, self.content_type if self.data else "")
        return self.subject

    @classmethod
    def from_cloudevent(cls, event: "BaseCloudEvent") -> Self:
        """Convert a CloudEvent of any format. This fails for none of them."""
        names, data = _find_names(event), _find_data(event)
        time = event.get_time() or _parse_time(data.get("createdTime")) or datetime.now(UTC)
        return cls(
            id=event.get_id(),
            type=names.type,
            name=names.name,
            ancestors=names.ancestors,
            source=_find_source(event),
            time=time if time.tzinfo else time.replace(tzinfo=UTC),
            subject=_find_subject(event),
            severity=_find_severity(event, names, data),
            user=str(data.get("userName") or ""),
            message=str(data.get("fullFormattedMessage") or ""),
            data=data,
            content_type=event.get_datacontenttype() or "application/json",
        )


class _Names(NamedTuple):
    type: str
    name: str
    ancestors: tuple[str, ...]


def _find_names(event: "BaseCloudEvent") -> _Names:
    """Return the names of what happened, which each format has elsewhere."""
    type_, attributes = event.get_type(), event.get_attributes()
    id_class = catalog.NAMED_BY_ID.get(str(attributes.get("eventclass")), "")
    if type_.startswith(ROUTER_TYPE):
        kind = catalog.NAMED_BY_ID.get(type_.removeprefix(ROUTER_TYPE), "")
        return _name_event(event.get_subject() or type_, kind)
    if _is_flat(event):
        name = catalog.names_by_topic().get(type_)
        return _name_event(name, "") if name else _Names(type_, type_, ())
    if match := VEBA_TYPE.fullmatch(type_):
        return _name_event(match["name"], id_class)
    class_name = id_class or str(attributes.get("eventname") or "") or catalog.names_by_type().get(type_, "")
    if type_.startswith(catalog.ID_PREFIX):
        names = _name_event(type_.removeprefix(catalog.ID_PREFIX), id_class or "EventEx")
    else:
        names = _name_event(class_name, id_class) if class_name else _Names(type_, type_, ())
    listed = tuple(filter(None, str(attributes.get("eventancestors") or "").split(",")))
    return _Names(type_, str(attributes.get("eventname") or names.name), listed or names.ancestors)


def _name_event(name: str, id_class: str) -> _Names:
    """Return the names of an event by its class or its event type id. What is no class and has a dot is an id."""
    entry = catalog.find_class(name)
    if entry is not None:
        return _Names(entry.type, name, entry.lineage)
    if id_class or "." in name:
        return _Names(f"{catalog.ID_PREFIX}{name}", name, (id_class or "EventEx", "Event"))
    stem = name.removesuffix("Event").lower()
    return _Names(f"{catalog.TYPE_PREFIX}unknown.{stem}", name, (name, "Event"))


def _is_flat(event: "BaseCloudEvent") -> bool:
    data = event.get_data()
    return isinstance(data, dict) and data.get("topic") == event.get_type()


def _find_source(event: "BaseCloudEvent") -> str:
    """Return the source, of a flat body the URL that the other formats have for its host."""
    source = event.get_source()
    data = event.get_data()
    is_host = _is_flat(event) and isinstance(data, dict) and data.get("source") == source and "/" not in source
    return f"https://{source}/sdk" if is_host else source


def _find_data(event: "BaseCloudEvent") -> Mapping[str, Any]:
    data = event.get_data()
    if not isinstance(data, dict):
        return {} if data is None else {"value": data}
    if _is_flat(event):
        return _unfold(data)
    return to_vi_json(data) if "Key" in data or "FullFormattedMessage" in data else data


def _unfold(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Put what a flat object has to where an event has it; its own members stay."""
    data = dict(flat) | ({"fullFormattedMessage": flat["message"]} if "message" in flat else {})
    reference = flat.get("managedObjectReference") or flat.get("moref")
    kind = str(reference.get("Type")) if isinstance(reference, dict) else ""
    if kind in _FLAT_ARGUMENTS:
        argument, inner = _FLAT_ARGUMENTS[kind]
        data[argument] = {"name": str(flat.get("objectName") or ""), inner: to_vi_json(reference)}
    return data


def _find_subject(event: "BaseCloudEvent") -> ManagedObjectReference | None:
    with suppress(PermanentError):
        return find_object(event)
    return None


def _find_severity(event: "BaseCloudEvent", names: _Names, data: Mapping[str, Any]) -> str:
    text = event.get_attributes().get("severitytext") or data.get("category") or data.get("severity")
    severity = SEVERITIES.get(str(text).lower())
    entry = catalog.find_class(names.name)
    return severity or (entry.severity if entry else _guess_severity(names.name))


def _guess_severity(name: str) -> str:
    if re.search("[Ee]rror|[Ff]ail", name):
        return "ERROR"
    return "WARN" if re.search("[Ww]arning", name) else "INFO"


def _parse_time(value: Any) -> datetime | None:
    with suppress(ValueError):
        return datetime.fromisoformat(value) if isinstance(value, str) else None
    return None
