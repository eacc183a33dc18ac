"""The viewer's server: the page, the events as they come, one event in full, its trace, a Trigger made of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from importlib import resources
from typing import Any
from uuid import uuid4

import orjson
import structlog
from aiohttp import web

from vcenter_functions.net.addresses import add_brackets
from vcenter_source.core import tracing
from vcenter_source.core.envelope import Envelope, Sink
from vcenter_source.core.errors import EventRefusedError, LeaseLostError, SinkUnavailableError
from vcenter_source.core.http_server import BindAddress, serve_app
from vcenter_source.events.codec import to_binary
from vcenter_source.observe.health import Health
from vcenter_source.state.dead_letters.folder import decode_letter
from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker
from vcenter_source.viewer import guard, spans, trigger
from vcenter_source.viewer.feed import Feed, Record
from vcenter_source.viewer.stream import Told

log = structlog.get_logger()

SHUTDOWN_SECONDS = 0.5
REPLAY_SECONDS = 30.0
MAX_REQUEST = 256 * 1024

LOOKED_AT = 2000
"""How many of the last events a Trigger is tried on."""

_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True)
class Viewer:
    """What the pages are about. ``sink`` is None where events are only looked at; ``spans`` where nothing is traced."""

    feed: Feed
    health: Health
    source: str
    sink: Sink | None
    catalog: EventCatalog
    spans: spans.Kept | None
    trace_url: str | None
    trace_api: str | None
    run: str = field(default_factory=lambda: uuid4().hex[:8])
    """Tells this process's numbers from those of the one before it."""

    def about(self) -> dict[str, Any]:
        """What stays the same while a page is open."""
        return {
            "run": self.run,
            "limit": self.feed.limit,
            "source": self.source,
            "sink": self.sink.address if self.sink else None,
            "traceUrl": self.trace_url,
            "lookedAt": LOOKED_AT,
            "rates": self.feed.rates.steps(),
        }

    def status(self) -> dict[str, Any]:
        """What the top of the page shows."""
        status, checks = self.health.status, self.health.checks()
        lag = status.lag
        return {
            "ready": all(check.ok for check in checks.values()),
            "checks": {name: asdict(check) for name, check in checks.items()},
            "inFlight": status.in_flight,
            "waiting": round(status.oldest_in_flight, 1),
            "lag": None if lag != lag else round(lag, 1),  # noqa: PLR0124  NaN: it is not known
            "counts": self.feed.counts,
            "held": len(self.feed),
            "oldest": self.feed.oldest,
            "bytes": self.feed.bytes,
            "rates": self.feed.rates.steps(2),
        }


def api(viewer: Viewer, guarding: guard.Guard, told: Told) -> list[web.RouteDef]:
    """Everything but the page itself."""

    def record_of(request: web.Request) -> Record:
        record = viewer.feed.get(int(request.match_info["number"]))
        if record is None:
            raise web.HTTPNotFound(text="it is not held any more")
        return record

    async def session(request: web.Request) -> web.Response:
        given = await body_of(request)
        if not guard.same_origin(request.headers) or not guarding.is_token(str(given.get("token", ""))):
            return answer({"error": "that is not the token"}, HTTPStatus.FORBIDDEN)
        response = answer({})
        guarding.sign_in(response)
        return response

    async def event(request: web.Request) -> web.Response:
        return answer(in_full(record_of(request)))

    async def trace(request: web.Request) -> web.Response:
        return answer({"spans": await trace_of(viewer, record_of(request))})

    async def replay(request: web.Request) -> web.Response:
        await body_of(request)
        return answer(await sent_again(viewer, record_of(request)))

    async def make(request: web.Request) -> web.Response:
        given = await body_of(request)
        wish = trigger.Wish(*(str(given.get(name, "")) for name in trigger.Wish.__match_args__))
        events = [(each.number, each.attributes) for each in viewer.feed.latest(LOOKED_AT)]
        return answer(await asyncio.to_thread(made, wish, viewer.catalog, events))

    async def stream(request: web.Request) -> web.StreamResponse:
        return await told.stream(request)

    return [
        web.post("/api/session", session),
        web.get("/api/stream", stream),
        web.get(r"/api/events/{number:\d{1,15}}", event),
        web.get(r"/api/events/{number:\d{1,15}}/trace", trace),
        web.post(r"/api/events/{number:\d{1,15}}/replay", replay),
        web.post("/api/trigger", make),
    ]


