"""The HTTP connections to vCenter: whom they trust."""

import ssl

import httpx

from functions.pytag.settings import Settings
from functions.pytag.tls import Authorities


def http_client(settings: Settings) -> httpx.AsyncClient:
    """Make the client for vCenter's REST API. Proxy variables are ignored, as pyVmomi ignores them in the adapter."""
    authorities = Authorities(settings.vcenter_ca_file, insecure=settings.vcenter_insecure)
    return httpx.AsyncClient(
        base_url=settings.base_url, transport=Transport(authorities), timeout=min(10.0, settings.timeout)
    )


class Transport(httpx.AsyncBaseTransport):
    """Connections that trust the authorities of now: httpx has one context for all that it ever makes."""

    def __init__(self, authorities: Authorities) -> None:
        self._authorities = authorities
        self._context = authorities.context()
        self._current = self._connecting(self._context)
        self._retired: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that was made with the authorities of now."""
        context = self._authorities.context()
        if context is not self._context:
            await self._renew(context)
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

    @staticmethod
    def _connecting(context: ssl.SSLContext) -> httpx.AsyncHTTPTransport:
        return httpx.AsyncHTTPTransport(verify=context, trust_env=False)
