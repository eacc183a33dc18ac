"""The sink that invokes functions: an event is acknowledged when every function that subscribes to it has it."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

import structlog
from cloudevents.core.v1.event import CloudEvent
from prometheus_client import CollectorRegistry

from vcenter_source.core.envelope import Envelope, Receipt
from vcenter_source.core.errors import EventRefusedError, SinkUnavailableError
from vcenter_source.core.poison import Suspicion, Traffic
from vcenter_source.settings.environment import read_area
from vcenter_source.settings.openfaas import GatewaySettings, Invocation
from vcenter_source.settings.sink import OPENFAAS, SinkSettings
from vcenter_source.sinks.openfaas.body import build_request
from vcenter_source.sinks.openfaas.call import Call, call_id, to_printable
from vcenter_source.sinks.openfaas.dedup import DeliveryHistory, EventState
from vcenter_source.sinks.openfaas.gateway import Gateway, gateway_client
from vcenter_source.sinks.openfaas.metrics import OpenfaasMetrics
from vcenter_source.sinks.openfaas.outcomes import InvocationOutcome, InvocationResponse, describe_response
from vcenter_source.sinks.openfaas.topic_names import list_topic_names
from vcenter_source.sinks.openfaas.topic_poller import TopicMapPoller
from vcenter_source.sinks.openfaas.topics import Match, TopicMap
from vcenter_source.sinks.responses import parse_retry_after

log = structlog.get_logger()

CONNECTOR_NAME = "vcenter-source"
"""What functions get in X-Connector: who invokes them."""

MAX_QUOTED_BYTES = 1024
"""Bytes of an answer that a dead letter keeps, as Knative does in ``knativeerrordata``."""


class OpenfaasSink:
    """A sink that invokes functions.

    ``concurrency`` limits the invocations of one function at a time; ``max_tries`` how often a function that itself
    fails is tried with an event. A request of more than ``max_event_bytes`` is not sent; None is no limit.
    """

    def __init__(  # noqa: PLR0913  it is wired in one place, by keyword
        self,
        gateway: Gateway,
        poller: TopicMapPoller,
        metrics: OpenfaasMetrics,
        *,
        invocation: Invocation,
        concurrency: int,
        max_tries: int,
        max_event_bytes: int | None = None,
        history: DeliveryHistory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._metrics = metrics
        self._invocation = invocation
        self._concurrency = concurrency
        self._max_tries = max_tries
        self._max_event_bytes = max_event_bytes
        self._history = history or DeliveryHistory()
        self._clock = clock
        self._topics = TopicMap()
        self._limits: dict[str, asyncio.Semaphore] = {}
        self._traffic: defaultdict[tuple[Invocation, str], Traffic] = defaultdict(Traffic)
        self.poller = poller
        self.address = gateway.url

    async def send(self, envelope: Envelope) -> Receipt:
        """Return when every function that wants the event has it, or if none wants it.

        Functions that have it are not invoked again, unless the envelope has a new ``replay_id``. Raises
        SinkUnavailableError while one of them may yet accept it, else EventRefusedError. Both name the functions.
        """
        event = envelope.event
        topics = self._topics if self._topics is self.poller.last else await self._current()
        matches = topics.match(list_topic_names(event), event.get_subject())
        if not matches:
            self._metrics.unwanted_events.inc()
            return Receipt(takers=())
        state = await self._history.acquire(event, envelope.replay_id)
        try:
            calls = [self._deliver(envelope, match, state) for match in matches if not state.is_settled(match.path)]
            failures = [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls)  # a task costs its time
            raise_failures([failure for failure in failures if failure], state)
        finally:
            self._history.release(state)
        return Receipt(takers=tuple([match.path for match in matches]))

    async def note_takers(self, event: CloudEvent, takers: Sequence[str]) -> None:
        """Remember that these functions have an event, as a dead letter says, so as not to invoke them with it."""
        state = await self._history.acquire(event)
        state.takers += tuple(path for path in takers if path not in state.takers)
        self._history.release(state)

    async def _current(self) -> TopicMap:
        """Return the topic map; with a new one, forget the limits of functions that were removed."""
        topics = await self.poller.current()
        if topics is not self._topics:
            self._topics = topics
            self._limits = {path: limit for path, limit in self._limits.items() if path in topics.functions}
        return topics

    async def _deliver(self, envelope: Envelope, match: Match, state: EventState) -> SinkUnavailableError | None:
        """Invoke one function, note the outcome in the event's state, and return a failure that may pass."""
        path = match.path
        limit = self._limits.get(path)
        if limit is None:
            limit = self._limits[path] = asyncio.Semaphore(self._concurrency)
        await limit.acquire()
        try:
            await self._invoke(envelope, self._create_call(envelope.event, match, state), state)
        except SinkUnavailableError as exc:
            return exc
        except EventRefusedError as exc:
            state.refusals[path] = exc
        else:
            state.takers += (path,)
        finally:
            limit.release()
        return None

    def _create_call(self, event: CloudEvent, match: Match, state: EventState) -> Call:
        path, invocation = match.path, match.function.invocation or self._invocation
        message = build_request(event, match)
        if self._max_event_bytes is not None and len(message.body) > self._max_event_bytes:
            raise EventRefusedError(
                f"function {path}: {len(message.body)} bytes, more than MAX_EVENT_BYTES ({self._max_event_bytes})"
            )
        headers, attributes = message.headers, event.get_attributes()
        headers["X-Connector"] = CONNECTOR_NAME
        headers["X-Topic"] = to_printable(match.topic)
        headers["X-Call-Id"] = call_id(state.key, path)
        for name in ("traceparent", "tracestate"):
            if value := attributes.get(name):
                headers[name] = to_printable(str(value))
        if "content-type" in headers:
            headers["content-type"] = to_printable(headers["content-type"])
        return Call(match, invocation, self._gateway.route(path, invocation), message)

    async def _invoke(self, envelope: Envelope, call: Call, state: EventState) -> None:
        """Try once. Raises what the answer means, unless the function has the event now, or was removed."""
        start = self._clock()
        traffic, suspicion = self._traffic[call.destination], state.suspicions.get(call.path)
        if suspicion:
            suspicion.begin(traffic)
        number = traffic.begin()
        explain = partial(self._map_error, call)
        with self._gateway.invoke(envelope, call.path, call.route, call.message, explain) as exchange:
            answer = await exchange.send()
            response = InvocationResponse(answer.status, answer.headers, answer.body)
            outcome = call.classify(response)
            self._metrics.count_invocation(call.path, outcome)
            if outcome is InvocationOutcome.ACCEPTED:
                traffic.accept(number)
            elif outcome is InvocationOutcome.NOT_FOUND and await self._is_removed(call.path, start):
                log.info("the function was removed", function=call.path, event_id=envelope.event.get_id())
            else:
                raise self._create_failure(call, response, outcome, state)

    def _map_error(self, call: Call, exc: OSError) -> SinkUnavailableError:
        """Map a failure to get any answer."""
        self._metrics.count_invocation(call.path, InvocationOutcome.RETRY)
        return SinkUnavailableError(f"function {call.path}: {self._gateway.map_error(exc)}")

    async def _is_removed(self, path: str, since: float) -> bool:
        """Ask the gateway whether it no longer lists a function: the map may be as old as TOPIC_MAP_INTERVAL."""
        return path not in (await self.poller.read_after(since)).functions

    def _create_failure(
        self, call: Call, response: InvocationResponse, outcome: InvocationOutcome, state: EventState
    ) -> SinkUnavailableError | EventRefusedError:
        """Return what to raise for an answer."""
        failed_tries = self._count_failure(call, outcome, state)
        is_sync_404 = outcome is InvocationOutcome.NOT_FOUND and call.invocation == "sync"
        is_permanent = outcome is InvocationOutcome.REFUSED or (is_sync_404 and response.is_from_function)
        reason, quote = describe_response(call.path, call.invocation, response), response.body[:MAX_QUOTED_BYTES]
        if is_permanent or failed_tries >= self._max_tries:
            return EventRefusedError(reason, status=response.status, body=quote)
        delay = parse_retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
        return SinkUnavailableError(reason, retry_after=delay, status=response.status, body=quote)

    def _count_failure(self, call: Call, outcome: InvocationOutcome, state: EventState) -> int:
        """Count the tries that the function itself failed, or that failed on the way while other events got through."""
        if outcome is InvocationOutcome.HELD:
            return state.suspicions.setdefault(call.path, Suspicion()).fail(self._traffic[call.destination])
        tries = state.failed_tries.get(call.path, 0) + (outcome is InvocationOutcome.FAILED)
        state.failed_tries[call.path] = tries
        return tries


