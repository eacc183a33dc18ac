"""HTTP POSTs to one address through a proxy, which few need: aiohttp does all of it."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.sockets import explain_os_error
from vcenter_source.core.envelope import Fence
from vcenter_source.sinks import client as wire
from vcenter_source.sinks import connection
from vcenter_source.sinks.connection import HttpResponse, HttpTransportError
from vcenter_source.sinks.responses import ACCESS_STATUSES

if TYPE_CHECKING:
    from aiohttp.tracing import Trace


_FENCE: ContextVar[Fence] = ContextVar("fence")
"""The fence of the request that this task sends: aiohttp's connector does not know which request it connects for."""


class FencedConnector(aiohttp.TCPConnector):
    """Asks the fence once the way through the proxy stands, right before the request goes out over it."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list["Trace"],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  as aiohttp has it
    ) -> Connection:
        """Return a connection. Raises what the fence raises, and OSError."""
        connected = await super().connect(req, traces, timeout)
        try:
            _FENCE.get()()
        except Exception:
            if connected.transport is not None:
                connected.transport.abort()
            connected.close()
            raise
        return connected


class ProxiedClient:
    """Does what ``HttpClient`` does, through ``proxy``."""

    def __init__(
        self,
        url: URL,
        proxy: Proxy,
        tls: Callable[[], ssl.SSLContext] | None,
        answer_timeout: float,
    ) -> None:
        self._url, self._proxy, self._tls = url.with_user(None), proxy, tls
        self._proxy_url = URL(proxy.url).with_user(None)  # aiohttp takes no user name that Latin-1 has not
        self._answer_timeout = answer_timeout
        self._client = aiohttp.ClientSession(
            connector=FencedConnector(limit=0),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=wire.CONNECT_TIMEOUT
            ),  # the proxy's answer to CONNECT too
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": wire.USER_AGENT},
        )

    async def post(
        self,
        headers: Mapping[str, str],
        body: bytes,
        path: str | None = None,
        fence: Fence = lambda: None,
        lines: str = "",
    ) -> HttpResponse:
        """Send a request, to the address' own path or to another there, and return its answer. Raises OSError."""
        _FENCE.set(fence)
        try:
            async with asyncio.timeout(self._answer_timeout):  # also where it comes byte by byte
                response = await self._send({**parse_lines(lines), **headers}, body, path)
            async with response:
                named = {name.lower(): value for name, value in response.headers.items()}
                body = await read_beginning(response)
            return self._check_origin(HttpResponse(response.status, response.reason or "", named, body))
        except aiohttp.ClientHttpProxyError as exc:  # its answer to CONNECT
            raise self._refuse(exc.status, exc.message) from exc
        except aiohttp.ConnectionTimeoutError as exc:
            raise HttpTransportError(
                f"no connection within {wire.CONNECT_TIMEOUT:g} s by the proxy {self._proxy}"
            ) from exc
        except aiohttp.ClientProxyConnectionError as exc:
            reason = f"the proxy {self._proxy} cannot be reached: {explain_os_error(exc.os_error)}"
            raise HttpTransportError(f"{reason}; check {self._proxy.variable}") from exc
        except aiohttp.ClientError as exc:
            raise HttpTransportError(str(exc) or type(exc).__name__) from exc
        except TimeoutError as exc:
            raise TimeoutError(f"no answer within {self._answer_timeout:g} s") from exc

    def _check_origin(self, answer: HttpResponse) -> HttpResponse:
        """Tell the proxy's responses from the sink's: over plain HTTP it may be either's; 407 is always a proxy's."""
        if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise self._refuse(answer.status, answer.reason)
        if self._tls is None:
            answer.way = f" (it, or the proxy {self._proxy})"
        return answer

    def _refuse(self, status: int, phrase: str) -> HttpTransportError:
        """Return what to raise if the proxy itself does not let a request through."""
        return HttpTransportError(
            self._proxy.explain_answer(status, phrase), is_access_refused=status in ACCESS_STATUSES
        )

    async def _send(self, headers: Mapping[str, str], body: bytes, path: str | None) -> aiohttp.ClientResponse:
        """Send a request, and return the response once its head has come."""
        return await self._client.post(
            self._url if path is None else self._url.with_path(path, encoded=True),
            data=body,
            headers=headers if self._tls else {**headers, **self._proxy.headers},
            allow_redirects=False,
            proxy=self._proxy_url,
            proxy_headers=self._proxy.headers,
            ssl=self._tls() if self._tls else True,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def parse_lines(lines: str) -> dict[str, str]:
    """Return the headers of header lines."""
    return dict(line.split(": ", 1) for line in lines.split("\r\n")[:-1])


async def read_beginning(response: aiohttp.ClientResponse) -> bytes:
    """Read the beginning of the body, or what comes in time. A connection with more to read is closed."""
    body = b""
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(connection.BODY_TIMEOUT):
            while chunk := await response.content.read(connection.MAX_BODY - len(body)):
                body += chunk
    return body
