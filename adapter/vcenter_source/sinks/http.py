"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode; several in one with BATCH."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from yarl import URL

from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.proxies import find_proxy
from vcenter_source.events.codec import write_binary
from vcenter_source.settings.sink import SinkSettings
from vcenter_source.sinks.batching import BatchingSink
from vcenter_source.sinks.client import HttpClient
from vcenter_source.sinks.endpoint import HttpEndpoint, check_size, replay_header
from vcenter_source.sinks.oidc import OidcToken
from vcenter_source.sinks.proxy import ProxiedClient
from vcenter_source.sinks.trust_bundle import TRUST_BUNDLES, TrustBundle

log = structlog.get_logger()


class HttpSink:
    """Sends each CloudEvent in a request of its own, in binary mode.

    An event of more than ``max_event_bytes`` is not even tried.
    """

    def __init__(self, endpoint: HttpEndpoint, max_event_bytes: int) -> None:
        self._endpoint = endpoint
        self._max_event_bytes = max_event_bytes
        self.address = endpoint.name

    async def send(self, envelope: Envelope) -> Receipt:
        """POST one event. Raises SinkUnavailableError or EventRefusedError."""
        lines, headers, body = write_binary(envelope.event)
        if headers or len(body) + len(lines) > self._max_event_bytes:  # the lines alone are longer than what counts
            check_size(len(body) + count_header_bytes(lines, headers), self._max_event_bytes)
        if envelope.replay_id:
            headers |= replay_header(envelope)
        return await self._endpoint.post(envelope, headers, body, lines)


def count_header_bytes(lines: str, headers: Mapping[str, str]) -> int:
    """Return the size of the names and values alone."""
    size = len(lines) - len(": \r\n") * lines.count("\n")
    return size + len("".join(headers)) + len("".join(headers.values())) if headers else size


@asynccontextmanager
async def open_http_sink(
    settings: SinkSettings, bundles: Path = TRUST_BUNDLES
) -> AsyncIterator[HttpSink | BatchingSink]:
    """Open the sink that the settings name, an http or https address, and close its connections at the end.

    ``bundles`` is the folder of trusted authorities.
    """
    url = str(settings.address)
    address = URL(url, encoded=url.isascii())
    trust = TrustBundle(settings.ca_certs, bundles).context if address.scheme == "https" else None
    proxy = find_proxy(str(address))  # aiohttp's own trust_env would also read ~/.netrc, for each request anew
    client: HttpClient | ProxiedClient = HttpClient(address, trust, settings.timeout)
    if proxy:
        log.info("the sink is reached through a proxy", sink=address.host, proxy=str(proxy))
        client = ProxiedClient(address, proxy, trust, settings.timeout)
    try:
        endpoint = HttpEndpoint(client, url, OidcToken(settings.token_file))
        if settings.batch > 1:
            yield BatchingSink(endpoint, settings.batch, settings.max_event_bytes)
        else:
            yield HttpSink(endpoint, settings.max_event_bytes)
    finally:
        await client.close()
        await asyncio.sleep(0)  # lets the transports close before the loop does
