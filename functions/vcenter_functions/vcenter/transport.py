"""The HTTP connections to vCenter: the authorities they trust, and the proxy they take."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import httpx
import structlog
from httpx_aiohttp import AiohttpTransport

from vcenter_functions.errors import SettingsError
from vcenter_functions.net.addresses import add_brackets
from vcenter_functions.net.proxies import Proxy, ProxySettingError, find_vcenter_proxy
from vcenter_functions.net.tls import Authorities, explain_verify_code, suggest_remedy
from vcenter_functions.target import Target
from vcenter_functions.vcenters_file import VARIABLES, SettingNames

CONNECTIONS = 100
"""The most connections at a time."""

KEEP_ALIVE_SECONDS = 5.0
"""How long a connection is kept that nobody uses; both are httpx's own defaults."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a vCenter at ``url``. A request may take ``timeout`` seconds."""

    url: str
    authorities: Authorities
    proxy: Proxy | None
    timeout: float
    setting_names: SettingNames = VARIABLES


def find_route(target: Target) -> Route:
    """Return the way to a vCenter. Raises SettingsError for a proxy that cannot be used."""
    authorities = Authorities(target.ca_file, insecure=target.insecure)
    return Route(target.base_url, authorities, find_proxy(target.base_url), target.timeout, target.setting_names)


def create_http_client(target: Target) -> httpx.AsyncClient:
    """Create the client for vCenter's REST API. Raises SettingsError for a proxy that cannot be used."""
    route = find_route(target)
    transport = ReloadingTransport(route.authorities, route.proxy)
    return httpx.AsyncClient(base_url=route.url, transport=transport, timeout=min(10.0, route.timeout))


def find_proxy(url: str) -> Proxy | None:
    """Return the proxy for a vCenter at this address, None for none. Raises SettingsError for one that is unusable."""
    try:
        return find_vcenter_proxy(url)
    except ProxySettingError as exc:
        raise SettingsError(str(exc)) from exc


def log_route(target: Target) -> None:
    """Log what an operator may not expect of the way to vCenter: a path that is not used, a proxy that is.

    Raises SettingsError for a proxy that cannot be used.
    """
    path = urlsplit(target.url).path
    if path.rstrip("/") not in {"", "/sdk"}:
        log.warning("the path in VCENTER_URL is not used", path=path, asked=target.base_url)
    proxy = find_proxy(target.base_url)
    if proxy is not None:
        log.info("vCenter is reached through a proxy", vcenter=target.base_url, proxy=str(proxy))


class ReloadingTransport(httpx.AsyncBaseTransport):
    """Connections that trust the authorities as they are now: httpx alone keeps one TLS context for ever.

    They are aiohttp's, which cost a third of httpx's own CPU time. A failure on the way through the ``proxy`` names it.
    """

    def __init__(self, authorities: Authorities, proxy: Proxy | None) -> None:
        self._authorities = authorities
        self._proxy = proxy
        self._context = authorities.context()
        self._current = self._create(self._context)
        self._retired: AiohttpTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request over a connection that trusts the authorities as they are now."""
        context = self._authorities.context()
        if context is not self._context:
            await self._renew(context)
        with name_proxy(self._proxy), as_httpx_error():
            return await self._current.handle_async_request(request)

    async def aclose(self) -> None:
        """Close all connections."""
        for transport in filter(None, (self._current, self._retired)):
            await transport.aclose()

    async def _renew(self, context: ssl.SSLContext) -> None:
        """Use new connections from now on. The old ones may be in use, and are closed a change later."""
        closing, self._retired = self._retired, self._current
        self._context, self._current = context, self._create(context)
        if closing is not None:
            await closing.aclose()

    def _create(self, context: ssl.SSLContext) -> AiohttpTransport:
        proxy = to_httpx_proxy(self._proxy)
        return AiohttpTransport(verify=context, proxy=proxy, client=lambda: create_session(context))


def to_httpx_proxy(proxy: Proxy | None) -> httpx.Proxy | None:
    """Return a proxy as httpx has it: its account in a header, since aiohttp's own way is deprecated."""
    if proxy is None:
        return None
    return httpx.Proxy(f"http://{add_brackets(proxy.host)}:{proxy.port}", headers=dict(proxy.headers))


def create_session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """Open connections. Cookies are httpx's affair, and so are the variables of proxies ours."""
    connector = aiohttp.TCPConnector(ssl=context, limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_SECONDS)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)


@contextmanager
def as_httpx_error() -> Iterator[None]:
    """Raise httpx's own errors, with its messages, for what the transport leaves or names as aiohttp does."""
    try:
        yield
    except httpx.TransportError as exc:
        match exc.__cause__:
            case aiohttp.ClientHttpProxyError() as answer:
                raise httpx.ProxyError(f"{answer.status} {answer.message}") from exc
            case aiohttp.ServerDisconnectedError():
                raise httpx.RemoteProtocolError("the server disconnected without an answer") from exc
        raise
    except aiohttp.ClientError as exc:
        raise httpx.RemoteProtocolError(str(exc)) from exc


@contextmanager
def name_proxy(proxy: Proxy | None) -> Iterator[None]:
    """Name the proxy in a failure that is its own, or may be."""
    try:
        yield
    except httpx.ProxyError as exc:  # its answer to CONNECT
        advice = "see what it asks for and lets through, or add vCenter's host to NO_PROXY"
        raise httpx.ProxyError(f"the proxy {proxy} answers {exc}; {advice}") from exc
    except (httpx.ConnectError, httpx.TimeoutException) as exc:
        if proxy is None:
            raise
        raise type(exc)(f"through the proxy {proxy}: {str(exc) or type(exc).__name__}") from exc


def explain_no_answer(url: str, exc: Exception, names: SettingNames = VARIABLES) -> str:
    """Say why vCenter gave no answer, in one line."""
    reason = _explain_certificate(exc, names) or " ".join(str(exc).split()) or type(exc).__name__
    return f"no answer from vCenter at {url}: {reason}"


def _explain_certificate(exc: BaseException | None, names: SettingNames) -> str:
    """Say why vCenter's certificate was refused, and what mends it; nothing for any other failure."""
    while exc is not None and not hasattr(exc, "verify_code"):  # aiohttp's own error is one, but without its code
        exc = exc.__cause__ or exc.__context__
    if not isinstance(exc, ssl.SSLCertVerificationError):
        return ""
    by_hand = f"set {names.ca_file} to the authority that signed it, or {names.insecure} for a first try"
    remedy = suggest_remedy(exc.verify_code, names.url, by_hand)
    return f"its certificate {explain_verify_code(exc.verify_code)} ({exc.verify_message.rstrip('.')}); {remedy}"
