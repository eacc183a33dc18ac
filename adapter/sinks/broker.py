"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import aiohttp
from cloudevents.core.bindings.http import HTTPMessage, to_binary
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span

from adapter import telemetry
from adapter.cloudevent import OrjsonFormat
from adapter.errors import ConfigurationError, EventRefusedError, SinkUnavailableError

RETRYABLE = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

MAX_ANSWER = 1024
"""Bytes that are read of a failure's body: what Knative keeps of one in ``knativeerrordata``."""

MAX_QUOTE = 512
"""Bytes of it that are worth a place in a log line."""


class HttpSink:
    """Sends CloudEvents to one address, exactly as given: Knative forbids altering K_SINK's path.

    ``max_event_bytes`` is the size from which on an event is not even tried; None is no limit.
    """

    def __init__(self, client: aiohttp.ClientSession, url: str, max_event_bytes: int | None = None) -> None:
        self._client = client
        self._url = url
        self._max_event_bytes = max_event_bytes
        self._format = OrjsonFormat()
        parts = urlsplit(url)
        self.address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """POST one event. Raises SinkUnavailableError or EventRefusedError."""
        message = to_binary(event, self._format)
        size = encoded_size(message)
        if self._max_event_bytes is not None and size > self._max_event_bytes:
            raise EventRefusedError(f"the event has {size} bytes, more than MAX_EVENT_BYTES ({self._max_event_bytes})")
        with telemetry.sending(span, self._url, event.get_id(), resend) as (child, trace_headers):
            try:
                async with self._client.post(
                    self._url, data=message.body, headers=message.headers | trace_headers, allow_redirects=False
                ) as response:
                    child.set_attribute("http.response.status_code", response.status)
                    await judge(self.address, response)
            except (aiohttp.ClientError, OSError) as exc:  # a TimeoutError is an OSError
                raise SinkUnavailableError(f"{self.address}: {str(exc) or type(exc).__name__}") from exc


def encoded_size(message: HTTPMessage) -> int:
    """Bytes of an event in binary mode: its data, and the names and values of its attributes."""
    return len(message.body) + sum(len(name) + len(value) for name, value in message.headers.items())


async def judge(address: str, response: aiohttp.ClientResponse) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract)."""
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004
        await response.read()  # the connection can serve again only after its answer was read
        return
    body = await beginning(response)
    said = body[:MAX_QUOTE].decode(errors="replace")
    message = " ".join(f"{address} answers {status} {response.reason}: {said}".split()).rstrip(":")
    if status in RETRYABLE or status >= 500:  # noqa: PLR2004
        delay = retry_after(response.headers, datetime.now(UTC))
        raise SinkUnavailableError(message, retry_after=delay, status=status, body=body)
    raise EventRefusedError(message, status=status, body=body)


async def beginning(response: aiohttp.ClientResponse) -> bytes:
    """The first ``MAX_ANSWER`` bytes of the body, or what came of it: the status has said what matters."""
    body = b""
    with suppress(aiohttp.ClientError, OSError):
        while len(body) < MAX_ANSWER and (chunk := await response.content.read(MAX_ANSWER - len(body))):
            body += chunk
    return body


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
    url: str, *, ca_certs: str | None, answer_timeout: float, connections: int, max_event_bytes: int | None = None
) -> AsyncIterator[HttpSink]:
    """An HttpSink with its connections, closed at the end. ``answer_timeout`` is in seconds."""
    connector = aiohttp.TCPConnector(limit=connections, ssl=trust(ca_certs))
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=answer_timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar(), trust_env=True
    ) as client:
        yield HttpSink(client, url, max_event_bytes)
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
