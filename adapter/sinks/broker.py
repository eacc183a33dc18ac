"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from cloudevents.core.bindings.http import to_binary
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from adapter import telemetry
from adapter.cloudevent import OrjsonFormat
from adapter.errors import ConfigurationError, EventRefusedError, SinkUnavailableError

RETRYABLE = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

MAX_ANSWER = 512
"""Bytes of a refusal's body that are worth quoting."""


class HttpSink:
    """Sends CloudEvents to one address, exactly as given: Knative forbids altering K_SINK's path."""

    def __init__(self, client: aiohttp.ClientSession, url: str) -> None:
        self._client = client
        self._url = url
        self._format = OrjsonFormat()

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """POST one event. Raises SinkUnavailableError or EventRefusedError."""
        message = to_binary(event, self._format)
        with telemetry.sending(span, self._url, event.get_id(), resend) as (child, trace_headers):
            try:
                async with self._client.post(
                    self._url, data=message.body, headers=message.headers | trace_headers, allow_redirects=False
                ) as response:
                    child.set_attribute("http.response.status_code", response.status)
                    await judge(self._url, response)
            except (aiohttp.ClientError, OSError) as exc:  # a TimeoutError is an OSError
                raise SinkUnavailableError(f"{self._url}: {str(exc) or type(exc).__name__}") from exc


async def judge(url: str, response: aiohttp.ClientResponse) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract)."""
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004
        await response.read()  # the connection can serve again only after its answer was read
        return
    said = (await response.content.read(MAX_ANSWER)).decode(errors="replace").strip()
    message = " ".join(f"{url} answers {status} {response.reason}: {said}".split()).rstrip(":")
    if status in RETRYABLE or status >= 500:  # noqa: PLR2004
        raise SinkUnavailableError(message, retry_after=retry_after(response.headers, datetime.now(UTC)))
    raise EventRefusedError(message, status=status)


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds to wait by the Retry-After header, a number or a date (RFC 9110, 10.2.3); None without a valid one."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdecimal():
        return float(value)
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


@asynccontextmanager
async def http_sink(
    url: str, *, ca_certs: str | None, answer_timeout: float, connections: int
) -> AsyncIterator[HttpSink]:
    """An HttpSink with its connections, closed at the end. ``answer_timeout`` is in seconds."""
    connector = aiohttp.TCPConnector(limit=connections, ssl=trust(ca_certs))
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=answer_timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    ) as client:
        yield HttpSink(client, url)
    await asyncio.sleep(0)  # lets the transports close before the loop does


def trust(ca_certs: str | None) -> ssl.SSLContext:
    """The system's authorities and those of K_CA_CERTS (PEM)."""
    try:
        context = ssl.create_default_context()
        if ca_certs is not None:
            context.load_verify_locations(cadata=ca_certs)
    except ssl.SSLError as exc:
        raise ConfigurationError("K_CA_CERTS: not PEM certificates") from exc
    return context
