"""Which proxy a connection takes, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, read as curl and Go read them.

Lower case wins. The adapter and the functions find the same proxy for the same address.
"""

import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from vcenter_functions.net.addresses import add_brackets, port_of, strip_brackets

_PROXY_AUTHENTICATION_REQUIRED = 407


class ProxySettingError(ValueError):
    """A variable that names a proxy cannot be used. The message names the variable, and what to set it to."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. ``url`` may hold a password; as text it is shown without."""

    url: str = field(repr=False)
    variable: str

    def __str__(self) -> str:
        return f"{add_brackets(self.host)}:{self.port} ({self.variable})"

    @property
    def host(self) -> str:
        """Its host."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port, also where the address names none."""
        return port_of(urlsplit(self.url))

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers it wants; none where its address has no user name (RFC 9110, 11.7.2)."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return {}
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def explain_answer(self, status: int, phrase: str) -> str:
        """Describe an answer of the proxy itself, and what to do."""
        answer = f"the proxy {self} answers {status} {phrase}".rstrip()
        if status == _PROXY_AUTHENTICATION_REQUIRED:
            return f"{answer}; set {self.variable} with its user name and password, http://user:password@host:port"
        return f"{answer}; see what it lets through, or add the host to NO_PROXY"


def find_proxy(url: str, schemes: tuple[str, ...] = ("http", "https")) -> Proxy | None:
    """Return the proxy for this address; None where it is reached directly.

    Raises ProxySettingError for one that cannot be used: its address has to have one of ``schemes``.
    """
    parts, proxies = urlsplit(url), getproxies()
    address = proxies.get(parts.scheme, "").strip()
    if not address or is_bypassed(parts.hostname or "", port_of(parts), proxies.get("no", "")):
        return None
    lower = f"{parts.scheme}_proxy"
    variable = lower if os.environ.get(lower) else lower.upper()
    check_proxy(variable, address, parts.hostname or "", schemes)
    return Proxy(address, variable)


def find_vcenter_proxy(url: str) -> Proxy | None:
    """Return the proxy for a vCenter at an https address; None for http, which only stand-ins speak.

    The proxy's own address has to be http://: http.client cannot do TLS within TLS. Raises ProxySettingError.
    """
    return find_proxy(url, ("http",)) if urlsplit(url).scheme == "https" else None


def check_proxy(variable: str, address: str, host: str, schemes: tuple[str, ...]) -> None:
    """Raise ProxySettingError unless this is a proxy's address. The message holds neither user name nor password."""
    scheme, separator, _ = address.partition("://")
    if not separator or ":" in scheme:  # a password may hold anything
        shown = address.rpartition("@")[2].strip("/")
        raise ProxySettingError(f"{variable}: {shown!r} has no scheme; set http://{shown}")
    if scheme.lower() not in schemes:
        instead = f"set an http:// one, or add {host} to NO_PROXY"
        raise ProxySettingError(f"{variable}: a proxy by {scheme}:// cannot be used for {host}; {instead}")
    try:
        parts = urlsplit(address)
        usable = parts.hostname and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # the port
        usable = False
    if not usable:
        raise ProxySettingError(f"{variable}: not a proxy's address; set http://host:port")


def is_bypassed(host: str, port: int, no_proxy: str) -> bool:
    """Say whether NO_PROXY excepts a host: by its name or a domain above it, its address or network, or ``*``.

    An entry with a port is for that port only. Names are not resolved.
    """
    host = host.lower().rstrip(".")
    return any(_is_match(entry.strip().lower(), host, port) for entry in no_proxy.split(","))


def _is_match(entry: str, host: str, port: int) -> bool:
    if not entry or entry == "*":
        return bool(entry)
    network = _parse_network(entry)
    if network is not None:
        return _is_within(host, network)
    name, separator, number = entry.rpartition(":")
    if separator and number != str(port):
        return False
    name = (name if separator else entry).strip("[]").removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _parse_network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(strip_brackets(entry), strict=False)
    except ValueError:
        return None


def _is_within(host: str, network: IPv4Network | IPv6Network) -> bool:
    try:
        return ip_address(host) in network
    except ValueError:
        return False
