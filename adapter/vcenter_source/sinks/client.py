"""HTTP/1.1 POSTs to one address over kept connections, with as little work for each as possible.

A general client costs several times as much as all else that is done for an event. ``httptools`` (llhttp) parses.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiohappyeyeballs import start_connection
from yarl import URL

from vcenter_source.core.envelope import Fence
from vcenter_source.events.codec import join_lines
from vcenter_source.sinks.connection import Connection, HttpResponse, HttpTransportError

USER_AGENT = "vcenter-source"

CONNECT_TIMEOUT = 10.0
"""Seconds to open a connection, TLS included."""


class HttpClient:
    """POSTs to one address. ``tls`` returns the TLS context of the next connection; None is plain HTTP.

    ``answer_timeout`` is in seconds, from the request to the response's headers. It keeps as many connections as there
    were requests at once.
    """

    def __init__(
        self,
        url: URL,
        tls: Callable[[], ssl.SSLContext] | None,
        answer_timeout: float,
    ) -> None:
        self._tls = tls
        self._answer_timeout = answer_timeout
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._host, self._port = url.raw_host or "", url.port or 0
        host = url.host_subcomponent or ""
        port = "" if url.is_default_port() else f":{url.port}"
        self._path = url.raw_path_qs
        self._head = f" HTTP/1.1\r\nhost: {host}{port}\r\nuser-agent: {USER_AGENT}\r\n"

    async def post(
        self,
        headers: Mapping[str, str],
        body: bytes,
        path: str | None = None,
        fence: Fence = lambda: None,
        lines: str = "",
    ) -> HttpResponse:
        """Send a request, to the address' own path or to another one, and return the response.

        ``lines`` are headers that are written already, each with its line break. ``fence`` is called right before the
        request goes out, and raises to stop it. Raises OSError: HttpTransportError, TimeoutError, or what connecting
        raises.
        """
        request = self._render(headers, body, path or self._path, lines)
        tls = self._tls and self._tls()
        while self._idle:
            connection = self._idle.pop()
            if connection.tls is not tls:  # what it trusted then is trusted no more
                connection.close()
            if not connection.open:
                continue
            try:
                return await self._send(connection, request, fence)
            except HttpTransportError as exc:
                if not exc.stale:  # a server may close a kept connection as it likes (RFC 9112, 9.3.1)
                    raise
                break  # once: it may be this very request that the other side cannot bear
        return await self._send(await self._connect(tls), request, fence)

    def _send(self, connection: "Connection", request: bytes, fence: Fence) -> Coroutine[Any, Any, HttpResponse]:
        """Return what sends the request. Await it at once: nothing may come between the fence and the request."""
        try:
            fence()
        except Exception:
            connection.close()
            raise
        return connection.post(request)

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self._all):
            connection.close()

    def _render(self, headers: Mapping[str, str], body: bytes, path: str, lines: str) -> bytes:
        if headers:
            written = join_lines(headers)
            if not written.count("\n") == written.count("\r") == len(headers):
                raise HttpTransportError("a header of the request holds a line break")
            lines += written
        head = f"POST {path}{self._head}{lines}content-length: {len(body)}\r\n\r\n"
        return head.encode("latin-1", "replace") + body

    async def _connect(self, tls: ssl.SSLContext | None) -> "Connection":
        limit = asyncio.timeout(CONNECT_TIMEOUT)
        try:
            async with limit:
                return await self._open(tls)
        except TimeoutError as exc:  # the system has one of its own, with its own words
            raise TimeoutError(f"no connection within {CONNECT_TIMEOUT:g} s") if limit.expired() else exc from None

    async def _open(self, tls: ssl.SSLContext | None) -> "Connection":
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        # RFC 8305, 5, which uvloop's create_connection has not
        sock = await start_connection(addresses, happy_eyeballs_delay=0.25)
        _, connection = await loop.create_connection(
            lambda: Connection(tls, self._answer_timeout, self._idle.append, self._all),
            sock=sock,
            ssl=tls,
            server_hostname=self._host if tls else None,
        )
        return connection