def made(wish: trigger.Wish, catalog: EventCatalog, events: list[tuple[int, dict[str, Any]]]) -> dict[str, Any]:
    """A Trigger and what it would pick, in a thread: the catalog is slow to build, and so do many events."""
    return trigger.made(wish, ValueChecker(catalog), events)


def in_full(record: Record) -> dict[str, Any]:
    """One event, with what became of it when, and as it is sent in either mode of CloudEvents over HTTP."""
    headers, _ = to_binary(decode_letter(record.body))
    return {
        "n": record.number,
        "state": record.state,
        "taken": record.taken,
        "ended": record.ended,
        "tries": record.tries,
        "failures": list(record.failures or ()),
        "headers": headers,
        "event": orjson.Fragment(record.body),
    }


async def trace_of(viewer: Viewer, record: Record) -> list[Any]:
    """The spans of the event's trace, from wherever there are any."""
    context = tracing.restore_span(decode_letter(record.body)).get_span_context()
    if not context.is_valid:
        return []
    trace_id = f"{context.trace_id:032x}"
    own = viewer.spans.of(trace_id) if viewer.spans else []
    others = await spans.fetched(viewer.trace_api.replace("{trace_id}", trace_id)) if viewer.trace_api else []
    return spans.together(own, others)


async def sent_again(viewer: Viewer, record: Record) -> dict[str, Any]:
    """Send an event once more, as it is; whether the sink took it, and why not, or what is to be known of it."""
    if viewer.sink is None or not viewer.health.is_leading:
        return {"accepted": False, "why": "this adapter sends no events"}
    event, why = decode_letter(record.body), ""
    log.info("sending again, as the viewer was told to", event_id=event.get_id(), event_type=event.get_type())
    try:
        async with asyncio.timeout(REPLAY_SECONDS):
            receipt = await viewer.sink.send(Envelope(event, span=tracing.restore_span(event), replay_id=uuid4().hex))
            if receipt.takers == ():
                why = "no function has a topic for it"
    except (EventRefusedError, LeaseLostError, SinkUnavailableError, TimeoutError) as exc:
        return {"accepted": False, "why": str(exc) or f"no answer within {REPLAY_SECONDS:.0f} s"}
    return {"accepted": True, "why": why}


async def body_of(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request that changes something. A form of another page cannot be of this type."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json is asked for")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="a JSON object is asked for")
    return body


def answer(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """A body as JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=guard.HEADERS)


def page() -> list[web.RouteDef]:
    """The page's own files, from memory. They hold nothing that is secret."""

    def serving(content: bytes, content_type: str) -> Any:
        async def serve(_: web.Request) -> web.Response:
            return web.Response(body=content, content_type=content_type, charset="utf-8", headers=guard.HEADERS)

        return serve

    routes = []
    for file in resources.files("vcenter_source.viewer").joinpath("page").iterdir():
        kind = _TYPES.get(file.name[file.name.rfind(".") :])
        if kind:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            routes.append(web.get(path, serving(file.read_bytes(), kind)))
    return routes


def application(viewer: Viewer, token: str | None, told: Told) -> web.Application:
    """Everything that is served."""
    guarding = guard.Guard(token)
    served = web.Application(middlewares=[guard.middleware(guarding)], client_max_size=MAX_REQUEST)
    served.add_routes([*page(), *api(viewer, guarding, told)])
    return served


@asynccontextmanager
async def serving(viewer: Viewer, host: str, port: int, token: str | None) -> AsyncIterator[str]:
    """Serve while this lasts, at the address given. Port 0 takes any free one. Raises ConfigurationError."""
    told = Told(viewer.feed, viewer.about, viewer.status)
    async with serve_app(
        application(viewer, token, told), BindAddress(host, port, "VIEWER"), SHUTDOWN_SECONDS
    ) as bound:
        url = f"http://{add_brackets(host)}:{bound}/"
        log.info("serving the event viewer", url=url)
        telling = asyncio.create_task(told.tell_regularly())
        try:
            yield url
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
