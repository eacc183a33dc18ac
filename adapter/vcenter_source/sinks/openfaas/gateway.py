"""The OpenFaaS gateway's API: the lists of functions, and one invocation."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit

import aiohttp
import orjson
from cloudevents.core.bindings.http import HTTPMessage
from yarl import URL

from vcenter_functions.net.tls import create_client_context
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import ConfigurationError, SinkUnavailableError
from vcenter_source.core.quoting import quote_line
from vcenter_source.settings.openfaas import GatewaySettings, Invocation
from vcenter_source.sinks.client import HttpClient
from vcenter_source.sinks.endpoint import describe_os_error
from vcenter_source.sinks.openfaas.topics import Function, TopicMap, parse_functions
from vcenter_source.sinks.traced import Exchange, TracedClient

LISTING_SECONDS = 30.0
"""How long reading one list may take."""

_ROUTES: Mapping[Invocation, str] = {"async": "async-function", "sync": "function"}


class Gateway:
    """One gateway. ``authorization`` returns the header for its lists, and is called each time they are read."""

    def __init__(
        self, client: aiohttp.ClientSession, wire: HttpClient, url: str, authorization: Callable[[], dict[str, str]]
    ) -> None:
        self._client = client
        self._prefix = urlsplit(url).path
        self._invocations = TracedClient(wire, url.removesuffix(self._prefix), "openfaas")
        self._authorization = authorization
        self.url = url

    async def read_topic_map(self) -> TopicMap:
        """Read the topic map. Raises SinkUnavailableError, also if only a part cannot be read."""
        functions: list[Function] = []
        problems: list[str] = []
        # A gateway without namespaces lists none: then its functions are listed and invoked without one.
        for namespace in await self._get_list("/system/namespaces") or [""]:
            entries = await self._get_list("/system/functions", {"namespace": namespace} if namespace else {})
            functions.extend(parse_functions(entries, namespace, problems))
        return TopicMap(functions, problems)

    async def _get_list(self, path: str, query: Mapping[str, str] = {}) -> list[Any]:
        timeout = aiohttp.ClientTimeout(total=LISTING_SECONDS)
        try:
            async with self._client.get(
                self.url + path, params=query, headers=self._headers(), timeout=timeout, allow_redirects=False
            ) as response:
                return self._parse_list(path, response.status, await response.read())
        except (aiohttp.ClientError, OSError) as exc:  # a TimeoutError is an OSError
            raise self.map_error(exc) from exc

    def _headers(self) -> dict[str, str]:
        try:
            return self._authorization()
        except ConfigurationError as exc:
            raise SinkUnavailableError(str(exc)) from exc

    def _parse_list(self, path: str, status: int, body: bytes) -> list[Any]:
        if status != 200:  # noqa: PLR2004  HTTP's OK
            reason = " ".join(f"{self.url}{path} answers {status}: {quote_line(body, 200)}".split())
            raise SinkUnavailableError(f"{reason}{credentials_hint(status, bool(self._headers()))}", status=status)
        try:
            entries = orjson.loads(body)
        except ValueError as exc:
            raise SinkUnavailableError(f"{self.url}{path} does not answer with JSON") from exc
        if not isinstance(entries, list | None):
            raise SinkUnavailableError(f"{self.url}{path} does not answer with a list")
        return entries or []

    def route(self, path: str, invocation: Invocation) -> str:
        """Return the path of a function's invocations at this gateway."""
        return self._prefix + invocation_route(path, invocation)

    def invoke(
        self,
        envelope: Envelope,
        path: str,
        route: str,
        message: HTTPMessage,
        explain: Callable[[OSError], SinkUnavailableError],
    ) -> Exchange:
        """Invoke a function with an event. Raises what ``explain`` makes of a failure to get any answer."""
        attributes = {"faas.invoked_name": path}
        return self._invocations.post(
            envelope, message.headers, message.body, explain=explain, path=route, attributes=attributes
        )

    def map_error(self, exc: Exception) -> SinkUnavailableError:
        """Map a failure to get any answer."""
        cause = exc.os_error if isinstance(exc, aiohttp.ClientConnectorError) else exc
        reason = describe_os_error(cause) if isinstance(cause, OSError) else str(cause) or type(cause).__name__
        return SinkUnavailableError(f"{self.url}: {reason}")


def credentials_hint(status: int, has_credentials: bool) -> str:
    """Say, after a semicolon, what to do if the gateway refuses to show its lists; empty for another status."""
    if status not in {401, 403}:
        return ""
    if has_credentials:
        return (
            "; it refuses the user name and password: see basic-auth-user and basic-auth-password in secret_mount_path"
        )
    return "; it asks for a user name and password: set basic_auth and secret_mount_path"


@lru_cache(maxsize=4096)
def invocation_route(path: str, invocation: Invocation) -> str:
    """Return the path of a function's invocations at any gateway."""
    return f"/{_ROUTES[invocation]}/{quote(path, safe='')}"


@asynccontextmanager
async def gateway_client(settings: GatewaySettings) -> AsyncIterator[Gateway]:
    """Open the gateway that the settings name. The sink decides how many connections there are.

    Raises ConfigurationError for credentials that cannot be read.
    """
    settings.authorization()  # fails at once, as any wrong setting does
    trust = create_client_context(ca_certs=settings.ca_certs)
    secure = settings.address.startswith("https:")
    wire = HttpClient(URL(settings.address), (lambda: trust) if secure else None, settings.invocation_timeout)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        try:
            yield Gateway(client, wire, settings.address, settings.authorization)
        finally:
            await wire.close()
