"""Decode a page of SOAP to events, whatever unknown types it holds.

pyVmomi's own deserializer gives up a whole page for one unknown class, property or enum value, and is several times
slower. Here the standard library's ElementTree reads the page, and ``values`` each event.
"""

import re
import sys
import xml.etree.ElementTree as ET
import zlib
from datetime import datetime
from typing import Any
from xml.etree.ElementTree import Element

from vcenter_source.core.errors import VcenterUnavailableError
from vcenter_source.core.event import Event, Identity
from vcenter_source.events.catalog import find_subject
from vcenter_source.vcenter.page import EventPage, parse_created
from vcenter_source.vcenter.values import XSI_TYPE, get_decoder, local

# What XML 1.0 (section 2.2, Char) does not allow, as itself and as a character reference.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REFERENCE = re.compile(r"&#(?:x([0-9a-f]{1,8})|([0-9]{1,10}));", re.IGNORECASE)


def decode_page(xml: bytes) -> EventPage:
    """Decode the answer to ReadNextEvents, ReadPreviousEvents or QueryEvents.

    Raises VcenterUnavailableError for a SOAP Fault (see ``fault_name``), and for anything but SOAP.
    """
    return EventPage(_answer(xml), _event, len(xml))


def decode_latest_page(xml: bytes) -> EventPage:
    """Decode the answer to RetrievePropertiesEx of ``latestPage``: its events, in its order. Raises as above."""
    steps = ("objects", "propSet", "val")
    elements = _answer(xml)
    for step in steps:
        elements = [child for element in elements for child in element if local(child.tag) == step]
    return EventPage([event for value in elements for event in value], _event, len(xml))


def decode_partial_page(xml: bytes) -> EventPage:
    """Decode the first event of an answer that was cut off: its complete fields."""
    returned = _parse_partial(xml)[:1]
    for event in returned:
        if len(event) > 0:
            event.remove(event[-1])  # the one that was cut
    return EventPage(returned, _event, len(xml))


def _parse_partial(xml: bytes) -> list[Element]:
    """Return the ``returnval`` elements of an answer that was cut off; the last may be incomplete."""
    parser: Any = ET.XMLPullParser(("start",))
    parser.feed(xml)
    return [element for _, element in parser.read_events() if local(element.tag) == "returnval"]


def decode_wait(xml: bytes, *, cut: bool = False) -> tuple[str | None, bool]:
    """Decode the answer to WaitForUpdatesEx: the new version, None if the time ran out, and whether anything changed.

    The change itself is not decoded: it may hold unknown classes. So an answer that was ``cut`` off does no harm.
    Raises as ``decode_page``.
    """
    returned = _parse_partial(xml) if cut else _answer(xml)
    children = {local(child.tag): child for child in (returned[0] if returned else ())}
    version = children.get("version")
    return (version.text if version is not None else None), "filterSet" in children


def decode_categories(xml: bytes) -> dict[str, str]:
    """Decode the answer to RetrievePropertiesEx of ``description.eventInfo``: event class or event type id -> category.

    EventEx and ExtendedEvent are listed once for each id, which stands in ``fullFormat`` before a ``|``.
    """
    categories = {}
    for returned in _answer(xml):
        for detail in returned.iter():
            fields = {local(child.tag): child.text or "" for child in detail}
            if {"key", "category"} <= fields.keys():
                named_by_id = fields["key"] in {"EventEx", "ExtendedEvent"}
                name = fields.get("fullFormat", "").partition("|")[0] if named_by_id else fields["key"]
                categories[name] = fields["category"]
    return categories


def decode_identities(xml: bytes, *, cut: bool = False) -> list[Identity]:
    """Decode the answer to RetrievePropertiesEx of ``latestPage``: its identities, in no order. Raises as above.

    An event whose key or time cannot be read is left out, and so is an event that was ``cut`` off.
    """
    identities = []
    for returned in _parse_partial(xml) if cut else _answer(xml):
        for event in returned.iter():
            fields = {local(child.tag): child.text or "" for child in event}
            created = parse_created(fields.get("createdTime"))
            if created is not None and fields.get("key", "").removeprefix("-").isdecimal():
                identities.append((int(fields["key"]), created))
    return identities


def fault_name(xml: bytes) -> str | None:
    """Return the type of a SOAP Fault (``NotAuthenticated``), else its faultcode; None for anything else."""
    fault = _fault_of(xml)
    if fault is None:
        return None
    detail = next((child[0] for child in fault if local(child.tag) == "detail" and len(child)), None)
    if detail is None:
        return local(_text_of(fault, "faultcode"))
    return local(detail.get(XSI_TYPE) or local(detail.tag).removesuffix("Fault"))


def fault_message(xml: bytes) -> str:
    """Return the message of a SOAP Fault, for people; empty if there is none."""
    fault = _fault_of(xml)
    return "" if fault is None else _text_of(fault, "faultstring")


def _fault_of(xml: bytes) -> Element | None:
    try:
        return next((element for element in _body(xml) if local(element.tag) == "Fault"), None)
    except VcenterUnavailableError:
        return None


def _text_of(parent: Element, name: str) -> str:
    return next((child.text or "" for child in parent if local(child.tag) == name), "")


def _answer(xml: bytes) -> list[Element]:
    """Return the ``returnval`` elements of an answer."""
    body = _body(xml)
    if len(body) == 0 or local(body[0].tag) == "Fault":
        raise VcenterUnavailableError(f"vCenter answered with the fault {fault_name(xml)}: {fault_message(xml)}")
    return [element for element in body[0] if local(element.tag) == "returnval"]


def _body(xml: bytes) -> Element:
    body = next((element for element in _parse(xml) if local(element.tag) == "Body"), None)
    if body is None:
        raise VcenterUnavailableError(
            "vCenter's answer is not a SOAP envelope; check VCENTER_URL, and proxies on the way"
        )
    return body


def _parse(xml: bytes) -> Element:
    """Return the root. Names and messages can hold characters that XML forbids; they are replaced if parsing fails."""
    try:
        return ET.fromstring(xml)  # noqa: S314  from the vCenter we log in to; expat bounds its entities
    except (ET.ParseError, LookupError, ValueError) as exc:
        mended = _REFERENCE.sub(_replace_forbidden, _FORBIDDEN.sub("�", xml.decode(errors="replace")))
        try:
            return ET.fromstring(mended)  # noqa: S314  from the vCenter we log in to; expat bounds its entities
        except (ET.ParseError, LookupError, ValueError):
            raise VcenterUnavailableError(f"vCenter's answer is not XML: {exc}") from exc


def _replace_forbidden(reference: re.Match[str]) -> str:
    """Return a character reference, or U+FFFD for a reference to a character that XML forbids."""
    code = int(reference[1], 16) if reference[1] else int(reference[2])
    forbidden = code > sys.maxunicode or _FORBIDDEN.match(chr(code))
    return "�" if forbidden else reference[0]


def _event(element: Element, before: datetime) -> Event:
    xsi_type = element.get(XSI_TYPE, "Event")
    class_name = local(xsi_type)
    data = get_decoder(xsi_type, "Event")(element)
    if not isinstance(data, dict):  # a class that is no object
        data = {"_typeName": class_name, "_value": data}
    key, created = data.get("key"), parse_created(data.get("createdTime"))
    if not isinstance(key, int):
        key = -zlib.crc32(ET.tostring(element)) // 2
    return Event(class_name, key, created or before, find_subject(class_name, data), data)