def raise_failures(failures: Sequence[SinkUnavailableError], state: EventState) -> None:
    """Raise one error for an event, if not every function has it.

    Refusals count only when nothing is left to retry, because the dead letter ends the event. They are then forgotten,
    so that a replay from there invokes these functions again.
    """
    if failures:
        delays = [failure.retry_after for failure in failures if failure.retry_after is not None]
        raise SinkUnavailableError(
            "; ".join(map(str, failures)),
            retry_after=max(delays, default=None),
            status=failures[0].status,
            body=failures[0].body,
            takers=state.takers,
        )
    if state.refusals:
        refusals = list(state.refusals.values())
        for path in state.refusals:
            state.failed_tries.pop(path, None)
            state.suspicions.pop(path, None)
        state.refusals.clear()
        raise EventRefusedError(
            "; ".join(map(str, refusals)), status=refusals[0].status, body=refusals[0].body, takers=state.takers
        )


@asynccontextmanager
async def openfaas_sink(
    settings: SinkSettings, registry: CollectorRegistry | None = None
) -> AsyncIterator[OpenfaasSink]:
    """Open the sink if K_SINK is a gateway's address; the gateway's other settings are read here."""
    gateway = read_area(GatewaySettings, OPENFAAS_URL=str(settings.address).removeprefix(OPENFAAS))
    async with gateway_sink(gateway, registry or CollectorRegistry(), settings.max_event_bytes) as sink:
        yield sink


@asynccontextmanager
async def gateway_sink(
    settings: GatewaySettings,
    registry: CollectorRegistry,
    max_event_bytes: int | None = None,
) -> AsyncIterator[OpenfaasSink]:
    """Open a sink at the gateway that the settings name, and keep its topic map up to date while this lasts."""
    async with gateway_client(settings) as gateway:
        poller = TopicMapPoller(gateway.read_topic_map)
        async with background_task(poller.poll(settings.topic_map_interval)):
            yield OpenfaasSink(
                gateway,
                poller,
                OpenfaasMetrics(registry, poller),
                invocation=settings.invocation,
                concurrency=settings.concurrency,
                max_tries=settings.max_tries,
                max_event_bytes=max_event_bytes,
            )


@asynccontextmanager
async def background_task(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Run work while this lasts. If it fails, both end: without the topic map, events would wait for ever."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            yield
            task.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
