"""``vcenter-source openfaas-shim``: a CloudEvents sink, the adapter's K_SINK or a Knative Trigger's subscriber.

To a Broker: 204 done; 400, 413, 415, 422 dead letter at once; 503 deliver again. The reason in the body names the
functions. A subscriber's address may have a path, so events are taken on any.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from cloudevents.core.v1.event import CloudEvent
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry

from vcenter_source.core import gc_tuning, tracing
from vcenter_source.core.errors import EventRefusedError, SinkUnavailableError, VcenterSourceError
from vcenter_source.core.http_server import BindAddress, render_metrics
from vcenter_source.settings.openfaas import ShimSettings
from vcenter_source.sinks.http import SEND_AGAIN
from vcenter_source.sinks.openfaas.door import Reply, Request, opened
from vcenter_source.sinks.openfaas.receive import is_batch, received, received_batch
from vcenter_source.sinks.openfaas.sink import OpenfaasSink, invoking

REFUSED = 422
"""What a Broker takes for a refusal for good, whatever status the function itself had."""

TAKEN = Reply(204)

Failure = SinkUnavailableError | EventRefusedError

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shim:
    """The endpoints."""

    sink: OpenfaasSink
    registry: CollectorRegistry
    stale_after: float

    async def answer(self, request: Request) -> Reply:
        """Events on any path, probes on their own."""
        if request.method == "POST":
            return await self.event(request.headers, request.body)
        pages = {"/healthz": self.healthy, "/readyz": self.ready, "/metrics": self.metrics}
        page = pages.get(request.path) if request.method in {"GET", "HEAD"} else None
        return page(request.headers) if page else Reply(405, headers={"allow": "POST"})

    async def event(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Take one CloudEvent, or a batch of them."""
        coding = headers.get("content-encoding", "identity")
        if coding != "identity":
            return in_json(415, {"error": f"the Content-Encoding {coding} is not taken; send events as they are"})
        try:
            if is_batch(headers):
                found = await asyncio.gather(*(self.take(each, headers) for each in received_batch(body)))
            else:
                found = [await self.take(received(headers, body), headers)]
        except EventRefusedError as exc:
            return refusal(exc.status or REFUSED, exc)
        return unsettled(found) or TAKEN

    async def take(self, event: CloudEvent, headers: Mapping[str, str]) -> Failure | None:
        """One event to its functions; what is returned is why not."""
        span = processing(event, headers)
        try:
            await self.sink.send(event, span, 0, headers.get(SEND_AGAIN, ""))
        except (SinkUnavailableError, EventRefusedError) as exc:
            return failed(event, span, exc)
        finally:
            span.end()
        return None

    def healthy(self, _: Mapping[str, str]) -> Reply:
        """The process answers: a restart mends no gateway."""
        return Reply(200, b"ok\n", {"content-type": "text/plain; charset=utf-8"})

    def ready(self, _: Mapping[str, str]) -> Reply:
        """The functions are known, and were lately; otherwise why not."""
        contact, known = self.sink.reader.contact, self.sink.reader.last
        ready = known is not None and contact.failing <= self.stale_after
        answer = {"ready": ready, "functions": len(known.functions) if known else None, "why": contact.reason}
        return in_json(200 if ready else 503, answer)

    def metrics(self, headers: Mapping[str, str]) -> Reply:
        """The page that Prometheus reads."""
        body, content_type = render_metrics(self.registry, headers.get("accept", ""))
        return Reply(200, body, {"content-type": content_type})


def unsettled(failures: Iterable[Failure | None]) -> Reply | None:
    """The answer where not all events of a request are taken.

    Where one may yet be taken, the whole of a batch is to come again: who has an event of it is not asked again.
    """
    left = [each for each in failures if each]
    later = [each for each in left if isinstance(each, SinkUnavailableError)]
    if later:
        return refusal(503, later[0], max((each.retry_after for each in later if each.retry_after), default=None))
    return refusal(REFUSED, left[0]) if left else None


def refusal(status: int, why: VcenterSourceError, delay: float | None = None) -> Reply:
    """An answer that says what went wrong."""
    return in_json(status, {"error": str(why)}, {} if delay is None else {"retry-after": f"{delay:.0f}"})


def in_json(status: int, answer: Any, headers: Mapping[str, str] = {}) -> Reply:
    """An answer in JSON; a header that it quotes may be no UTF-8, which orjson does not write."""
    return Reply(status, json.dumps(answer).encode(), {"content-type": "application/json", **headers})


def failed(event: CloudEvent, span: Span, why: Failure) -> Failure:
    """Tell of it."""
    if isinstance(why, SinkUnavailableError):
        log.warning("not taken, will be retried", reason=str(why), event_id=event.get_id())
    else:
        log.error("refused for good", reason=str(why), event_id=event.get_id())
    span.set_status(StatusCode.ERROR, str(why))
    span.set_attribute("error.type", type(why).__name__)
    return why


def processing(event: CloudEvent, headers: Mapping[str, str]) -> Span:
    """The span of one event, in the trace of the hop that brought it; where that has none, of the event's beginning."""
    began, hop = context_of(event.get_attributes()), context_of(headers)
    beginning = trace.get_current_span(began).get_span_context()
    last = trace.get_current_span(hop).get_span_context()
    links = [Link(beginning)] if last.is_valid and beginning.is_valid and beginning.span_id != last.span_id else []
    span = tracing.tracer().start_span(
        f"CloudEvents Process {event.get_type()}", hop if last.is_valid else began, SpanKind.CONSUMER, links=links
    )
    tracing.describe(span, event)
    for name in ("name", "type"):
        span.set_attribute(f"messaging.operation.{name}", "process")
    return span


def context_of(carrier: Mapping[str, str]) -> Context:
    """The trace context that ``traceparent`` and ``tracestate`` name; an empty one without them."""
    if "traceparent" not in carrier:
        return tracing.NOWHERE
    named = {name: carrier.get(name) for name in ("traceparent", "tracestate")}
    found = {name: value for name, value in named.items() if value is not None}
    return TraceContextTextMapPropagator().extract(found, Context())


@asynccontextmanager
async def serving(settings: ShimSettings) -> AsyncIterator[int]:
    """Serve while this lasts; gives the port. Events on their way are answered before it ends.

    Raises ConfigurationError when the port cannot be had.
    """
    registry = CollectorRegistry()
    async with invoking(settings, registry) as sink:
        shim = Shim(sink, registry, settings.health_stale_after)
        place = BindAddress(settings.host, settings.port, "PORT")
        async with opened(shim.answer, place, settings.max_body_bytes, settings.drain_timeout) as port:
            yield port


async def run(settings: ShimSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(settings) as port:
        gc_tuning.freeze_and_relax()
        log.info("taking CloudEvents", host=settings.host, port=port, gateway=settings.gateway)
        await stop.wait()
    log.info("stopped")
