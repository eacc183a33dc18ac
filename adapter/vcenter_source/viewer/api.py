"""The HTTP API that the page uses: events as they come, one event in full, its trace, replay, a Trigger made of it."""

import asyncio
from http import HTTPStatus
from typing import Any, TypeGuard

import orjson
from aiohttp import web

from vcenter_source.triggers.event_catalog import EventCatalog
from vcenter_source.triggers.values import ValueChecker
from vcenter_source.viewer.data_values import read_values
from vcenter_source.viewer.event_stream import EventStream
from vcenter_source.viewer.feed import EventRecord
from vcenter_source.viewer.guard import HEADERS, Guard, is_same_origin
from vcenter_source.viewer.trigger_form import TriggerForm, evaluate_form
from vcenter_source.viewer.viewer import TRIGGER_SAMPLE, Viewer, format_record

EXPORT_CHUNK = 500
"""Events that are exported in one piece."""


class ViewerApi:
    """The handlers of the API. ``guard`` has checked every request but one for a session."""

    def __init__(self, viewer: Viewer, guard: Guard, stream: EventStream) -> None:
        self._viewer = viewer
        self._guard = guard
        self._stream = stream

    def routes(self) -> list[web.RouteDef]:
        """Return the routes, all under ``/api/``."""
        return [
            web.post("/api/session", self._sign_in),
            web.get("/api/stream", self._stream.serve_page),
            web.get(r"/api/events/{number:\d{1,15}}", self._get_event),
            web.get(r"/api/events/{number:\d{1,15}}/trace", self._get_trace),
            web.post(r"/api/events/{number:\d{1,15}}/replay", self._replay_event),
            web.post("/api/letters/replay", self._replay_letters),
            web.post("/api/export", self._export_events),
            web.post("/api/values", self._get_values),
            web.post("/api/trigger", self._evaluate_trigger),
        ]

    async def _sign_in(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        if not is_same_origin(request.headers) or not self._guard.is_token(str(body.get("token", ""))):
            return respond({"error": "this is not the token in VIEWER_TOKEN"}, HTTPStatus.FORBIDDEN)
        response = respond({})
        self._guard.sign_in(response)
        return response

    async def _get_event(self, request: web.Request) -> web.Response:
        return respond(format_record(self._find_record(request)))

    async def _get_trace(self, request: web.Request) -> web.Response:
        return respond({"spans": await self._viewer.fetch_trace(self._find_record(request))})

    async def _replay_event(self, request: web.Request) -> web.Response:
        await read_json(request)
        return respond(await self._viewer.replay(self._find_record(request)))

    async def _replay_letters(self, request: web.Request) -> web.Response:
        numbers = (await read_json(request)).get("numbers")
        if numbers is not None and not is_number_list(numbers):
            raise web.HTTPBadRequest(text="numbers: a list of the numbers of events is required, or null for all")
        return respond(await self._viewer.replay_letters(numbers))

    async def _export_events(self, request: web.Request) -> web.StreamResponse:
        numbers = (await read_json(request)).get("numbers")
        if not is_number_list(numbers):
            raise web.HTTPBadRequest(text="numbers: a list of the numbers of events is required")
        response = web.StreamResponse(headers=HEADERS | {"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        for start in range(0, len(numbers), EXPORT_CHUNK):  # the delivery goes on between two chunks
            records = map(self._viewer.feed.get, numbers[start : start + EXPORT_CHUNK])
            await response.write(b"".join(record.body + b"\n" for record in records if record))
        return response

    async def _get_values(self, request: web.Request) -> web.Response:
        body, feed = await read_json(request), self._viewer.feed
        path, after = body.get("path"), body.get("after")
        if not isinstance(path, list) or not all(isinstance(name, str) for name in path) or type(after) is not int:
            raise web.HTTPBadRequest(text="path: a list of names, and after: the number of an event, are required")
        records = list(feed.latest(max(0, feed.last - after)))
        return respond({"last": feed.last, "values": await asyncio.to_thread(read_values, records, path)})

    async def _evaluate_trigger(self, request: web.Request) -> web.Response:
        body = await read_json(request)
        form = TriggerForm(*(str(body.get(name, "")) for name in TriggerForm.__match_args__))
        records = list(self._viewer.feed.latest(TRIGGER_SAMPLE))
        answer = await asyncio.to_thread(_evaluate, form, self._viewer.catalog, records)
        places = answer.pop("places")
        if body.get("rows") is True and places is not None:
            answer["rows"] = [records[place].number for place in places]
        return respond(answer)

    def _find_record(self, request: web.Request) -> EventRecord:
        record = self._viewer.feed.get(int(request.match_info["number"]))
        if record is None:
            raise web.HTTPNotFound(text="the event is not in the history any more")
        return record


def _evaluate(form: TriggerForm, catalog: EventCatalog, records: list[EventRecord]) -> dict[str, Any]:
    """Evaluate a form, in a thread: the catalog is slow to build, and many events are slow to decode and to match."""
    return evaluate_form(form, ValueChecker(catalog), [record.attributes for record in records])


def is_number_list(value: Any) -> TypeGuard[list[int]]:
    """Whether this is a list of numbers of events."""
    return isinstance(value, list) and all(type(each) is int for each in value)


async def read_json(request: web.Request) -> dict[str, Any]:
    """Read the JSON object of a request that changes something. A form of another page cannot have this type."""
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="application/json is required")
    try:
        body = orjson.loads(await request.read())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="a JSON object is required")
    return body


def respond(body: Any, status: HTTPStatus = HTTPStatus.OK) -> web.Response:
    """Return a response with a body in JSON."""
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json", headers=HEADERS)
