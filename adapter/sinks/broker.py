"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from cloudevents.core.v1.event import CloudEvent
from opentelemetry.trace import Span
from yarl import URL

from adapter import telemetry
from adapter.cloudevent import binary
from adapter.errors import EventRefusedError, SinkUnavailableError
from adapter.sinks.mounted import TRUST_BUNDLES, Token, Trust
from adapter.sinks.proxied import Proxied
from adapter.sinks.wire import Answer, Wire

RETRYABLE = frozenset({404, 408, 409, 425, 429})
"""Client errors that may pass: a Broker answers 404 while it is being set up. All of 5xx may pass too."""

MAX_ANSWER = 1024
"""Bytes of a failure's body that are kept: what Knative keeps of one in ``knativeerrordata``."""

MAX_QUOTE = 512
"""Bytes of it that are worth a place in a log line."""


class Client(Protocol):
    """What sends requests to the one address of a sink."""

    async def post(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a request and return its answer. Raises OSError."""

    async def close(self) -> None:
        """Close all connections."""


class HttpSink:
    """Sends CloudEvents to one address, exactly as given: Knative forbids altering K_SINK's path.

    ``token`` is sent as Bearer token where one is mounted. ``max_event_bytes`` is the size from which on an event is
    not even tried; None is no limit.
    """

    def __init__(self, client: Client, url: str, token: Token, max_event_bytes: int | None = None) -> None:
        self._client = client
        self._token = token
        self._max_event_bytes = max_event_bytes
        parts = urlsplit(url)
        self.address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()

    async def send(self, event: CloudEvent, span: Span, resend: int) -> None:
        """POST one event. Raises SinkUnavailableError or EventRefusedError."""
        headers, body = binary(event)
        self._must_fit(headers, body)
        with telemetry.sending(span, self.address, event.get_id(), resend) as (child, trace_headers):
            headers |= trace_headers
            headers |= (token := self._token.header())
            try:
                answer = await self._client.post(headers, body)
            except OSError as exc:  # a TimeoutError is one
                raise SinkUnavailableError(f"{self.address}: {str(exc) or type(exc).__name__}") from exc
            child.set_attribute("http.response.status_code", answer.status)
            judge(self.address, answer, with_token=bool(token))

    def _must_fit(self, headers: Mapping[str, str], body: bytes) -> None:
        """Its size is that of its data and of the names and values of its attributes, in bytes."""
        if self._max_event_bytes is None:
            return
        size = len(body) + sum(map(len, headers)) + sum(map(len, headers.values()))
        if size > self._max_event_bytes:
            raise EventRefusedError(f"the event has {size} bytes, more than MAX_EVENT_BYTES ({self._max_event_bytes})")


def judge(address: str, answer: Answer, *, with_token: bool = False) -> None:
    """Return for 2xx; raise what the status means for the event otherwise (Knative's delivery contract).

    A 401 to our token may pass: it has expired, and a new one is about to be mounted.
    """
    status = answer.status
    if 200 <= status < 300:  # noqa: PLR2004
        return
    body = answer.body[:MAX_ANSWER]
    said = body[:MAX_QUOTE].decode(errors="replace")
    message = " ".join(f"{address} answers {status} {answer.reason}: {said}".split()).rstrip(":")
    if status in RETRYABLE or status >= 500 or (status == 401 and with_token):  # noqa: PLR2004
        delay = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
        raise SinkUnavailableError(message, retry_after=delay, status=status, body=body)
    raise EventRefusedError(message, status=status, body=body)


def retry_after(value: str, now: datetime) -> float | None:
    """Seconds to wait by a Retry-After header, a number or a date (RFC 9110, 10.2.3); None without a valid one."""
    value = value.strip()
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
    max_event_bytes: int | None = None,
    token_file: Path | None = None,
    bundles: Path = TRUST_BUNDLES,
    fence: Callable[[], None] = lambda: None,
) -> AsyncIterator[HttpSink]:
    """An HttpSink, its connections closed at the end. ``answer_timeout`` is in seconds; ``fence`` is for the wire."""
    address = URL(url, encoded=url.isascii())
    trust = Trust(ca_certs, bundles).context if address.scheme == "https" else None
    proxy = proxy_for(address)
    client = Proxied(address, proxy, trust, answer_timeout) if proxy else Wire(address, trust, answer_timeout, fence)
    try:
        yield HttpSink(client, url, Token(token_file), max_event_bytes)
    finally:
        await client.close()
        await asyncio.sleep(0)  # lets the transports close before the loop does
