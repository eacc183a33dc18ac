"""The names of an event as topics, in each of the three spellings that OpenFaaS functions use. Pure.

com.vmware.event.resourcepool.created   the CloudEvents type
ResourcePoolCreatedEvent                the class, of an EventEx or ExtendedEvent its event type id, as VMware's
                                        event router spells it
resource.pool.created                   as OpenFaaS's vcenter-connector spells it
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from cloudevents.core.base import BaseCloudEvent

from vcenter_source.events.catalog import cloudevent_type, event_class, names_by_type
from vcenter_source.events.conversion import MAX_EVENT_KINDS
from vcenter_source.events.formats import TYPE_PREFIX

BodyForm = Literal["cloudevent", "router", "connector"]
"""The shape of a request's body: a CloudEvent in binary mode, the event router's, or the vcenter-connector's."""

_VEBA_TYPE = re.compile(r"com\.vmware\.vsphere\.(.+)\.v\d+")
_NAMED_BY_ID = {"eventex": "EventEx", "extendedevent": "ExtendedEvent"}
_CONNECTOR_TOPICS = {"EventEx": "ex"}
"""The one class with a second "Event" in its name: the vcenter-connector removes both."""


class TopicName(NamedTuple):
    """A topic that an event is published on, and the body that goes with this spelling."""

    topic: str
    form: BodyForm


@dataclass(frozen=True, slots=True)
class VcenterEventName:
    """The vCenter event that a CloudEvent is about: its class, and its name (the class, or an event type id)."""

    class_name: str
    name: str

    @property
    def connector_topic(self) -> str:
        """The vcenter-connector's topic; all EventEx share one."""
        return _CONNECTOR_TOPICS.get(self.class_name) or event_class(self.class_name).topic


def find_event_name(event: BaseCloudEvent) -> VcenterEventName | None:
    """Return the vCenter event that a CloudEvent of any format is about; None if it is about none."""
    return _find_event_name(*_kind(event))


def list_topic_names(event: BaseCloudEvent) -> tuple[TopicName, ...]:
    """Return every topic that the event is published on: the CloudEvents type first, the vcenter-connector's last."""
    return _list_topic_names(*_kind(event))


def _kind(event: BaseCloudEvent) -> tuple[str, str, str, str]:
    """Return what the names depend on: the CloudEvents type, eventclass, and the data's class and event type id."""
    attributes, data = event.get_attributes(), event.get_data()
    class_name, type_id = (data.get("_typeName"), data.get("eventTypeId")) if isinstance(data, dict) else (None, None)
    class_text = class_name if isinstance(class_name, str) else ""
    return attributes["type"], str(attributes.get("eventclass")), class_text, str(type_id or "")


@lru_cache(MAX_EVENT_KINDS)
def _find_event_name(
    cloudevents_type: str, eventclass: str, class_name: str, event_type_id: str
) -> VcenterEventName | None:
    veba = _VEBA_TYPE.fullmatch(cloudevents_type)
    if veba is not None:
        return VcenterEventName(_NAMED_BY_ID.get(eventclass, veba[1]), veba[1])
    if not cloudevents_type.startswith(TYPE_PREFIX):
        return None
    class_name = class_name or names_by_type().get(cloudevents_type, "")
    return VcenterEventName(class_name, event_type_id or class_name) if class_name else None


@lru_cache(MAX_EVENT_KINDS)
def _list_topic_names(
    cloudevents_type: str, eventclass: str, class_name: str, event_type_id: str
) -> tuple[TopicName, ...]:
    names = [TopicName(cloudevents_type, "cloudevent")]
    event = _find_event_name(cloudevents_type, eventclass, class_name, event_type_id)
    if event is not None:
        own_type = cloudevent_type(event.class_name, event.name)  # another one in the veba format
        names.append(TopicName(own_type, "cloudevent"))
        names.append(TopicName(event.name, "router"))
        names.append(TopicName(event.connector_topic, "connector"))
    return tuple(dict.fromkeys(names))
