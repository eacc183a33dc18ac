"""The shim's endpoints: a CloudEvents sink, the adapter's K_SINK or a Knative Trigger's subscriber.

What its statuses mean to a Broker: 204 delivered; 400, 413, 415, 422 dead letter at once; 503 deliver again. The reason
in the body names the functions. A subscriber's address may have a path, so events are accepted on any.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web
from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry

from vcenter_source.core import gc_tuning, tracing
from vcenter_source.core.envelope import Envelope
from vcenter_source.core.errors import EventRefusedError, SinkUnavailableError, VcenterSourceError
from vcenter_source.core.http_server import BindAddress, catch_stop, render_metrics
from vcenter_source.core.request_server import serve_requests
from vcenter_source.core.sink_log import SinkLog, Words, log_fields
from vcenter_source.events.codec import check_coding, is_batch, parse_batch, parse_event
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.settings.spelling import warn_of_misspelt
from vcenter_source.sinks.endpoint import SEND_AGAIN
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, gateway_sink

REFUSED_STATUS = 422
"""The status for a permanent failure, whatever status the function itself had: a Broker does not retry it."""

WORDS = Words(
    goes_on="events are still not delivered, their sender will retry them",
    others_accepted="other events are delivered, but not this one, the sender will retry it",
    ends="events are delivered again",
)
PATIENCE = 300.0
"""Seconds after which an event that has not come again counts as given up by its sender. The adapter and the Broker of
config/knative come again within half a minute."""

Failure = SinkUnavailableError | EventRefusedError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shim:
    """The endpoints."""

    sink: OpenfaasSink
    registry: CollectorRegistry
    stale_after: float
    sink_log: SinkLog

    async def respond(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """Accept events on any path; the probes have paths of their own."""
        if request.method == "POST":
            headers = {name.lower(): value for name, value in request.headers.items()}
            return await self.accept(headers, body)
        pages = {"/healthz": self.show_health, "/readyz": self.show_readiness, "/metrics": self.show_metrics}
        page = pages.get(request.path) if request.method in {"GET", "HEAD"} else None
        return page(request.headers) if page else web.Response(status=405, headers={"allow": "POST"})

    async def accept(self, headers: Mapping[str, str], body: bytes) -> web.Response:
        """Deliver one CloudEvent, or a batch of them. Header names are in lower case."""
        try:
            check_coding(headers)
            if is_batch(headers):
                outcomes = await asyncio.gather(*(self.deliver(each, headers) for each in parse_batch(body)))
            else:
                outcomes = [await self.deliver(parse_event(headers, body), headers)]
        except EventRefusedError as exc:
            return error_response(exc.status or REFUSED_STATUS, exc)
        return response_for([failure for failure in outcomes if failure])

    async def deliver(self, event: CloudEvent, headers: Mapping[str, str]) -> Failure | None:
        """Send one event to its functions, and return why that failed, if it did."""
        span = tracing.start_process_span(event, headers)
        envelope = Envelope(event, span=span, replay_id=headers.get(SEND_AGAIN, ""))
        try:
            await self.sink.send(envelope)
        except (SinkUnavailableError, EventRefusedError) as exc:
            self.report(envelope, exc)
            tracing.set_error(span, exc, type(exc).__name__)
            return exc
        finally:
            span.end()
        if self.sink_log.has_trouble:
            self.sink_log.note_success(envelope)
        return None

    def report(self, envelope: Envelope, failure: Failure) -> None:
        """Log a failure: each event that is refused for good, and what may pass as the log of the sink does."""
        if isinstance(failure, SinkUnavailableError):
            self.sink_log.note_failure("event not delivered, the sender will retry it", envelope, failure)
            return
        self.sink_log.forget(envelope)
        log.error("event refused for good", reason=str(failure), **log_fields(envelope))

    def show_health(self, _: Mapping[str, str]) -> web.Response:
        """Answer that the process is alive: a restart would not help a gateway that is away."""
        return web.Response(text="ok\n")

    def show_readiness(self, _: Mapping[str, str]) -> web.Response:
        """Say whether the functions were read lately; otherwise why not."""
        connection, topics = self.sink.poller.connection, self.sink.poller.last
        is_ready = topics is not None and connection.failing_for <= self.stale_after
        answer = {"ready": is_ready, "functions": len(topics.functions) if topics else None, "why": connection.reason}
        return json_response(200 if is_ready else 503, answer)

    def show_metrics(self, headers: Mapping[str, str]) -> web.Response:
        """Return the page that Prometheus reads."""
        page, content_type = render_metrics(self.registry, headers.get("accept", ""))
        return web.Response(body=page, headers={"content-type": content_type})


def response_for(failures: Sequence[Failure]) -> web.Response:
    """Return the response for a request whose events have failed so.

    If one event may succeed later, the whole request has to come again: a function that has an event of it is not
    invoked with it once more.
    """
    retryable = [failure for failure in failures if isinstance(failure, SinkUnavailableError)]
    if retryable:
        delays = [failure.retry_after for failure in retryable if failure.retry_after]
        return error_response(503, retryable[0], max(delays, default=None))
    return error_response(REFUSED_STATUS, failures[0]) if failures else web.Response(status=204)


def error_response(status: int, reason: VcenterSourceError, retry_after: float | None = None) -> web.Response:
    """Return a response that says what went wrong; ``retry_after`` is in seconds."""
    headers = {} if retry_after is None else {"retry-after": f"{retry_after:.0f}"}
    return json_response(status, {"error": str(reason)}, headers)


def json_response(status: int, answer: Any, headers: Mapping[str, str] = {}) -> web.Response:
    """Return a response in JSON; a header that it quotes may be no UTF-8, which orjson does not write."""
    return web.Response(
        status=status, body=json.dumps(answer).encode(), headers={"content-type": "application/json", **headers}
    )


@asynccontextmanager
async def serve_shim(settings: ShimSettings) -> AsyncIterator[int]:
    """Serve while this lasts, at the port given. Events in progress are answered before it ends.

    Raises ConfigurationError when the port cannot be had.
    """
    registry = CollectorRegistry()
    server = settings.server
    async with gateway_sink(settings.gateway, registry) as sink:
        sink_log = SinkLog(sink.address, words=WORDS, patience=PATIENCE)
        shim = Shim(sink, registry, server.health_stale_after, sink_log)
        address = BindAddress(server.host, server.port, "PORT")
        async with serve_requests(shim.respond, address, server.max_body_bytes, server.drain_timeout) as port:
            yield port


async def run_shim(settings: ShimSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    warn_of_misspelt(ShimSettings)
    stop = catch_stop()
    async with serve_shim(settings) as port:
        gc_tuning.freeze_and_relax()
        log.info("accepting CloudEvents", host=settings.server.host, port=port, gateway=settings.gateway.address)
        await stop.wait()
    log.info("stopped")
