"""Where an HTTP sink's requests go, with credentials, and what a failure there is called."""

import errno
import os
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Sequence

from yarl import URL

from vcenter_functions.net.addresses import strip_secrets
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.redaction import Redactor, find_secrets
from vcenter_source.sinks.connection import HttpTransportError
from vcenter_source.sinks.oidc import OidcToken
from vcenter_source.sinks.responses import raise_for_status
from vcenter_source.sinks.traced import Client, Exchange, TracedClient

SEND_AGAIN = "knative-vcenter-source-send-again"
"""The header of an event that is to be acted on once more, also by who has acted on it; its value is new each time.

So a retry asks nobody twice. Knative's Broker in memory passes headers that begin with ``knative-`` on to subscribers,
and few others (eventing, pkg/utils/headers.go).
"""


class HttpEndpoint:
    """Sends requests to an address exactly as it is given: Knative forbids altering K_SINK's path.

    ``token`` is sent as Bearer token if one is mounted, else the user name and password of the address. ``name`` is the
    address free of user info and query, and no failure quotes these.
    """

    def __init__(self, client: Client, url: str, token: OidcToken) -> None:
        self._token = token
        self._basic_auth = basic_auth(URL(url, encoded=url.isascii()))
        self._redactor = Redactor(find_secrets(url))
        self.name = strip_secrets(url)
        self._client = TracedClient(client, self.name)

    def post(self, envelope: Envelope, headers: dict[str, str], body: bytes, lines: str = "") -> Awaitable[Receipt]:
        """Send one event, with ``headers`` and header lines. Raises SinkUnavailableError or EventRefusedError."""
        headers |= self._token.header() or self._basic_auth
        return self._finish(self._client.post(envelope, headers, body, lines, explain=self._explain))

    def post_batch(self, envelopes: Sequence[Envelope], headers: dict[str, str], body: bytes) -> Awaitable[Receipt]:
        """Send several events in one request. Raises as ``post`` does."""
        headers |= self._token.header() or self._basic_auth
        return self._finish(self._client.post_batch(envelopes, headers, body, explain=self._explain))

    async def _finish(self, exchange: Exchange) -> Receipt:
        with exchange:
            response = await exchange.send()
            if response.status >= 300:  # noqa: PLR2004  it may quote the whole address
                response.body = self._redactor.redact_bytes(response.body)
                response.reason = self._redactor.redact(response.reason)
            raise_for_status(self.name, response)
            return Receipt(response.status)

    def _explain(self, exc: OSError) -> SinkUnavailableError:
        """Map a failure to get any response."""
        is_access = isinstance(exc, HttpTransportError) and exc.is_access_refused
        failure = SinkAccessError if is_access else SinkUnavailableError
        return failure(f"{self.name}: {self._redactor.redact(describe_os_error(exc))}")


def describe_os_error(exc: OSError) -> str:
    """Describe a failure to connect: a library's own text repeats the address and the number of the error."""
    number = None if isinstance(exc, ssl.SSLError) else exc.errno  # its numbers are OpenSSL's
    return os.strerror(number) if number is not None and number in errno.errorcode else str(exc) or type(exc).__name__


def basic_auth(url: URL) -> dict[str, str]:
    """Return the header with the user name and password of an address (RFC 7617); none without a user name."""
    if url.user is None:
        return {}
    pair = f"{url.user}:{url.password or ''}"
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def replay_header(envelope: Envelope) -> dict[str, str]:
    """Return the header that lets a function act again on a replayed event; empty for any other event."""
    return {SEND_AGAIN: envelope.replay_id} if envelope.replay_id else {}


def check_size(size: int, max_event_bytes: int) -> None:
    """Raise EventRefusedError for a larger event: its data, and the names and values of its attributes."""
    if size > max_event_bytes:
        raise EventRefusedError(f"the event has {size} bytes, more than MAX_EVENT_BYTES ({max_event_bytes})")
