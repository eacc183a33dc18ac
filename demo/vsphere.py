"""What a vSphere user's own tools do during the demo, over vCenter's wire protocols: SOAP (vim25) and REST (/api).

pyVmomi belongs to the adapter and the simulator; the few calls here are written out as they travel.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urljoin
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape, quoteattr

import httpx

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_ENVELOPE = (
    f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{_SOAP}" xmlns:xsi="{_XSI}"><e:Body>'
    '<{method} xmlns="urn:vim25">{this}{arguments}</{method}></e:Body></e:Envelope>'
)
_ALLOCATION = (
    "<{0}><reservation>0</reservation><expandableReservation>true</expandableReservation><limit>-1</limit>"
    "<shares><shares>4000</shares><level>normal</level></shares></{0}>"
)


class VcenterError(Exception):
    """vCenter could not be reached, or refused a call. One line."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A managed object reference, ``ResourcePool:resgroup-9``."""

    type: str
    value: str

    def __str__(self) -> str:
        return f"{self.type}:{self.value}"

    def xml(self, tag: str) -> str:
        """Return it as an element of a SOAP request."""
        return f"<{tag} type={quoteattr(self.type)}>{escape(self.value)}</{tag}>"


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event in vCenter's history. ``class_name`` is the type on the wire, ``created`` its text."""

    class_name: str
    key: str
    created: str
    message: str
    user: str
    about: frozenset[str] = field(default_factory=frozenset)


class Soap:
    """A SOAP session, logged in from ``with`` to its end. Every method raises VcenterError."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._url = url
        self._account = f"<userName>{escape(username)}</userName><password>{escape(password)}</password>"
        # A simulator's certificate is self-signed; the environment's proxies are not meant for loopback addresses.
        self._http = httpx.Client(timeout=10, verify=False, trust_env=False)  # noqa: S501  see above
        self._services: dict[str, Reference] = {}

    def __enter__(self) -> Self:
        try:
            (content,) = self._call(Reference("ServiceInstance", "ServiceInstance"), "RetrieveServiceContent")
            self._services = {_tag(child): _parse_reference(child) for child in content}
            self._call(self._services["sessionManager"], "Login", self._account)
        except BaseException:
            self._http.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Log out; the session would outlive us otherwise. Nothing is lost when vCenter is gone already."""
        try:
            self._call(self._services["sessionManager"], "Logout")
        except VcenterError:
            pass
        finally:
            self._http.close()

    def create_resource_pool(self, name: str) -> Reference:
        """Create a resource pool in the root pool of the first cluster."""
        spec = "".join(_ALLOCATION.format(tag) for tag in ("cpuAllocation", "memoryAllocation"))
        arguments = f"<name>{escape(name)}</name><spec>{spec}</spec>"
        return _parse_reference(self._call(self._root_pool(), "CreateResourcePool", arguments)[0])

    def post_created(self, pool: Reference, name: str) -> None:
        """Post the event of a new resource pool, as vCenter does by itself; govmomi's vcsim does not."""
        now = datetime.now(UTC).isoformat()
        about = f"<name>{escape(name)}</name>{pool.xml('resourcePool')}"
        event = (
            f"<key>0</key><chainId>0</chainId><createdTime>{now}</createdTime><userName/>"
            f"<resourcePool>{about}</resourcePool><parent>{about}</parent>"
        )
        arguments = f'<eventToPost xsi:type="ResourcePoolCreatedEvent">{event}</eventToPost>'
        self._call(self._services["eventManager"], "PostEvent", arguments)

    def power_on_a_machine(self) -> Reference:
        """Power on the first machine that is off, and do not wait for it."""
        for machine in self._references(self._parse_reference(self._datacenter(), "vmFolder"), "childEntity"):
            if self._property(machine, "runtime.powerState").text == "poweredOff":
                self._call(machine, "PowerOnVM_Task")
                return machine
        raise VcenterError("every virtual machine is powered on already")

    def event_about(self, moid: str, event_type: str) -> RecordedEvent | None:
        """Return the newest event of a class that mentions an object; None if vCenter has none (yet)."""
        arguments = (
            f"<filter><disableFullMessage>false</disableFullMessage><eventTypeId>{event_type}</eventTypeId></filter>"
        )
        events = [_parse_event(value) for value in self._call(self._services["eventManager"], "QueryEvents", arguments)]
        return next((event for event in reversed(events) if moid in event.about), None)

    def _datacenter(self) -> Reference:
        return self._references(self._services["rootFolder"], "childEntity")[0]

    def _root_pool(self) -> Reference:
        folder = self._parse_reference(self._datacenter(), "hostFolder")
        return self._parse_reference(self._references(folder, "childEntity")[0], "resourcePool")

    def _parse_reference(self, this: Reference, path: str) -> Reference:
        return _parse_reference(self._property(this, path))

    def _references(self, this: Reference, path: str) -> list[Reference]:
        return [_parse_reference(child) for child in self._property(this, path)]

    def _property(self, this: Reference, path: str) -> ET.Element:
        """Read one property's value, through the property collector as every client does."""
        arguments = (
            f"<specSet><propSet><type>{this.type}</type><pathSet>{path}</pathSet></propSet>"
            f"<objectSet>{this.xml('obj')}</objectSet></specSet><options/>"
        )
        answer = self._call(self._services["propertyCollector"], "RetrievePropertiesEx", arguments)
        value = answer[0].find("{*}objects/{*}propSet/{*}val") if len(answer) else None
        if value is None:
            raise VcenterError(f"{this} has no {path}")
        return value

    def _call(self, this: Reference, method: str, arguments: str = "") -> list[ET.Element]:
        """Call a method; return the ``returnval`` elements of its answer."""
        body = _ENVELOPE.format(method=method, this=this.xml("_this"), arguments=arguments)
        headers = {"content-type": "text/xml; charset=utf-8", "soapaction": '"urn:vim25/8.0.1.0"'}
        try:
            answer = self._http.post(self._url, content=body.encode(), headers=headers)
            envelope = ET.fromstring(answer.content)  # noqa: S314  the demo's own simulator, or a vCenter the user chose
        except (httpx.HTTPError, ET.ParseError) as exc:
            raise VcenterError(f"{method}: {exc}") from exc
        if (fault := envelope.find(".//{*}faultstring")) is not None:
            raise VcenterError(f"{method}: {fault.text}")
        return envelope.findall(f"{{*}}Body/{{*}}{method}Response/{{*}}returnval")


