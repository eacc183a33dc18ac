"""HTTP POSTs to one address through a proxy, which few have to use: all of it is aiohttp's."""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress

import aiohttp
from yarl import URL

from adapter.sinks import wire
from adapter.sinks.wire import Answer, WireError


class Proxied:
    """Does what ``Wire`` does, through ``proxy``."""

    def __init__(self, url: URL, proxy: str, tls: Callable[[], ssl.SSLContext] | None, answer_timeout: float) -> None:
        self._url, self._proxy, self._tls = url, proxy, tls
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=wire.CONNECT_TIMEOUT, sock_read=answer_timeout),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"user-agent": wire.USER_AGENT},
        )

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return its answer. Raises OSError."""
        request = self._client.post(
            self._url,
            data=body,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
            ssl=self._tls() if self._tls else True,
        )
        try:
            async with request as response:
                named = {name.lower(): value for name, value in response.headers.items()}
                return Answer(response.status, response.reason or "", named, await beginning(response))
        except aiohttp.ClientError as exc:
            raise WireError(str(exc) or type(exc).__name__) from exc

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


async def beginning(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of the body, or what came of it in time. A connection with more to read is closed."""
    body = b""
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(wire.BODY_TIMEOUT):
            while len(body) < wire.MAX_BODY and (chunk := await response.content.read(wire.MAX_BODY - len(body))):
                body += chunk
    return body
