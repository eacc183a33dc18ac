"""The OpenFaaS gateway's API: which functions there are, and one invocation."""

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
from vcenter_source.core.quoting import quoted
from vcenter_source.settings.openfaas import GatewaySettings, Invocation
from vcenter_source.sinks.client import Wire
from vcenter_source.sinks.openfaas.topics import Function, TopicMap, functions_of
from vcenter_source.sinks.traced import Exchange, TracedClient

LISTING_SECONDS = 30.0
"""How long one list of the gateway's may take."""

_ROUTES: Mapping[Invocation, str] = {"async": "async-function", "sync": "function"}


class Gateway:
    """One gateway. ``authorization`` gives the header for its lists, and is asked each time they are read."""

    def __init__(
        self, client: aiohttp.ClientSession, wire: Wire, url: str, authorization: Callable[[], dict[str, str]]
    ) -> None:
        self._client = client
        self._prefix = urlsplit(url).path
        self._invoking = TracedClient(wire, url.removesuffix(self._prefix), "openfaas")
        self._authorization = authorization
        self.url = url

    async def topic_map(self) -> TopicMap:
        """The topic map of now. Raises SinkUnavailableError: it is read whole or not at all."""
        functions: list[Function] = []
        problems: list[str] = []
        # A gateway without namespaces lists none: its functions are then asked for, and invoked, without one.
        for namespace in await self._list("/system/namespaces") or [""]:
            listed = await self._list("/system/functions", {"namespace": namespace} if namespace else {})
            functions.extend(functions_of(listed, namespace, problems))
        return TopicMap(functions, problems)

    async def _list(self, path: str, query: Mapping[str, str] = {}) -> list[Any]:
        timeout = aiohttp.ClientTimeout(total=LISTING_SECONDS)
        try:
            async with self._client.get(
                self.url + path, params=query, headers=self._headers(), timeout=timeout, allow_redirects=False
            ) as response:
                return self._read_list(path, response.status, await response.read())
        except (aiohttp.ClientError, OSError) as exc:  # a TimeoutError is an OSError
            raise self.unreachable(exc) from exc

    def _headers(self) -> dict[str, str]:
        try:
            return self._authorization()
        except ConfigurationError as exc:
            raise SinkUnavailableError(str(exc)) from exc

    def _read_list(self, path: str, status: int, body: bytes) -> list[Any]:
        if status != 200:  # noqa: PLR2004  HTTP's OK
            told = " ".join(f"{self.url}{path} answers {status}: {quoted(body, 200)}".split())
            raise SinkUnavailableError(f"{told}{wrong_credentials(status, bool(self._headers()))}", status=status)
        try:
            listed = orjson.loads(body)
        except ValueError as exc:
            raise SinkUnavailableError(f"{self.url}{path} answers what is not JSON") from exc
        if not isinstance(listed, list | None):
            raise SinkUnavailableError(f"{self.url}{path} answers what is no list")
        return listed or []

    def route(self, path: str, invocation: Invocation) -> str:
        """Where a function is invoked, from the gateway's address on."""
        return self._prefix + route(path, invocation)

    def invoke(
        self,
        envelope: Envelope,
        path: str,
        route: str,
        message: HTTPMessage,
        explain: Callable[[OSError], SinkUnavailableError],
    ) -> Exchange:
        """Invoke a function with an event. Raises what ``explain`` makes of a failure to get any answer."""
        named = {"faas.invoked_name": path}
        return self._invoking.post(
            envelope, message.headers, message.body, explain=explain, path=route, attributes=named
        )

    def unreachable(self, exc: Exception) -> SinkUnavailableError:
        """A failure to get any answer, as one of ours."""
        return SinkUnavailableError(f"{self.url}: {str(exc) or type(exc).__name__}")


def wrong_credentials(status: int, were_given: bool) -> str:
    """What to do about a gateway that does not let us read its lists, behind a semicolon; empty where it is not so."""
    if status not in {401, 403}:
        return ""
    if were_given:
        return (
            "; it refuses the user name and password: see basic-auth-user and basic-auth-password in secret_mount_path"
        )
    return "; it asks for a user name and password: set basic_auth and secret_mount_path"


@lru_cache(maxsize=4096)
def route(path: str, invocation: Invocation) -> str:
    """Where any gateway invokes a function."""
    return f"/{_ROUTES[invocation]}/{quote(path, safe='')}"


@asynccontextmanager
async def connected(settings: GatewaySettings, fence: Callable[[], None] = lambda: None) -> AsyncIterator[Gateway]:
    """The gateway that the settings name, with its connections. How many there are, the sink decides."""
    settings.authorization()  # what is wrong with the files is told at once, as of any setting
    trust = create_client_context(ca_certs=settings.ca_certs)
    secure = settings.address.startswith("https:")
    wire = Wire(URL(settings.address), (lambda: trust) if secure else None, settings.invocation_timeout, fence)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trust), cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        try:
            yield Gateway(client, wire, settings.address, settings.authorization)
        finally:
            await wire.close()
