"""Which vCenter an event is of. Pure.

An object's id means another object in another vCenter, so this has to be known before anything is done to the object.
``source`` is ``https://host/sdk`` from vcenter-source in both of its formats, from VMware's VSphereSource and from its
event router; it is only the host from the vcenter-connector, in its flat object.
"""

import re
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from vcenter_functions.errors import OtherVcenterError

if TYPE_CHECKING:
    from cloudevents.core.base import BaseCloudEvent

USUAL_PORTS = frozenset({80, 443})
"""Ports of one and the same vCenter: it redirects from 80 to 443."""

_HOST_ALONE = re.compile(r"(?P<host>[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?)(:(?P<port>\d{1,5}))?(/.*)?")


@dataclass(frozen=True, slots=True)
class Server:
    """Host and port of a vCenter. ``port`` is None for the usual ones."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Origin:
    """The vCenter that a function acts in. An alias without a port stands for every port of its host."""

    own: Server
    aliases: frozenset[Server] = frozenset()

    def check_server(self, server: Server | None) -> None:
        """Return for this vCenter, or for None. Raises OtherVcenterError for any other."""
        if server is None or server == self.own or not self.aliases.isdisjoint({server, Server(server.host)}):
            return
        raise OtherVcenterError(
            f"the event is of the vCenter {server}, not of {self.own}: narrow the Trigger's filter to one source, "
            f"or add {server} to VCENTER_ALIASES if that is another name of the same vCenter"
        )


def find_server(event: "BaseCloudEvent") -> Server | None:
    """Return the server that an event names; None where it names none, as a ``source`` of ``/scripts/nightly``."""
    data = event.get_data()
    if isinstance(data, dict) and data.get("topic") == event.get_type():  # the vcenter-connector's, which names a host
        host = str(data.get("source") or "")
        return (parse_server(host) or _unreadable_server(host)) if host else None
    return parse_source(event.get_source())


def parse_source(source: str) -> Server | None:
    """Return the server that a CloudEvent's source names; None where it names none."""
    if "//" not in source and not re.match(r"[^/]+[.:]", source):
        return None  # a single word may be anything
    return parse_server(source)


def parse_server(name: str) -> Server | None:
    """Return the server in a URL, or in a host's name with or without a port; None for anything else."""
    match = _HOST_ALONE.fullmatch(name)
    if match:
        return _normalize(match["host"], match["port"])
    if "//" not in name:
        return _parse_address(name)
    try:
        parts = urlsplit(name)
        return _normalize(parts.hostname or "", parts.port) if parts.netloc else None
    except ValueError:  # a URL, but none that names our vCenter
        return _unreadable_server(name)


def _unreadable_server(name: str) -> Server:
    """Return a server that is no other's, for a name that cannot be read."""
    return Server(" ".join(name.split())[:100])


def _normalize(host: str, port: str | int | None) -> Server:
    number = int(port) if port else None
    return Server(_normalize_host(host), None if number in USUAL_PORTS else number)


def _parse_address(name: str) -> Server | None:
    """Read an IPv6 address, which has no port unless it stands in brackets."""
    bare, _, port = name.removeprefix("[").partition("]")
    try:
        ip_address(bare)
    except ValueError:
        return None
    return _normalize(bare, port.removeprefix(":") if port.removeprefix(":").isdecimal() else None)


def _normalize_host(host: str) -> str:
    """Return the one spelling of a host: in lower case, without a final dot, an IPv6 address in its shortest form."""
    plain = host.rstrip(".").lower()
    try:
        return str(ip_address(plain))
    except ValueError:
        return plain
