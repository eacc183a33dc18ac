"""An HTTP sink, a Knative Broker above all: one POST an event, in binary mode; several in one with BATCH."""

import asyncio
from base64 import b64encode
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from yarl import URL

from vcenter_functions.net.addresses import strip_secrets
from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, SinkAccessError, SinkUnavailableError
from vcenter_source.core.proxies import find_proxy
from vcenter_source.core.redaction import Redactor, find_secrets
from vcenter_source.events.codec import BATCH_TYPE, OrjsonFormat, to_binary
from vcenter_source.settings.sink import SinkSettings
from vcenter_source.sinks.answers import judge
from vcenter_source.sinks.client import Wire
from vcenter_source.sinks.connection import WireError
from vcenter_source.sinks.mounted import TRUST_BUNDLES, Token, Trust
from vcenter_source.sinks.proxied import Proxied
from vcenter_source.sinks.traced import Client, Exchange, TracedClient

log = structlog.get_logger()

SEND_AGAIN = "knative-vcenter-source-send-again"
"""The header of an event that is to be acted on once more, also by who has taken it; it has another value each time.

So a retry asks nobody twice. Knative's Broker in memory hands on to subscribers what begins with ``knative-``, as it
does with few other headers (eventing, pkg/utils/headers.go).
"""


class Address:
    """Where requests go, exactly as given: Knative forbids altering K_SINK's path.

    ``token`` is sent as Bearer token where one is mounted, else the user name and password of the address. ``name`` is
    the address free of user info and query, and no failure quotes what stands there.
    """

    def __init__(self, client: Client, url: str, token: Token) -> None:
        self._token = token
        self._basic = basic(URL(url, encoded=url.isascii()))
        self._redactor = Redactor(find_secrets(url))
        self.name = strip_secrets(url)
        self._client = TracedClient(client, self.name)

    async def post(self, envelope: Envelope, headers: dict[str, str], body: bytes) -> Receipt:
        """Send one event. Raises SinkUnavailableError or EventRefusedError."""
        headers |= self._token.header() or self._basic
        return await self._judge(self._client.post(envelope, headers, body, explain=self._unreachable))

    async def post_batch(self, envelopes: Sequence[Envelope], headers: dict[str, str], body: bytes) -> Receipt:
        """Send several events in one request. Raises as ``post`` does."""
        headers |= self._token.header() or self._basic
        return await self._judge(self._client.post_batch(envelopes, headers, body, explain=self._unreachable))

    async def _judge(self, exchange: Exchange) -> Receipt:
        async with exchange as answer:
            if answer.status >= 300:  # noqa: PLR2004  it may quote the whole address
                answer.body = self._redactor.redact_bytes(answer.body)
                answer.reason = self._redactor.redact(answer.reason)
            judge(self.name, answer)
            return Receipt(answer.status)

    def _unreachable(self, exc: OSError) -> SinkUnavailableError:
        """Map a failure to get any response."""
        turned_away = isinstance(exc, WireError) and exc.turned_away
        failure = SinkAccessError if turned_away else SinkUnavailableError
        return failure(f"{self.name}: {self._redactor.redact(str(exc) or type(exc).__name__)}")


def basic(url: URL) -> dict[str, str]:
    """The header with the user name and password of an address (RFC 7617); none where it has no user name."""
    if url.user is None:
        return {}
    pair = f"{url.user}:{url.password or ''}"
    return {"authorization": f"Basic {b64encode(pair.encode()).decode()}"}


