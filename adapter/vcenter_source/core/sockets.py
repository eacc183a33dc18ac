"""Sockets to listen on, of both families of addresses where nothing else is said."""

import errno
import os
import socket
from collections.abc import Iterator
from ipaddress import IPv6Address

ANYWHERE = "::"
"""Every address of this machine, IPv6 and IPv4; of IPv4 alone where it has no IPv6."""

LOOPBACK = "localhost"
"""This machine alone, by either family."""

_LOOPBACKS = ("127.0.0.1", "::1")
_MISSING = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_TRIES = 5


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on all that ``host`` stands for, on one port; 0 is any free one. Raises OSError."""
    for _ in range(_TRIES if port == 0 else 1):
        try:
            return _on_one_port(host, port)
        except OSError as exc:  # a port that is free for one family may be taken for the other
            failure = exc
            if exc.errno != errno.EADDRINUSE:
                break
    raise failure


def without_brackets(host: str) -> str:
    """Return an IPv6 address without the brackets that a URL puts around it."""
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host


def bracketed(host: str) -> str:
    """Return the host as a URL has it: an IPv6 address stands in brackets."""
    try:
        return f"[{IPv6Address(host)}]"
    except ValueError:
        return host


def reason(exc: OSError) -> str:
    """Say why a socket cannot be had, without the words that a library adds; they differ with the Python."""
    if exc.errno is not None and exc.errno in errno.errorcode:
        return os.strerror(exc.errno).lower()
    return exc.strerror or str(exc)


def _on_one_port(host: str, port: int) -> list[socket.socket]:
    if host == ANYWHERE:
        return [_anywhere(port)]
    bound: list[socket.socket] = []
    try:
        for family, address in _addresses(host, port):
            taken = bound[0].getsockname()[1] if bound else port
            try:
                bound.append(_listening(family, address, taken))
            except OSError as exc:
                if host != LOOPBACK or exc.errno not in _MISSING:
                    raise
    except OSError:
        for each in bound:
            each.close()
        raise
    if not bound:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return bound


def _anywhere(port: int) -> socket.socket:
    if not socket.has_dualstack_ipv6():
        return _without_delay(socket.create_server(("", port)))
    return _without_delay(socket.create_server((ANYWHERE, port), family=socket.AF_INET6, dualstack_ipv6=True))


def _addresses(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Look the host up. The loopback's addresses need no look: not every container's /etc/hosts has both."""
    if host == LOOPBACK:
        yield from zip((socket.AF_INET, socket.AF_INET6), _LOOPBACKS, strict=True)
        return
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in dict.fromkeys(found):
        yield family, str(address[0])


def _listening(family: socket.AddressFamily, address: str, port: int) -> socket.socket:
    return _without_delay(socket.create_server((address, port), family=family))


def _without_delay(listener: socket.socket) -> socket.socket:
    """Set TCP_NODELAY, which connections inherit: asyncio sets it only where a socket says that it is TCP's.

    Without it each answer with a body waits some 40 ms for the other side's delayed acknowledgement.
    """
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
