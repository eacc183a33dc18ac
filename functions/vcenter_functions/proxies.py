"""Which proxy leads to vCenter, by HTTPS_PROXY and NO_PROXY; the adapter reads them alike."""

import os
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies

from vcenter_functions.errors import SettingsError
from vcenter_functions.sockets import bracketed, without_brackets

PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. ``url`` may hold a password; as text it is shown without."""

    url: str = field(repr=False)
    variable: str

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        return f"{bracketed(parts.hostname or '')}:{port_of(parts)} ({self.variable})"


def vcenter_proxy(url: str) -> Proxy | None:
    """Return the proxy for a vCenter at an https address; there is none for http, which only stand-ins speak.

    Raises SettingsError for one that cannot be used.
    """
    parts, proxies = urlsplit(url), getproxies()
    given = proxies.get("https", "").strip()
    host = parts.hostname or ""
    if parts.scheme != "https" or not given or is_bypassed(host, port_of(parts), proxies.get("no", "")):
        return None
    variable = "https_proxy" if os.environ.get("https_proxy") else "HTTPS_PROXY"
    check(variable, given, host)
    return Proxy(given, variable)


def check(variable: str, given: str, host: str) -> None:
    """Raise SettingsError for what is no proxy's address, without its user name and password."""
    scheme, separator, _ = given.partition("://")
    if not separator or ":" in scheme:  # a password may hold anything
        shown = given.rpartition("@")[2].strip("/")
        raise SettingsError(f"{variable}: {shown!r} has no scheme; set http://{shown}")
    if scheme.lower() != "http":
        instead = f"set an http:// one, or add {host} to NO_PROXY"
        raise SettingsError(f"{variable}: a proxy by {scheme}:// cannot be used for {host}; {instead}")
    try:
        parts = urlsplit(given)
        usable = parts.hostname and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # the port
        usable = False
    if not usable:
        raise SettingsError(f"{variable}: not a proxy's address; set http://host:port")


def is_bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Say whether NO_PROXY excepts a host: by its name or a domain above it, its address or network, or ``*``.

    An entry with a port is for that port alone. Names are not resolved.
    """
    host = host.lower().rstrip(".")
    return any(_is_meant(entry.strip().lower(), host, port) for entry in no_proxy.split(","))


def _is_meant(entry: str, host: str, port: int) -> bool:
    if not entry or entry == "*":
        return bool(entry)
    network = _network(entry)
    if network is not None:
        return _is_within(host, network)
    name, separator, number = entry.rpartition(":")
    if separator and number != str(port):
        return False
    name = (name if separator else entry).strip("[]").removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(without_brackets(entry), strict=False)
    except ValueError:
        return None


def _is_within(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:
        return False


def port_of(parts: SplitResult) -> int:
    """Return the port of an address, also where it names none."""
    return parts.port or PORTS.get(parts.scheme, 0)
