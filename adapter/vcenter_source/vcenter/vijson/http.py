"""VI/JSON's requests, by aiohttp: with a deadline and a size limit for each, and failures as the wire has them."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from errno import errorcode
from http import HTTPStatus
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import Any

import aiohttp
import orjson
from pyVmomi import vim
from yarl import URL

from vcenter_functions.net.proxies import Proxy
from vcenter_functions.net.sockets import explain_os_error
from vcenter_functions.net.tls import Authorities
from vcenter_source.core.proxies import ProxyError
from vcenter_source.vcenter.vijson.answers import parse_json
from vcenter_source.vcenter.vijson.faults import parse_fault
from vcenter_source.vcenter.wire import CONNECT_TIMEOUT, AnswerLateError, AnswerTooLongError, StatusError

SESSION_HEADER = "vmware-api-session-id"
"""The header of Login's answer, and of each request in the session."""

_BUFFER = 1 << 18


@dataclass(frozen=True, slots=True)
class CallLimits:
    """How many seconds a call may take, to the end of its answer, and how many bytes its answer may have."""

    within: float
    max_bytes: int


class JsonClient:
    """The connections to one vCenter, and the id of the session there.

    ``authorities`` is asked for every new connection; None is plain HTTP. ``proxy`` leads to vCenter.
    """

    def __init__(self, base: str, authorities: Authorities | None, user_agent: str, proxy: Proxy | None) -> None:
        self._base = base
        self._authorities = authorities
        self._proxy = proxy
        self._user_agent = user_agent
        self._client: aiohttp.ClientSession | None = None
        self.session_id = ""

    async def request(self, verb: str, path: str, limits: CallLimits, body: Any = None) -> bytes:
        """Make a request, and return the body of its answer.

        Raises a fault as pyVmomi's exception or as UnknownFaultError, and OSError and HTTPException without an answer.
        """
        try:
            async with asyncio.timeout(limits.within):
                status, reason, content = await self._exchange(verb, path, body, limits.max_bytes)
        except aiohttp.ClientError as exc:
            raise self._explain(exc) from exc
        except TimeoutError as exc:
            raise AnswerLateError(limits.within) from exc
        if status // 100 == 2:  # noqa: PLR2004  200, or 204 without a result
            return content
        raise self._refusal(status, reason, content)

    async def _exchange(self, verb: str, path: str, body: Any, max_bytes: int) -> tuple[int, str, bytes]:
        """Return the status, its phrase and the body. An answer that is cut off ends its connection."""
        async with self._open().request(
            verb,
            URL(self._base + path, encoded=True),
            data=None if body is None else orjson.dumps(body),
            headers=self._headers(has_body=body is not None),
            allow_redirects=False,
            proxy=URL(self._proxy.url).with_user(None) if self._proxy else None,
            proxy_headers=self._proxy.headers if self._proxy else None,
            ssl=self._authorities.context() if self._authorities else True,
        ) as response:
            content = await _read(response, max_bytes)
            if response.ok:
                self.session_id = response.headers.get(SESSION_HEADER, self.session_id)
            return response.status, response.reason or "", content

    def _open(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_TIMEOUT),  # a proxy's answer to CONNECT, too
                cookie_jar=aiohttp.DummyCookieJar(),  # the session is the header's alone
                headers={"User-Agent": self._user_agent, "Accept-Encoding": "identity"},
                read_bufsize=_BUFFER,
            )
        return self._client

    def _headers(self, *, has_body: bool) -> Mapping[str, str]:
        headers = {"Content-Type": "application/json"} if has_body else {}
        return headers | ({SESSION_HEADER: self.session_id} if self.session_id else {})

    def _refusal(self, status: int, reason: str, content: bytes) -> Exception:
        """Return what an answer means that is no success: a fault, in whatever status, or not vCenter's at all.

        The reference gives faults the status 500; vim_rs reads one from any.
        """
        with suppress(ValueError):
            fault = parse_fault(parse_json(content))
            if fault is not None:
                return fault
        if status == HTTPStatus.UNAUTHORIZED and self.session_id:
            return vim.fault.NotAuthenticated()
        return StatusError(status, reason)

    def _explain(self, exc: aiohttp.ClientError) -> Exception:
        """Return what http.client would have raised, or the proxy's error."""
        if isinstance(exc, aiohttp.ClientHttpProxyError) and self._proxy:
            return ProxyError(self._proxy.explain_answer(exc.status, exc.message))
        if isinstance(exc, aiohttp.ClientProxyConnectionError) and self._proxy:
            reason = explain_os_error(exc.os_error)
            return ProxyError(f"the proxy {self._proxy} cannot be reached: {reason}; check {self._proxy.variable}")
        if isinstance(exc, aiohttp.ConnectionTimeoutError) and self._proxy:
            return ProxyError(f"no connection within {CONNECT_TIMEOUT:g} s by the proxy {self._proxy}")
        return _translate(exc)

    async def close(self) -> None:
        """Close the connections; they are made anew with the next request."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()


async def _read(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    """Read the body. Raises AnswerTooLongError beyond the limit."""
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > max_bytes:
            response.close()
            raise AnswerTooLongError(b"".join(chunks))
    return b"".join(chunks)


def _translate(exc: aiohttp.ClientError) -> Exception:
    """Return what http.client would have raised."""
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return exc.certificate_error
    if isinstance(exc, aiohttp.ServerTimeoutError):
        return TimeoutError("timed out")
    if isinstance(exc, aiohttp.ServerDisconnectedError):
        return RemoteDisconnected("Remote end closed connection without response")
    if isinstance(exc, aiohttp.ClientPayloadError):
        return IncompleteRead(b"")
    if isinstance(exc, aiohttp.ClientConnectorError):
        return _plain(exc.os_error)
    return _plain(exc) if isinstance(exc, OSError) else HTTPException("the answer is not HTTP")


def _plain(exc: OSError) -> OSError:
    """Return the error with the system's own words, where asyncio has others."""
    known = exc.errno is not None and exc.errno in errorcode
    return OSError(exc.errno, os.strerror(exc.errno)) if known and exc.errno else exc
