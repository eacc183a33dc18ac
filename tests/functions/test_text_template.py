"""Texts with an event's fields: what each field says, and nothing but an event's fields."""

import orjson
import pytest

from tests.support.kit import VM_POWERED_ON, structured
from vcenter_functions.cloudevent import read_event
from vcenter_functions.event import Event
from vcenter_functions.text_template import TextTemplate, find_object_name

MOVED = VM_POWERED_ON | {
    "_typeName": "VmMigratedEvent",
    "host": {"name": "esx-1", "host": {"type": "HostSystem", "value": "host-11"}},
    "tag": ["a", {"name": "b"}, None],
}


def event(**attributes: object) -> Event:
    content = orjson.dumps(structured(**{"data": MOVED, **attributes}))
    return Event.from_cloudevent(read_event({"content-type": "application/cloudevents+json"}, content))


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("{severity} {object}: {message}", "INFO web-1: web-1 is powered on"),
        ("{id} {type} {name} {subject}", "42 com.vmware.event.vm.poweredon VmPoweredOnEvent VirtualMachine:vm-15"),
        ("{time} {time:%d.%m. %H:%M} {message:.5}", "2026-01-31 08:00:00+00:00 31.01. 08:00 web-1"),
        ("{host.name} {host.host} {host} {data.host.name}", "esx-1 host-11 esx-1 esx-1"),
        ("[{ds.name}{dvs}{host.name.more}{data.any.thing}]", "[]"),
        ("{ancestors} {data.tag} {{braces}}", "VmPoweredOnEvent, VmEvent, Event a, b,  {braces}"),
    ],
)
def test_fields_become_what_the_event_says(text: str, rendered: str) -> None:
    assert TextTemplate(text).render(event()) == rendered


def test_values_are_escaped_and_the_text_is_not() -> None:
    assert TextTemplate("*{object}*").render(event(), str.upper) == "*WEB-1*"


@pytest.mark.parametrize(
    ("subject", "name"),
    [("VirtualMachine:vm-15", "web-1"), ("HostSystem:host-11", "esx-1"), ("Folder:group-1", "Folder:group-1")],
)
def test_an_object_is_called_by_its_name_where_the_event_has_it(subject: str, name: str) -> None:
    assert find_object_name(event(subject=subject)) == name


def test_an_event_about_nothing_has_no_object() -> None:
    assert TextTemplate("{object}|{subject}").render(event(subject=None, data={}, eventname="x")) == "|"


@pytest.mark.parametrize("text", ["{}", "{0}", "{nothing}", "{event.message}", "{time:%Q{id}}", "{user:d}", "{id.x}"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no event has|cannot be used|format code"):
        TextTemplate(text)