class HttpSink:
    """Sends each CloudEvent in a request of its own, in binary mode.

    An event of more than ``max_event_bytes`` is not even tried.
    """

    def __init__(self, to: Address, max_event_bytes: int) -> None:
        self._to = to
        self._max_event_bytes = max_event_bytes
        self.address = to.name

    async def send(self, envelope: Envelope) -> Receipt:
        """POST one event. Raises SinkUnavailableError or EventRefusedError."""
        headers, body = to_binary(envelope.event)
        must_fit(len(body) + sum(map(len, headers)) + sum(map(len, headers.values())), self._max_event_bytes)
        if envelope.replay_id:
            headers |= replay_header(envelope)
        return await self._to.post(envelope, headers, body)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An event, as it is written in a batch, and those who wait for what becomes of it."""

    written: bytes
    envelope: Envelope
    accepted: asyncio.Future[Receipt]


class Batches:
    """Sends CloudEvents that are there at the same time in one request, as many as ``most`` of them.

    They are told apart by what becomes of them only where the request is refused: then each is sent in one of its own.
    So is one that has failed before, or the others would fail with it. A batch is no longer than ``max_event_bytes``
    either (CloudEvents, JSON Batch Format).
    """

    def __init__(self, to: Address, most: int, max_event_bytes: int) -> None:
        self._to = to
        self._most = most
        self._max_event_bytes = max_event_bytes
        self._format = OrjsonFormat()
        self._waiting: deque[Waiting] = deque()
        self._work: set[asyncio.Task[None]] = set()
        self.address = to.name

    async def send(self, envelope: Envelope) -> Receipt:
        """Return when the event's batch is acknowledged. Raises SinkUnavailableError or EventRefusedError."""
        waiting = self._written(envelope)
        if envelope.attempt or envelope.replay_id:
            self._begin([waiting])
        else:
            if not self._waiting:
                asyncio.get_running_loop().call_soon(self._gather)  # after those that are about to send as well
            self._waiting.append(waiting)
        return await waiting.accepted

    def _written(self, envelope: Envelope) -> Waiting:
        written = self._format.write(envelope.event)
        must_fit(len(written), self._max_event_bytes)
        return Waiting(written, envelope, asyncio.get_running_loop().create_future())

    def _gather(self) -> None:
        while self._waiting:
            batch: list[Waiting] = []
            size = 0
            while self._waiting and len(batch) < self._most:
                size += len(self._waiting[0].written)
                if batch and size > self._max_event_bytes:
                    break
                batch.append(self._waiting.popleft())
            self._begin(batch)

    def _begin(self, batch: list[Waiting]) -> None:
        work = asyncio.ensure_future(self._deliver(batch))
        self._work.add(work)
        work.add_done_callback(self._work.discard)

    async def _deliver(self, batch: list[Waiting]) -> None:
        body = b"[" + b",".join(each.written for each in batch) + b"]"
        headers = {"content-type": BATCH_TYPE} | (replay_header(batch[0].envelope) if len(batch) == 1 else {})
        try:
            receipt = await self._to.post_batch([each.envelope for each in batch], headers, body)
        except (EventRefusedError, SinkAccessError) as exc:
            if len(batch) > 1:  # one of them may be the reason
                await asyncio.gather(*(self._deliver([each]) for each in batch))
            else:
                settle(batch, exc)
        except Exception as exc:  # noqa: BLE001  whatever it is, those who wait have to know
            settle(batch, exc)
        else:
            settle(batch, receipt)


def replay_header(envelope: Envelope) -> dict[str, str]:
    """Return the header by which who has acted on an event acts on it once more; empty for any other event."""
    return {SEND_AGAIN: envelope.replay_id} if envelope.replay_id else {}


def settle(batch: Iterable[Waiting], outcome: Receipt | Exception) -> None:
    """Tell those who wait and have not given up."""
    for each in batch:
        if each.accepted.done():
            continue
        if isinstance(outcome, Exception):
            each.accepted.set_exception(outcome)
        else:
            each.accepted.set_result(outcome)


def must_fit(size: int, most: int) -> None:
    """Raise EventRefusedError for an event of more bytes: its data, and the names and values of its attributes."""
    if size > most:
        raise EventRefusedError(f"the event has {size} bytes, more than MAX_EVENT_BYTES ({most})")


@asynccontextmanager
async def open_http_sink(
    settings: SinkSettings, fence: Callable[[], None] = lambda: None, bundles: Path = TRUST_BUNDLES
) -> AsyncIterator[HttpSink | Batches]:
    """Open the sink that the settings name, an http or https address, and close its connections at the end.

    ``fence`` is called right before each request; ``bundles`` is the folder of trusted authorities.
    """
    url = str(settings.address)
    address = URL(url, encoded=url.isascii())
    trust = Trust(settings.ca_certs, bundles).context if address.scheme == "https" else None
    proxy = find_proxy(str(address))  # aiohttp's own trust_env would also read ~/.netrc, for each request anew
    client: Client = Wire(address, trust, settings.timeout, fence)
    if proxy:
        log.info("the sink is reached through a proxy", sink=address.host, proxy=str(proxy))
        client = Proxied(address, proxy, trust, settings.timeout, fence)
    try:
        to = Address(client, url, Token(settings.token_file))
        if settings.batch > 1:
            yield Batches(to, settings.batch, settings.max_event_bytes)
        else:
            yield HttpSink(to, settings.max_event_bytes)
    finally:
        await client.close()
        await asyncio.sleep(0)  # lets the transports close before the loop does
