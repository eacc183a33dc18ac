"""Every function that wants an event is invoked; the event is taken when all of them have it."""

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
from vcenter_source.sinks.answers import retry_after
from vcenter_source.sinks.openfaas import body
from vcenter_source.sinks.openfaas.answers import Answer, Verdict, explain
from vcenter_source.sinks.openfaas.call import Call, call_id, printable
from vcenter_source.sinks.openfaas.dedup import Memory, Past
from vcenter_source.sinks.openfaas.gateway import Gateway, connected
from vcenter_source.sinks.openfaas.metrics import Counts
from vcenter_source.sinks.openfaas.topic_names import names_of
from vcenter_source.sinks.openfaas.topic_poller import TopicMapReader
from vcenter_source.sinks.openfaas.topics import Match, TopicMap

log = structlog.get_logger()

CONNECTOR = "vcenter-source"
"""What functions are told of who calls, in X-Connector."""

MAX_TOLD = 1024
"""Bytes of an answer that a dead letter keeps, as Knative does in ``knativeerrordata``."""

OUTCOMES = {Verdict.HELD: "again"}
"""What a verdict is counted as, where it is not its own name."""


class OpenfaasSink:
    """A sink that invokes functions.

    ``concurrency`` is the most invocations of one function under way; ``max_tries`` is how often one that itself fails
    is tried with an event. ``max_event_bytes`` is the size from which on an event is not even tried; None is no limit.
    """

    def __init__(  # noqa: PLR0913  it is wired in one place, by keyword
        self,
        gateway: Gateway,
        reader: TopicMapReader,
        counts: Counts,
        *,
        invocation: Invocation,
        concurrency: int,
        max_tries: int,
        max_event_bytes: int | None = None,
        memory: Memory | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gateway = gateway
        self._counts = counts
        self._invocation = invocation
        self._concurrency = concurrency
        self._max_tries = max_tries
        self._max_event_bytes = max_event_bytes
        self._memory = memory or Memory()
        self._clock = clock
        self._topics = TopicMap()
        self._places: dict[str, asyncio.Semaphore] = {}
        self._traffic: defaultdict[tuple[Invocation, str], Traffic] = defaultdict(Traffic)
        self.reader = reader
        self.address = gateway.url

    async def send(self, envelope: Envelope) -> Receipt:
        """Return when every function that wants the event has it, or when none wants it.

        Those that have it are invoked once more for each ``replay_id`` of another name. Raises SinkUnavailableError
        while one of them may yet take it, else EventRefusedError. Both name the functions.
        """
        event = envelope.event
        topics = self._topics if self._topics is self.reader.last else await self._current()
        matches = topics.match(names_of(event), event.get_subject())
        if not matches:
            self._counts.unwanted.inc()
            return Receipt(takers=())
        past = await self._memory.take(event, envelope.replay_id)
        try:
            has_it = {*past.taken, *past.refusals}
            trying = [self._one(envelope, match, past) for match in matches if match.path not in has_it]
            failures = [await trying[0]] if len(trying) == 1 else await asyncio.gather(*trying)  # a task costs its time
            settle([failure for failure in failures if failure], past)
        finally:
            self._memory.give_back(past)
        return Receipt(takers=tuple([match.path for match in matches]))

    async def note_takers(self, event: CloudEvent, takers: Sequence[str]) -> None:
        """Take it that these functions have an event already, as a dead letter says, and invoke them no more."""
        past = await self._memory.take(event)
        past.taken += tuple(path for path in takers if path not in past.taken)
        self._memory.give_back(past)

    async def _current(self) -> TopicMap:
        """The topic map. With another one, the places of functions that are no more go."""
        topics = await self.reader.current()
        if topics is not self._topics:
            self._topics = topics
            self._places = {path: place for path, place in self._places.items() if path in topics.functions}
        return topics

    async def _one(self, envelope: Envelope, match: Match, past: Past) -> SinkUnavailableError | None:
        """Invoke one function. What comes of it stands in the event's past, but for what may pass."""
        path = match.path
        place = self._places.get(path)
        if place is None:
            place = self._places[path] = asyncio.Semaphore(self._concurrency)
        await place.acquire()
        try:
            await self._invoke(envelope, self._call(envelope.event, match, past), past)
        except SinkUnavailableError as exc:
            return exc
        except EventRefusedError as exc:
            past.refusals[path] = exc
        else:
            past.taken += (path,)
        finally:
            place.release()
        return None

    def _call(self, event: CloudEvent, match: Match, past: Past) -> Call:
        path, invocation = match.path, match.function.invocation or self._invocation
        message = body.request(event, match)
        if self._max_event_bytes is not None and len(message.body) > self._max_event_bytes:
            raise EventRefusedError(
                f"function {path}: {len(message.body)} bytes, more than MAX_EVENT_BYTES ({self._max_event_bytes})"
            )
        headers, attributes = message.headers, event.get_attributes()
        headers["X-Connector"] = CONNECTOR
        headers["X-Topic"] = printable(match.topic)
        headers["X-Call-Id"] = call_id(past.key, path)
        for name in ("traceparent", "tracestate"):
            if value := attributes.get(name):
                headers[name] = printable(str(value))
        if "content-type" in headers:
            headers["content-type"] = printable(headers["content-type"])
        return Call(match, invocation, self._gateway.route(path, invocation), message)

    async def _invoke(self, envelope: Envelope, call: Call, past: Past) -> None:
        """One try. Raises what its answer means, unless the function has taken the event or is no more."""
        begun = self._clock()
        traffic, suspicion = self._traffic[call.destination], past.suspicions.get(call.path)
        if suspicion:
            suspicion.begin(traffic)
        number = traffic.begin()
        explain = partial(self._unanswered, call)
        async with self._gateway.invoke(envelope, call.path, call.route, call.message, explain) as response:
            answer = Answer(response.status, response.headers, response.body)
            verdict = call.judge(answer)
            self._counts.invoked(call.path, OUTCOMES.get(verdict) or verdict.name.lower())
            if verdict is Verdict.TAKEN:
                traffic.accept(number)
            elif verdict is Verdict.UNKNOWN and await self._gone(call.path, begun):
                log.info("the function is no more", function=call.path, event_id=envelope.event.get_id())
            else:
                raise self._failure(call, answer, verdict, past)

    def _unanswered(self, call: Call, exc: OSError) -> SinkUnavailableError:
        self._counts.invoked(call.path, "again")
        return SinkUnavailableError(f"function {call.path}: {self._gateway.unreachable(exc)}")

    async def _gone(self, path: str, since: float) -> bool:
        """Whether the gateway no longer lists it: the map may be as old as TOPIC_MAP_INTERVAL."""
        return path not in (await self.reader.newer(since)).functions

    def _failure(
        self, call: Call, answer: Answer, verdict: Verdict, past: Past
    ) -> SinkUnavailableError | EventRefusedError:
        """What to raise for an answer."""
        failures = self._count(call, verdict, past)
        own = verdict is Verdict.UNKNOWN and call.invocation == "sync" and answer.functions_own
        why, told = explain(call.path, call.invocation, answer), answer.body[:MAX_TOLD]
        if verdict is Verdict.REFUSED or own or failures >= self._max_tries:
            return EventRefusedError(why, status=answer.status, body=told)
        delay = retry_after(answer.headers.get("retry-after", ""), datetime.now(UTC))
        return SinkUnavailableError(why, retry_after=delay, status=answer.status, body=told)

    def _count(self, call: Call, verdict: Verdict, past: Past) -> int:
        """The failed tries that count against the event: the function's own, or those while others got through."""
        if verdict is Verdict.HELD:
            return past.suspicions.setdefault(call.path, Suspicion()).fail(self._traffic[call.destination])
        failures = past.failures[call.path] = past.failures.get(call.path, 0) + (verdict is Verdict.FAILED)
        return failures


def settle(failures: Sequence[SinkUnavailableError], past: Past) -> None:
    """Raise what has come of an event in the end, if not every function has it.

    Refusals count only when nothing is left to retry, since the dead letter ends it; and are then forgotten, so that
    a replay from there asks those functions anew.
    """
    if failures:
        delays = [each.retry_after for each in failures if each.retry_after is not None]
        first = failures[0]
        raise SinkUnavailableError(
            "; ".join(map(str, failures)),
            retry_after=max(delays, default=None),
            status=first.status,
            body=first.body,
            takers=past.taken,
        )
    if past.refusals:
        refusals = list(past.refusals.values())
        for path in past.refusals:
            past.failures.pop(path, None)
            past.suspicions.pop(path, None)
        past.refusals.clear()
        first_refusal = refusals[0]
        raise EventRefusedError(
            "; ".join(map(str, refusals)),
            status=first_refusal.status,
            body=first_refusal.body,
            takers=past.taken,
        )


@asynccontextmanager
async def openfaas_sink(
    settings: SinkSettings, registry: CollectorRegistry | None = None, fence: Callable[[], None] = lambda: None
) -> AsyncIterator[OpenfaasSink]:
    """The sink where K_SINK is a gateway's address; the other settings of a gateway are read here."""
    gateway = read_area(GatewaySettings, OPENFAAS_URL=str(settings.address).removeprefix(OPENFAAS))
    async with invoking(gateway, registry or CollectorRegistry(), settings.max_event_bytes, fence) as sink:
        yield sink


@asynccontextmanager
async def invoking(
    settings: GatewaySettings,
    registry: CollectorRegistry,
    max_event_bytes: int | None = None,
    fence: Callable[[], None] = lambda: None,
) -> AsyncIterator[OpenfaasSink]:
    """A sink at the gateway that the settings name, which keeps its topic map up to date while this lasts."""
    async with connected(settings, fence) as gateway:
        reader = TopicMapReader(gateway.topic_map)
        async with beside(reader.keep_reading(settings.topic_map_interval)):
            yield OpenfaasSink(
                gateway,
                reader,
                Counts(registry, reader),
                invocation=settings.invocation,
                concurrency=settings.concurrency,
                max_tries=settings.max_tries,
                max_event_bytes=max_event_bytes,
            )


@asynccontextmanager
async def beside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Work that goes on while this lasts. A failure of it that nobody foresaw ends both: events would wait for ever."""
    try:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(work)
            yield
            task.cancel()
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from failures
