"""Sockets to listen on, for both families of addresses where nothing else is said."""

import errno
import os
import socket
from collections.abc import Iterator

ANYWHERE = "::"
"""Every address of this machine, IPv6 and IPv4; only IPv4 where it has no IPv6."""
LOOPBACK = "localhost"
"""Only this machine, by either family."""

_LOOPBACK_ADDRESSES = ("127.0.0.1", "::1")
_NO_SUCH_FAMILY = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
_FREE_PORT_TRIES = 5


def listen(host: str, port: int) -> list[socket.socket]:
    """Listen on every address that ``host`` stands for, all on one port; 0 is any free one. Raises OSError."""
    for _ in range(_FREE_PORT_TRIES if port == 0 else 1):
        try:
            return _listen_on_one_port(host, port)
        except OSError as exc:  # a port that is free for one family may be in use for the other
            failure = exc
            if exc.errno != errno.EADDRINUSE:
                break
    raise failure


def explain_os_error(exc: OSError) -> str:
    """Say why a socket cannot be had, without the words that a library adds; they differ with the Python."""
    if exc.errno is not None and exc.errno in errno.errorcode:
        return os.strerror(exc.errno).lower()
    return exc.strerror or str(exc)


def _listen_on_one_port(host: str, port: int) -> list[socket.socket]:
    if host == ANYWHERE:
        return [_listen_anywhere(port)]
    listeners: list[socket.socket] = []
    try:
        for family, address in _look_up(host, port):
            shared = listeners[0].getsockname()[1] if listeners else port
            try:
                listeners.append(_create_server((address, shared), family=family))
            except OSError as exc:
                if host != LOOPBACK or exc.errno not in _NO_SUCH_FAMILY:
                    raise
    except OSError:
        for listener in listeners:
            listener.close()
        raise
    if not listeners:
        raise OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    return listeners


def _listen_anywhere(port: int) -> socket.socket:
    if not socket.has_dualstack_ipv6():
        return _create_server(("", port))
    return _create_server((ANYWHERE, port), family=socket.AF_INET6, dualstack_ipv6=True)


def _look_up(host: str, port: int) -> Iterator[tuple[socket.AddressFamily, str]]:
    """Yield the host's addresses. The loopback is not looked up: some /etc/hosts in containers lack one of its two."""
    if host == LOOPBACK:
        yield from zip((socket.AF_INET, socket.AF_INET6), _LOOPBACK_ADDRESSES, strict=True)
        return
    answers = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in dict.fromkeys(answers):
        yield family, str(address[0])


def _create_server(
    address: tuple[str, int], *, family: socket.AddressFamily = socket.AF_INET, dualstack_ipv6: bool = False
) -> socket.socket:
    """Listen, with TCP_NODELAY, which connections inherit. asyncio sets it only on sockets that say they are TCP.

    Without it, each answer with a body waits some 40 ms for the other side's delayed acknowledgement.
    """
    listener = socket.create_server(address, family=family, dualstack_ipv6=dualstack_ipv6)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
