"""``vcenter-source openfaas-shim``: a CloudEvents sink, the adapter's K_SINK or a Knative Trigger's subscriber.

To a Broker: 204 done; 400, 413, 415, 422 dead letter at once; 503 deliver again. The reason in the body names the
functions. A subscriber's address may have a path, so events are taken on any.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web
from cloudevents.core.v1.event import CloudEvent
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import CollectorRegistry

from adapter import telemetry
from adapter.errors import EventRefusedError, SinkUnavailableError, VcenterSourceError
from adapter.listening import Place, exposition, listening
from adapter.openfaas.receive import is_batch, received, received_batch
from adapter.openfaas.settings import ShimSettings
from adapter.openfaas.sink import OpenfaasSink, invoking

REFUSED = 422
"""What a Broker takes for a refusal for good, whatever status the function itself had."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Shim:
    """The endpoints."""

    sink: OpenfaasSink
    registry: CollectorRegistry
    stale_after: float

    async def event(self, request: web.Request) -> web.Response:
        """Take one CloudEvent, or a batch of them."""
        body = await request.read()
        try:
            events = received_batch(body) if is_batch(request.headers) else [received(request.headers, body)]
        except EventRefusedError as exc:
            return refusal(exc.status or REFUSED, exc)
        failures = [one for one in await asyncio.gather(*(self.take(e, request.headers) for e in events)) if one]
        later = [one for one in failures if isinstance(one, SinkUnavailableError)]
        if later:  # the whole of a batch comes again, and who has taken an event of it is not asked again
            return refusal(503, later[0], max((one.retry_after for one in later if one.retry_after), default=None))
        return refusal(REFUSED, failures[0]) if failures else web.Response(status=204)

    async def take(
        self, event: CloudEvent, headers: Mapping[str, str]
    ) -> SinkUnavailableError | EventRefusedError | None:
        """One event to its functions; what is returned is why not."""
        try:
            with processing(event, headers) as span:
                await self.sink.send(event, span, 0)
        except SinkUnavailableError as exc:
            log.warning("not taken, will be retried", reason=str(exc), event_id=event.get_id())
            return exc
        except EventRefusedError as exc:
            log.error("refused for good", reason=str(exc), event_id=event.get_id())
            return exc
        return None

    async def healthy(self, _: web.Request) -> web.Response:
        """The process answers: a restart mends no gateway."""
        return web.Response(text="ok\n")

    async def ready(self, _: web.Request) -> web.Response:
        """The functions are known, and were lately; otherwise why not."""
        contact, known = self.sink.reader.contact, self.sink.reader.last
        ready = known is not None and contact.failing <= self.stale_after
        answer = {"ready": ready, "functions": len(known.functions) if known else None, "why": contact.reason}
        return web.json_response(answer, status=200 if ready else 503)


def refusal(status: int, why: VcenterSourceError, delay: float | None = None) -> web.Response:
    """An answer that says what went wrong."""
    headers = {} if delay is None else {"Retry-After": f"{delay:.0f}"}
    return web.json_response({"error": str(why)}, status=status, headers=headers)


@contextmanager
def processing(event: CloudEvent, headers: Mapping[str, str]) -> Iterator[Span]:
    """The span of one event, in the trace of the hop that brought it; where that has none, of the event's beginning."""
    began, hop = context_of(event.get_attributes()), context_of(headers)
    beginning, last = (trace.get_current_span(each).get_span_context() for each in (began, hop))
    links = [Link(beginning)] if last.is_valid and beginning.is_valid and beginning.span_id != last.span_id else []
    span = telemetry.tracer().start_span(
        f"CloudEvents Process {event.get_type()}", hop if last.is_valid else began, SpanKind.CONSUMER, links=links
    )
    telemetry.describe(span, event)
    for name in ("name", "type"):
        span.set_attribute(f"messaging.operation.{name}", "process")
    try:
        yield span
    except VcenterSourceError as exc:
        span.set_status(StatusCode.ERROR, str(exc))
        span.set_attribute("error.type", type(exc).__name__)
        raise
    finally:
        span.end()


def context_of(carrier: Mapping[str, str]) -> Context:
    """The trace context that ``traceparent`` and ``tracestate`` name, in any case; an empty one without them."""
    named = {name: carrier.get(name) for name in ("traceparent", "tracestate")}
    found = {name: value for name, value in named.items() if value is not None}
    return TraceContextTextMapPropagator().extract(found, Context())


def application(shim: Shim, max_body_bytes: int) -> web.Application:
    """Events on any path but those of the probes."""
    served = web.Application(client_max_size=max_body_bytes)
    probes = {"/healthz": shim.healthy, "/readyz": shim.ready, "/metrics": exposition(shim.registry)}
    served.add_routes([web.get(path, handler) for path, handler in probes.items()])
    served.add_routes([web.post("/{path:.*}", shim.event)])
    return served


@asynccontextmanager
async def serving(settings: ShimSettings) -> AsyncIterator[int]:
    """Serve while this lasts; gives the port. Events on their way are answered before it ends.

    Raises ConfigurationError when the port cannot be had.
    """
    registry = CollectorRegistry()
    async with invoking(settings, registry) as sink:
        shim = Shim(sink, registry, settings.health_stale_after)
        place = Place(settings.host, settings.port, "PORT")
        async with listening(application(shim, settings.max_body_bytes), place, settings.drain_timeout) as port:
            yield port


async def run(settings: ShimSettings) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with serving(settings) as port:
        log.info("taking CloudEvents", host=settings.host, port=port, gateway=settings.gateway)
        await stop.wait()
    log.info("stopped")
