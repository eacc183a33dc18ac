"""The listening socket of a server whose port is chosen before it runs."""

import socket


def listen(host: str, port: int) -> socket.socket:
    """Return a listening TCP socket; ``port`` 0 is any free one.

    Raises OSError.
    """
    listener = socket.create_server((host, port), backlog=256)
    # asyncio sets this only on sockets that say they are TCP, which these do not; without it each answer waits some
    # 40 ms for the other side's delayed acknowledgement. Connections inherit it from the listener.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
