"""Every class of event as the adapter sends it: what a Broker's filter says of these decides whether lint is right."""

from collections.abc import Iterator

from tests.support.pyvmomi_page import WHEN
from vcenter_source.core.event import Event
from vcenter_source.events.catalog import all_classes, event_class
from vcenter_source.events.conversion import Converter


def all_events() -> Iterator[dict[str, str]]:
    """The attributes of one event a class, with an event type id where the class has one."""
    converter = Converter("https://vc.example.com/sdk", "8.0.3.0")
    for name, each in all_classes().items():
        if not each.abstract:
            data = {"eventTypeId": "esx.audit.ssh.enabled"} if name in {"EventEx", "ExtendedEvent"} else {}
            attributes = converter.convert(Event(name, 4711, WHEN, None, data)).get_attributes()
            yield {key: str(value) for key, value in attributes.items()} | {"subject": subject_of(name)}


def subject_of(name: str) -> str:
    declared = "HostSystem" if event_class(name).family == "HostEvent" else "VirtualMachine"
    return f"{declared}:x-7" if event_class(name).family in {"HostEvent", "VmEvent"} else ""


EVENTS = [{key: value for key, value in each.items() if value} for each in all_events()]
