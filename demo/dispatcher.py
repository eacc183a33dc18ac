"""Deliveries to the Triggers' subscribers, in the background, with the retries that the manifests ask for."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import httpx
from opentelemetry.context import Context, get_current
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, use_span

from demo.delivery_log import DELIVERED, FAILED, Outcome
from demo.manifests import Trigger
from demo.message import BadEventError, Message, is_cloudevent, read
from demo.tracing import event_attributes, inject_context

# Knative's hop limit for events that subscribers send back, so that a Trigger cannot feed itself for ever.
TTL = 255
_RETRIED_4XX = {404, 408, 409, 429}


class QueueFullError(Exception):
    """More deliveries are waiting than the queue holds; the ingress answers 503."""


@dataclass(frozen=True, slots=True)
class Job:
    """One event on its way to one Trigger's subscriber."""

    message: Message
    trigger: Trigger
    outcome: Outcome
    context: Context
    ttl: int


Reply = Callable[[Message, Context, int], None]


@dataclass(slots=True)
class Dispatcher:
    """A bounded queue of deliveries and the workers that empty it.

    ``subscribers`` maps a Service's name to its URL. ``on_reply`` gets the event that a subscriber answered with.
    Order is not kept; Knative's default Broker does not keep it either.
    """

    subscribers: Mapping[str, str]
    tracer: Tracer
    on_reply: Reply
    workers: int = 8
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    queue: asyncio.Queue[Job] = field(default_factory=lambda: asyncio.Queue(1000))

    def put(self, jobs: list[Job]) -> None:
        """Queue the deliveries of one event, all of them or none.

        Raises QueueFullError.
        """
        if self.queue.qsize() + len(jobs) > self.queue.maxsize:
            raise QueueFullError
        for job in jobs:
            self.queue.put_nowait(job)

    async def run(self) -> None:
        """Deliver until cancelled."""
        # 30 s a request is Knative's default; the environment's proxies are not meant for loopback addresses.
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client, asyncio.TaskGroup() as group:
            for _ in range(self.workers):
                group.create_task(self._work(client))

    async def _work(self, client: httpx.AsyncClient) -> None:
        while True:
            job = await self.queue.get()
            attributes = event_attributes(job.message)
            span = self.tracer.start_span(f"trigger {job.trigger.name}", job.context, SpanKind.CLIENT, attributes)
            with use_span(span, end_on_exit=True):
                await self._deliver(client, job)
                _note(span, job.outcome)

    async def _deliver(self, client: httpx.AsyncClient, job: Job) -> None:
        """Try until it is delivered, refused for good, or out of retries; then send it to the dead letter sink."""
        delivery, outcome = job.trigger.delivery, job.outcome
        for attempt in range(delivery.retry + 1):
            outcome.attempts = attempt + 1
            outcome.code, outcome.reason = await self._attempt(client, job, job.trigger.subscriber, job.message)
            if is_done(outcome.code) or not is_retried(outcome.code):
                break
            if attempt < delivery.retry:
                await self.sleep(delivery.delay(attempt))
        if not is_done(outcome.code) and delivery.dead_letter_sink:
            outcome.dead_letter = await self._send_to_dead_letter(client, job)
        outcome.status = DELIVERED if is_done(outcome.code) else FAILED

    async def _send_to_dead_letter(self, client: httpx.AsyncClient, job: Job) -> str:
        """Send it to the dead letter sink, once, with the reason; return the outcome for a person."""
        name, outcome = job.trigger.delivery.dead_letter_sink, job.outcome
        dest = self._address(job.trigger.subscriber) or job.trigger.subscriber
        code, reason = await self._attempt(client, job, name, to_dead_letter(job.message, dest, outcome))
        return f"taken by {name}" if is_done(code) else f"not taken by {name}: {reason or code}"

    def _address(self, name: str) -> str | None:
        """Return the address of a Service; an address stands for itself."""
        return name if "://" in name else self.subscribers.get(name)

    async def _attempt(
        self, client: httpx.AsyncClient, job: Job, name: str, message: Message
    ) -> tuple[int | None, str]:
        """POST once: return the status (None without an answer), and the reason if it failed."""
        url = self._address(name)
        if url is None:
            return HTTPStatus.NOT_FOUND, f"no address known for the Service {name}"
        headers = message.headers()
        inject_context(headers)
        try:
            answer = await client.post(url, headers=headers, content=message.data)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            return None, f"{type(exc).__name__}: {exc}"
        if not answer.is_success:
            return answer.status_code, answer.text.strip()[:200]
        return self._read_answer(answer, job)

    def _read_answer(self, answer: httpx.Response, job: Job) -> tuple[int, str]:
        """Read a 2xx: without a body it is done, a CloudEvent goes back into the Broker, other bodies are a 502."""
        if not answer.content and not is_cloudevent(answer.headers):
            return answer.status_code, ""
        try:
            reply = read(dict(answer.headers), answer.content)
        except BadEventError as exc:
            return HTTPStatus.BAD_GATEWAY, f"answered {answer.status_code} with a body that is no CloudEvent: {exc}"
        try:
            if job.ttl > 1:
                self.on_reply(reply, get_current(), job.ttl - 1)
        except QueueFullError:
            return HTTPStatus.SERVICE_UNAVAILABLE, "no room in the queue for the event that it answered with"
        return answer.status_code, ""


def _note(span: Span, outcome: Outcome) -> None:
    """Note the outcome on the delivery's span."""
    if outcome.code is not None:
        span.set_attribute("http.response.status_code", outcome.code)
    if outcome.attempts > 1:
        span.set_attribute("http.request.resend_count", outcome.attempts - 1)
    if outcome.status == FAILED:
        span.set_status(Status(StatusCode.ERROR, outcome.reason))


def to_dead_letter(message: Message, dest: str, outcome: Outcome) -> Message:
    """Return the event with the three attributes in which Knative describes the failure."""
    data = base64.b64encode(outcome.reason.encode()).decode()
    code = {} if outcome.code is None else {"knativeerrorcode": str(int(outcome.code))}
    attributes = {**message.attributes, "knativeerrordest": dest, **code, "knativeerrordata": data}
    return replace(message, attributes=attributes)


def is_done(code: int | None) -> bool:
    """Tell whether the subscriber accepted the event."""
    return code is not None and HTTPStatus.OK <= code < HTTPStatus.MULTIPLE_CHOICES


def is_retried(code: int | None) -> bool:
    """Tell whether Knative tries again: no answer, 5xx, and the few of 4xx that may pass by themselves."""
    return code is None or code >= HTTPStatus.INTERNAL_SERVER_ERROR or code in _RETRIED_4XX
