"""The adapter's proxies: found as the functions find them, with our own error, and the way through one by CONNECT."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from vcenter_functions.net import proxies
from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.sockets import explain_os_error
from vcenter_source.core.errors import ConfigurationError

_MAX_HEAD_BYTES = 64 * 1024


class ProxyError(OSError):
    """The proxy is not there, or does not let us through. The message names it, and says what to do."""


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy for this address; None where it is reached directly. Raises ConfigurationError."""
    with _configuration_errors():
        return proxies.find_proxy(url)


def find_vcenter_proxy(url: str) -> Proxy | None:
    """Return the proxy for a vCenter at this address; None where it is reached directly. Raises ConfigurationError."""
    with _configuration_errors():
        return proxies.find_vcenter_proxy(url)


def check_proxy(variable: str, address: str, host: str) -> None:
    """Raise ConfigurationError unless this is a proxy's http:// or https:// address."""
    with _configuration_errors():
        proxies.check_proxy(variable, address, host, ("http", "https"))


@contextmanager
def _configuration_errors() -> Iterator[None]:
    try:
        yield
    except proxies.ProxySettingError as exc:
        raise ConfigurationError(str(exc)) from exc


def open_tunnel(proxy: Proxy, host: str, port: int, seconds: float) -> socket.socket:
    """Connect to a host through a proxy, by CONNECT (RFC 9110, 9.3.6), within some seconds. Raises ProxyError."""
    deadline = time.monotonic() + seconds
    try:
        connection = socket.create_connection((proxy.host, proxy.port), seconds)
    except OSError as exc:
        reason = explain_os_error(exc)
        raise ProxyError(f"the proxy {proxy} cannot be reached: {reason}; check {proxy.variable}") from exc
    try:
        _request_tunnel(connection, proxy, f"{add_brackets(host)}:{port}", deadline)
        connection.settimeout(seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except ProxyError:
        connection.close()
        raise
    except OSError as exc:
        connection.close()
        raise ProxyError(f"the proxy {proxy}: {explain_os_error(exc)}; check {proxy.variable}") from exc
    return connection


def _request_tunnel(connection: socket.socket, proxy: Proxy, target: str, deadline: float) -> None:
    headers = {"Host": target} | dict(proxy.headers)
    lines = [f"CONNECT {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    connection.sendall("\r\n".join([*lines, "\r\n"]).encode())
    status, phrase = _parse_status(_read_head(connection, deadline))
    if not status:
        raise ProxyError(f"the proxy {proxy} does not answer as HTTP does; check {proxy.variable}")
    if status // 100 != 2:  # noqa: PLR2004  any success opens the tunnel
        raise ProxyError(proxy.explain_answer(status, phrase))


def _read_head(connection: socket.socket, deadline: float) -> bytes:
    """Read the answer up to its empty line. Nothing follows it yet: in TLS the client speaks first."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _MAX_HEAD_BYTES:
        remaining = deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("no answer in time")
        connection.settimeout(remaining)
        chunk = connection.recv(4096)
        if not chunk:
            break
        head += chunk
    return head


def _parse_status(head: bytes) -> tuple[int, str]:
    """Return the status and its phrase; 0 for anything but HTTP."""
    version, _, rest = head.partition(b"\r\n")[0].decode("latin-1").partition(" ")
    number, _, phrase = rest.partition(" ")
    is_http = version.startswith("HTTP/1.") and number.isascii() and number.isdecimal()
    return (int(number), phrase.strip()) if is_http else (0, "")
