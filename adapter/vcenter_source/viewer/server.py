"""The viewer's HTTP server: the page's own files, and the API behind the guard."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import resources

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from vcenter_functions.net.addresses import add_brackets
from vcenter_source.core.http_server import BindAddress, serve_app
from vcenter_source.viewer.api import ViewerApi
from vcenter_source.viewer.event_stream import EventStream
from vcenter_source.viewer.guard import HEADERS, Guard, create_middleware
from vcenter_source.viewer.viewer import Viewer

log = structlog.get_logger()

SHUTDOWN_TIMEOUT = 0.5
"""Seconds that requests in flight have at a stop."""

MAX_REQUEST = 256 * 1024
"""Bytes of a request's body."""

_CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@asynccontextmanager
async def serve_viewer(viewer: Viewer, host: str, port: int, token: str | None) -> AsyncIterator[str]:
    """Serve the viewer while the context lasts; gives its URL. Port 0 is any free one. Raises ConfigurationError."""
    stream = EventStream(viewer.feed, viewer.about, viewer.status)
    app = create_app(viewer, Guard(token), stream)
    async with serve_app(app, BindAddress(host, port, "VIEWER"), SHUTDOWN_TIMEOUT) as bound_port:
        url = f"http://{add_brackets(host)}:{bound_port}/"
        log.info("serving the event viewer", url=url)
        tasks = [asyncio.create_task(stream.flush_regularly())]
        if viewer.letters is not None:
            tasks.append(asyncio.create_task(viewer.letters.watch()))
        try:
            yield url
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task


def create_app(viewer: Viewer, guard: Guard, stream: EventStream) -> web.Application:
    """Return the application with the page and the API."""
    app = web.Application(middlewares=[create_middleware(guard)], client_max_size=MAX_REQUEST)
    app.add_routes([*page_routes(), *ViewerApi(viewer, guard, stream).routes()])
    return app


def page_routes() -> list[web.RouteDef]:
    """Return the routes of the page's own files, which are read once. They hold nothing secret."""
    routes = []
    for file in resources.files("vcenter_source.viewer").joinpath("page").iterdir():
        content_type = _CONTENT_TYPES.get(file.name[file.name.rfind(".") :])
        if content_type:
            path = "/" if file.name == "index.html" else f"/{file.name}"
            routes.append(web.get(path, _file_handler(file.read_bytes(), content_type)))
    return routes


def _file_handler(content: bytes, content_type: str) -> Handler:
    async def send_file(_: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, charset="utf-8", headers=HEADERS)

    return send_file
