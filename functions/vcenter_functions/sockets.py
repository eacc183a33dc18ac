"""The socket that a function listens on, for both families of addresses where nothing else is said."""

import errno
import os
import socket
from ipaddress import IPv6Address

ANYWHERE = "::"
"""Every address of this machine, IPv6 and IPv4; of IPv4 alone where it has no IPv6."""


def listen(host: str, port: int) -> socket.socket:
    """Listen there; port 0 is any free one. Raises OSError."""
    listener = _dual(port) if host == ANYWHERE else _single(host, port)
    # asyncio sets this only on sockets that say they are TCP, which these do not; without it each answer with a body
    # waits some 40 ms for the other side's delayed acknowledgement. Connections inherit it from the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


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


def _dual(port: int) -> socket.socket:
    if not socket.has_dualstack_ipv6():
        return socket.create_server(("", port))
    return socket.create_server((ANYWHERE, port), family=socket.AF_INET6, dualstack_ipv6=True)


def _single(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
