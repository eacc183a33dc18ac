"""Which vCenter an event is of. Pure.

An object's id means another object in another vCenter, so this has to be known before anything is tagged. Who writes
what into ``source``: vcenter-source in both of its formats, VMware's VSphereSource and its event router
``https://host/sdk``; the vcenter-connector, in its flat object, the host alone.
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
"""Ports of one and the same vCenter: it sends those who come to 80 on to 443."""

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
    """The vCenter that we tag in. An alias without a port stands for each of that host's."""

    own: Server
    aliases: frozenset[Server] = frozenset()

    def check(self, event: "BaseCloudEvent") -> None:
        """Let an event of this vCenter pass, and one that does not say. Raises OtherVcenterError for any other."""
        server = origin_of(event)
        if server is None or server == self.own or not self.aliases.isdisjoint({server, Server(server.host)}):
            return
        raise OtherVcenterError(
            f"the event is of the vCenter {server}, not of {self.own}: narrow the Trigger's filter to one source, "
            f"or add {server} to VCENTER_ALIASES if that is another name of the same vCenter"
        )


def origin_of(event: "BaseCloudEvent") -> Server | None:
    """The server that an event says it is of; None where it names none, as a ``source`` of ``/scripts/nightly``."""
    data = event.get_data()
    if isinstance(data, dict) and data.get("topic") == event.get_type():  # the vcenter-connector's, which names a host
        named = str(data.get("source") or "")
        return (server_of(named) or _unreadable(named)) if named else None
    source = event.get_source()
    if "//" not in source and not re.match(r"[^/]+[.:]", source):
        return None  # a single word may be anything
    return server_of(source)


def server_of(name: str) -> Server | None:
    """The server in a URL, or in a host's name with or without a port; None where there is none."""
    alone = _HOST_ALONE.fullmatch(name)
    if alone:
        return _server(alone["host"], alone["port"])
    if "//" not in name:
        return _address(name)
    try:
        parts = urlsplit(name)
        return _server(parts.hostname or "", parts.port) if parts.netloc else None
    except ValueError:  # a URL, but none that names our vCenter
        return _unreadable(name)


def _unreadable(name: str) -> Server:
    return Server(" ".join(name.split())[:100])


def _server(host: str, port: str | int | None) -> Server:
    number = int(port) if port else None
    return Server(_canonical(host), None if number in USUAL_PORTS else number)


def _address(name: str) -> Server | None:
    """An IPv6 address, which has no port unless it stands in brackets."""
    bare, _, port = name.removeprefix("[").partition("]")
    try:
        ip_address(bare)
    except ValueError:
        return None
    return _server(bare, port.removeprefix(":") if port.removeprefix(":").isdecimal() else None)


def _canonical(host: str) -> str:
    """One spelling for each name: lower case, no final dot, an IPv6 address in its shortest form."""
    plain = host.rstrip(".").lower()
    try:
        return str(ip_address(plain))
    except ValueError:
        return plain
