"""Which proxy a connection takes, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY, and the way through one.

It is the same for all that we connect to. The variables are read as curl and Go read them; lower case wins.
"""

import os
import socket
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies

from vcenter_source.core.errors import ConfigurationError
from vcenter_source.core.sockets import bracketed, reason, without_brackets

PORTS = {"http": 80, "https": 443}

_LONGEST_HEAD = 64 * 1024
_UNAUTHENTICATED = 407


class ProxyError(OSError):
    """The proxy is not there, or does not let us through. The message names it, and says what to do."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy, and the variable that names it. ``url`` may hold a password; as text it is shown without."""

    url: str = field(repr=False)
    variable: str

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port} ({self.variable})"

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
        """What it asks of us; none where its address has no user name (RFC 9110, 11.7.2)."""
        parts = urlsplit(self.url)
        if parts.username is None:
            return {}
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        return {"Proxy-Authorization": f"Basic {b64encode(pair.encode()).decode()}"}

    def refusal(self, status: int, phrase: str) -> str:
        """Say what its own answer means."""
        said = f"the proxy {self} answers {status} {phrase}".rstrip()
        if status == _UNAUTHENTICATED:
            return f"{said}; set {self.variable} with its user name and password, http://user:password@host:port"
        return f"{said}; see what it lets through, or add the host to NO_PROXY"


def proxy_for(url: str, schemes: tuple[str, ...] = ("http", "https")) -> Proxy | None:
    """Return the proxy for this address; None where it is reached directly.

    Raises ConfigurationError for one that cannot be used: its address has to have one of ``schemes``.
    """
    parts, proxies = urlsplit(url), getproxies()
    given = proxies.get(parts.scheme, "").strip()
    if not given or is_bypassed(parts.hostname or "", port_of(parts), proxies.get("no", "")):
        return None
    lower = f"{parts.scheme}_proxy"
    variable = lower if os.environ.get(lower) else lower.upper()
    check(variable, given, parts.hostname or "", schemes)
    return Proxy(given, variable)


def vcenter_proxy(url: str) -> Proxy | None:
    """Return the proxy for a vCenter at an https address; there is none for http, which only stand-ins speak.

    TLS to the proxy itself, with TLS to vCenter inside, is more than http.client can. Raises ConfigurationError.
    """
    return proxy_for(url, ("http",)) if urlsplit(url).scheme == "https" else None


def check(variable: str, given: str, host: str, schemes: tuple[str, ...]) -> None:
    """Raise ConfigurationError for what is no proxy's address, without its user name and password."""
    scheme, separator, _ = given.partition("://")
    if not separator or ":" in scheme:  # a password may hold anything
        shown = given.rpartition("@")[2].strip("/")
        raise ConfigurationError(f"{variable}: {shown!r} has no scheme; set http://{shown}")
    if scheme.lower() not in schemes:
        instead = f"set an http:// one, or add {host} to NO_PROXY"
        raise ConfigurationError(f"{variable}: a proxy by {scheme}:// cannot be used for {host}; {instead}")
    try:
        parts = urlsplit(given)
        usable = parts.hostname and parts.port != 0 and "@" not in parts.path + parts.query + parts.fragment
    except ValueError:  # the port
        usable = False
    if not usable:
        raise ConfigurationError(f"{variable}: not a proxy's address; set http://host:port")


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


def open_tunnel(proxy: Proxy, host: str, port: int, patience: float) -> socket.socket:
    """Connect to a host through a proxy, by CONNECT (RFC 9110, 9.3.6). Raises ProxyError.

    ``patience`` is in seconds.
    """
    deadline = time.monotonic() + patience
    try:
        connection = socket.create_connection((proxy.host, proxy.port), patience)
    except OSError as exc:
        raise ProxyError(f"the proxy {proxy} cannot be reached: {reason(exc)}; check {proxy.variable}") from exc
    try:
        _ask(connection, proxy, f"{bracketed(host)}:{port}", deadline)
        connection.settimeout(patience)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except ProxyError:
        connection.close()
        raise
    except OSError as exc:
        connection.close()
        raise ProxyError(f"the proxy {proxy}: {reason(exc)}; check {proxy.variable}") from exc
    return connection


def _ask(connection: socket.socket, proxy: Proxy, target: str, deadline: float) -> None:
    headers = {"Host": target} | dict(proxy.headers)
    lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "\r\n"]).encode())
    status, phrase = _status(_head(connection, deadline))
    if not status:
        raise ProxyError(f"the proxy {proxy} does not answer as HTTP does; check {proxy.variable}")
    if status // 100 != 2:  # noqa: PLR2004  any success opens the tunnel
        raise ProxyError(proxy.refusal(status, phrase))


def _head(connection: socket.socket, deadline: float) -> bytes:
    """The answer up to its empty line. Nothing comes behind it: by TLS the client speaks first."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("no answer in time")
        connection.settimeout(remaining)
        more = connection.recv(4096)
        if not more:
            break
        head += more
    return head


def _status(head: bytes) -> tuple[int, str]:
    """The status and its phrase; 0 where it is no HTTP."""
    version, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    number, _, phrase = rest.partition(" ")
    known = version.startswith("HTTP/1.") and number.isascii() and number.isdecimal()
    return (int(number), phrase.strip()) if known else (0, "")