class Tagging:
    """A session of vCenter's tagging API, logged in from ``with`` to its end. Every method raises VcenterError."""

    def __init__(self, url: str, username: str, password: str) -> None:
        """``url`` is vCenter's, with or without its path."""
        self._http = httpx.Client(
            base_url=urljoin(url, "/api"),
            timeout=10,
            verify=False,  # noqa: S501  a simulator's certificate is self-signed
            trust_env=False,
        )
        self._account = (username, password)

    def __enter__(self) -> Self:
        try:
            self._http.headers["vmware-api-session-id"] = self._request("POST", "/session", auth=self._account)
        except BaseException:
            self._http.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Log out; nothing is lost when vCenter is gone already."""
        try:
            self._request("DELETE", "/session")
        except VcenterError:
            pass
        finally:
            self._http.close()

    def list_tags(self, reference: Reference) -> list[str]:
        """Return the tags on an object, as ``category/name``."""
        body = {"object_id": {"type": reference.type, "id": reference.value}}
        tag_ids = self._request("POST", "/cis/tagging/tag-association?action=list-attached-tags", json=body)
        return [self._name(tag) for tag in tag_ids]

    def _name(self, tag_id: str) -> str:
        tag = self._request("GET", f"/cis/tagging/tag/{tag_id}")
        category = self._request("GET", f"/cis/tagging/category/{tag['category_id']}")
        return f"{category['name']}/{tag['name']}"

    def _request(self, method: str, path: str, **options: Any) -> Any:
        try:
            answer = self._http.request(method, path, **options)
            if answer.is_success:
                return answer.json() if answer.content else None
        except (httpx.HTTPError, ValueError) as exc:
            raise VcenterError(f"{method} /api{path}: {exc}") from exc
        raise VcenterError(f"{method} /api{path}: answered {answer.status_code}")


def _tag(element: ET.Element) -> str:
    """Return the name without its namespace."""
    return element.tag.rpartition("}")[2]


def _parse_reference(element: ET.Element) -> Reference:
    return Reference(element.get("type", ""), element.text or "")


def _parse_event(element: ET.Element) -> RecordedEvent:
    """Read an Event element; references inside it are the elements that have a ``type``."""

    def text(name: str) -> str:
        return element.findtext(f"{{*}}{name}") or ""

    return RecordedEvent(
        class_name=element.get(f"{{{_XSI}}}type", "Event").rpartition(":")[2],
        key=text("key"),
        created=text("createdTime"),
        message=text("fullFormattedMessage"),
        user=text("userName"),
        about=frozenset(child.text or "" for child in element.iter() if child.get("type")),
    )
