"""The HTTP connections to vCenter: whom they trust, and which proxy they take."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import structlog

from pytag.settings import Settings
from vcenter_functions.errors import SettingsError
from vcenter_functions.net.proxies import Proxy, ProxySettingError, find_vcenter_proxy
from vcenter_functions.net.tls import Authorities

_log = structlog.get_logger()


def http_client(settings: Settings) -> httpx.AsyncClient:
    """Make the client for vCenter's REST API. Raises SettingsError for a proxy that cannot be used."""
    authorities = Authorities(settings.vcenter_ca_file, insecure=settings.vcenter_insecure)
    transport = Transport(authorities, vcenter_proxy(settings.base_url))
    return httpx.AsyncClient(base_url=settings.base_url, transport=transport, timeout=min(10.0, settings.timeout))


def vcenter_proxy(url: str) -> Proxy | None:
    """The proxy for a vCenter at this address. Raises SettingsError for one that cannot be used."""
    try:
        return find_vcenter_proxy(url)
    except ProxySettingError as exc:
        raise SettingsError(str(exc)) from exc


def announce_way(settings: Settings) -> None:
    """Log what an operator may not expect on the way to vCenter: a path that is not used, a proxy that is.

    Raises SettingsError for a proxy that cannot be used.
    """
    path = urlsplit(settings.vcenter_url).path
    if path.rstrip("/") not in {"", "/sdk"}:
        _log.warning("the path in VCENTER_URL is not used", path=path, asked=settings.base_url)
    announce_proxy(settings)


def announce_proxy(settings: Settings) -> None:
    """Log which proxy leads to vCenter. Raises SettingsError for one that cannot be used."""
    proxy = vcenter_proxy(settings.base_url)
    if proxy is not None:
        _log.info("vCenter is reached through a proxy", vcenter=settings.base_url, proxy=str(proxy))


class Transport(httpx.AsyncBaseTransport):
    """Connections that trust the authorities of now: httpx has one context for all that it ever makes.

    A failure of the ``proxy`` names it.
    """

    def __init__(self, authorities: Authorities, proxy: Proxy | None) -> None:
        self._authorities = authorities
        self._proxy = proxy
        self._context = authorities.context()
        self._current = self._connecting(self._context)
        self._retired: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that was made with the authorities of now."""
        context = self._authorities.context()
        if context is not self._context:
            await self._renew(context)
        with proxy_named(self._proxy):
            return await self._current.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in filter(None, (self._current, self._retired)):
            await transport.aclose()

    async def _renew(self, context: ssl.SSLContext) -> None:
        """Use new connections from here on. The old ones may be in use, and are closed a change later."""
        closing, self._retired = self._retired, self._current
        self._context, self._current = context, self._connecting(context)
        if closing is not None:
            await closing.aclose()

    def _connecting(self, context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=context, trust_env=False, proxy=self._proxy.url if self._proxy else None)


@contextmanager
def proxy_named(proxy: Proxy | None) -> Iterator[None]:
    """Say in a failure on the way through a proxy that it is the proxy's, or may be."""
    try:
        yield
    except httpx.ProxyError as exc:  # its answer to CONNECT
        advice = "see what it asks for and lets through, or add vCenter's host to NO_PROXY"
        raise httpx.ProxyError(f"the proxy {proxy} answers {exc}; {advice}") from exc
    except (httpx.ConnectError, httpx.TimeoutException) as exc:
        if proxy is None:
            raise
        raise type(exc)(f"through the proxy {proxy}: {str(exc) or type(exc).__name__}") from exc
