"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from cloudevents.core.bindings.http import HTTPMessage, to_binary
from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span
from yarl import URL

from adapter import telemetry
from adapter.cloudevent import OrjsonFormat
from adapter.errors import EventRefusedError, SinkUnavailableError
from adapter.sinks.mounted import TRUST_BUNDLES, Trust, authorization

RETRYABLE = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

MAX_ANSWER = 1024
"""Bytes that are read of a failure's body: what Knative keeps of one in ``knativeerrordata``."""

MAX_QUOTE = 512
"""Bytes of it that are worth a place in a log line."""

MAX_REPLY = 64 * 1024
"""Bytes that are read of a success's body, which means nothing to a source, so that its connection can serve again."""

REPLY_TIMEOUT = 2.0
"""Seconds that either body is read for. The status has said what matters."""


class HttpSink:
    """Sends CloudEvents to one address, exactly as given: Knative forbids altering K_SINK's path.

    ``trust`` holds the authorities for https. ``token_file`` is sent as Bearer token; None or no such file sends none.
    ``max_event_bytes`` is the size from which on an event is not even tried; None is no limit.
    """

    def __init__(
        self,
        client: aiohttp.ClientSession,
        url: str,
        trust: Trust,
        *,
        token_file: Path | None = None,
        max_event_bytes: int | None = None,
    ) -> None:
        self._client = client
        self._url = URL(url, encoded=url.isascii())
        self._proxy = proxy_for(self._url)
        self._trust = trust
        self._token_file = token_file
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
        with telemetry.sending(span, self.address, event.get_id(), resend) as (child, trace_headers):
            token = authorization(self._token_file)
            try:
                async with self._post(message, trace_headers | token) as response:
                    child.set_attribute("http.response.status_code", response.status)
                    await judge(self.address, response, with_token=bool(token))
            except (aiohttp.ClientError, OSError) as exc:  # a TimeoutError is an OSError
                raise SinkUnavailableError(f"{self.address}: {str(exc) or type(exc).__name__}") from exc

    def _post(
        self, message: HTTPMessage, headers: dict[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        return self._client.post(
            self._url,
            data=message.body,
            headers=message.headers | headers,
            allow_redirects=False,
            proxy=self._proxy,
            ssl=self._trust.context() if self._url.scheme == "https" else True,
        )


def encoded_size(message: HTTPMessage) -> int:
    """Bytes of an event in binary mode: its data, and the names and values of its attributes."""
    return len(message.body) + sum(len(name) + len(value) for name, value in message.headers.items())


async def judge(address: str, response: aiohttp.ClientResponse, *, with_token: bool = False) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract).

    A 401 to our token may pass: it has expired, and a new one is about to be mounted.
    """
    status = response.status
    if 200 <= status < 300:  # noqa: PLR2004
        await beginning(response, MAX_REPLY)
        return
    body = await beginning(response, MAX_ANSWER)
    said = body[:MAX_QUOTE].decode(errors="replace")
    message = " ".join(f"{address} answers {status} {response.reason}: {said}".split()).rstrip(":")
    if status in RETRYABLE or status >= 500 or (status == 401 and with_token):  # noqa: PLR2004
        delay = retry_after(response.headers, datetime.now(UTC))
        raise SinkUnavailableError(message, retry_after=delay, status=status, body=body)
    raise EventRefusedError(message, status=status, body=body)


async def beginning(response: aiohttp.ClientResponse, most: int) -> bytes:
    """The first ``most`` bytes of the body, or what came of it in time. A connection with more to read is closed."""
    body = b""
    with suppress(aiohttp.ClientError, OSError):
        async with asyncio.timeout(REPLY_TIMEOUT):
            while len(body) < most and (chunk := await response.content.read(most - len(body))):
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


def proxy_for(url: URL) -> str | None:
    """The proxy that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name for this address.

    aiohttp's own ``trust_env`` would also read ~/.netrc, for each request anew and in a thread.
    """
    return None if proxy_bypass(url.raw_host or "") else getproxies().get(url.scheme)


@asynccontextmanager
async def http_sink(  # noqa: PLR0913  it is wired in few places, by keyword
    url: str,
    *,
    ca_certs: str | None,
    answer_timeout: float,
    connections: int,
    max_event_bytes: int | None = None,
    token_file: Path | None = None,
    bundles: Path = TRUST_BUNDLES,
) -> AsyncIterator[HttpSink]:
    """An HttpSink with its connections, closed at the end. ``answer_timeout`` is in seconds."""
    trust = Trust(ca_certs, bundles)
    connector = aiohttp.TCPConnector(limit=connections)
    limits = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=answer_timeout)
    async with aiohttp.ClientSession(
        connector=connector, timeout=limits, cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        yield HttpSink(client, url, trust, token_file=token_file, max_event_bytes=max_event_bytes)
    await asyncio.sleep(0)  # lets the transports close before the loop does
