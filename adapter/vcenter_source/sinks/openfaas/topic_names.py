"""What an event is called in each of the three spellings of topics that OpenFaaS functions use. Pure.

com.vmware.event.resourcepool.created   the CloudEvents type
ResourcePoolCreatedEvent                the class, of an EventEx or ExtendedEvent its event type id, as VMware's
                                        event router has it
resource.pool.created                   as OpenFaaS's vcenter-connector has it
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from cloudevents.core.base import BaseCloudEvent

from vcenter_source.events.catalog import cloudevent_type, event_class, names_by_type
from vcenter_source.events.conversion import MAX_EVENT_KINDS
from vcenter_source.events.formats import TYPE_PREFIX

Form = Literal["cloudevent", "router", "connector"]
"""The shape of a request's body: a CloudEvent in binary mode, the event router's, or the vcenter-connector's."""

_VEBA_TYPE = re.compile(r"com\.vmware\.vsphere\.(.+)\.v\d+")
_NAMED_BY_ID = {"eventex": "EventEx", "extendedevent": "ExtendedEvent"}
_CONNECTOR_TOPICS = {"EventEx": "ex"}
"""The one class with a second "Event" in its name: the vcenter-connector takes both away."""


class Name(NamedTuple):
    """A topic that an event is published on, and the shape that goes with this spelling."""

    topic: str
    form: Form


@dataclass(frozen=True, slots=True)
class Told:
    """What a CloudEvent says of vCenter's event: its class, and its name (the class, or an event type id)."""

    class_name: str
    name: str

    @property
    def connector_topic(self) -> str:
        """The vcenter-connector's topic; to it, all of EventEx are one."""
        return _CONNECTOR_TOPICS.get(self.class_name) or event_class(self.class_name).topic


def told(event: BaseCloudEvent) -> Told | None:
    """The event of vCenter's that a CloudEvent of any format is about; None where it is about none."""
    return _told(*_kind(event))


def _kind(event: BaseCloudEvent) -> tuple[str, str, str, str]:
    """What tells it: the CloudEvents type, eventclass, and of the data the class and the event type id."""
    attributes, data = event.get_attributes(), event.get_data()
    class_name, named = (data.get("_typeName"), data.get("eventTypeId")) if isinstance(data, dict) else (None, None)
    told_class = class_name if isinstance(class_name, str) else ""
    return attributes["type"], str(attributes.get("eventclass")), told_class, str(named or "")


@lru_cache(MAX_EVENT_KINDS)
def _told(cloudevents_type: str, eventclass: str, class_name: str, event_type_id: str) -> Told | None:
    veba = _VEBA_TYPE.fullmatch(cloudevents_type)
    if veba is not None:
        return Told(_NAMED_BY_ID.get(eventclass, veba[1]), veba[1])
    if not cloudevents_type.startswith(TYPE_PREFIX):
        return None
    class_name = class_name or names_by_type().get(cloudevents_type, "")
    return Told(class_name, event_type_id or class_name) if class_name else None


def names_of(event: BaseCloudEvent) -> tuple[Name, ...]:
    """Every topic that the event is published on: the CloudEvents type first, the vcenter-connector's last."""
    return _names(*_kind(event))


@lru_cache(MAX_EVENT_KINDS)
def _names(cloudevents_type: str, eventclass: str, class_name: str, event_type_id: str) -> tuple[Name, ...]:
    names = [Name(cloudevents_type, "cloudevent")]
    about = _told(cloudevents_type, eventclass, class_name, event_type_id)
    if about is not None:
        names.append(Name(cloudevent_type(about.class_name, about.name), "cloudevent"))  # differs in the veba format
        names.append(Name(about.name, "router"))
        names.append(Name(about.connector_topic, "connector"))
    return tuple(dict.fromkeys(names))
