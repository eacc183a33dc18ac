"""What the tests of pytag and of the simulator's REST side share: real servers in threads, real events."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from pytag.__main__ import HANDLER, MESSAGES
from pytag.settings import Settings
from tests.support import loopback
from vcenter_functions import http_limits
from vcenter_functions.kit import build_service
from vcenter_functions.registry import load
from vcenter_functions.server import create_app
from vcenter_functions.tracing import Tracing
from vcenter_functions.vcenter.account import Account
from vcenter_functions.vcenter.client import VcenterClient
from vcenter_functions.vcenter.transport import create_http_client
from vcenter_simulator.accounts import ADMINISTRATOR, PASSWORD
from vcenter_simulator.rest import routes
from vcenter_simulator.rest.dialect import DialectName
from vcenter_simulator.tagging import Tag
from vcenter_simulator.vcenter import Vcenter

if TYPE_CHECKING:
    from starlette.responses import Response

POOL = ("ResourcePool", "resgroup-9")
BOTH: tuple[DialectName, ...] = ("api", "rest")


class _Server(uvicorn.Server):
    """uvicorn, which looks for its end ten times as often, since tests start and end servers by the dozen."""

    async def main_loop(self) -> None:
        tick = 0
        while not await self.on_tick(tick):
            tick += 1
            await asyncio.sleep(0.01)


@contextmanager
def serve_app(app: ASGIApp, **options: Any) -> Iterator[str]:
    """Serve an app on a free port; the value is its base URL. ``options`` are uvicorn's, such as ssl_certfile."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, **options)
    server = _Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.01)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http{'s' if 'ssl_certfile' in options else ''}://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


class RestVcenter:
    """A vCenter with its REST side on the wire.

    ``answers`` are given, in order, before the real ones, each once a path has its text; ``hook`` sees each request,
    and each answer comes ``delay`` seconds later; ``most`` is how many were waited for at the same time.
    """

    def __init__(self) -> None:
        self.base = ""
        self.renew()

    def renew(self, dialects: tuple[DialectName, ...] = BOTH) -> None:
        """Start afresh, at the same address."""
        self.vcenter = Vcenter()
        self.tagging = self.vcenter.tagging
        self.requests: list[Request] = []
        self.answers: deque[tuple[str, Response]] = deque()
        self.hook: Callable[[Request], None] = lambda _: None
        self.delay = 0.0
        self.most = self._open = 0
        self._app = Starlette(routes=routes(self.vcenter, dialects))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._open += 1
        self.most = max(self.most, self._open)
        try:
            await self._answer(scope, receive, send)
        finally:
            self._open -= 1

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._app  # a request that an earlier test has left logs in there
        if scope["type"] == "http":
            self.requests.append(Request(scope))
            self.hook(self.requests[-1])
            await asyncio.sleep(self.delay)
            if self.answers and self.answers[0][0] in scope["path"]:
                await self.answers.popleft()[1](scope, receive, send)
                return
        await app(scope, receive, send)

    def tag(self, category: str = "owner", name: str = "pytag", **more: Any) -> Tag:
        """A tag in a new category."""
        made = self.tagging.create_category(category, **more)
        return self.tagging.create_tag(made.id, name)

    def calls(self, path: str) -> int:
        """How many requests had this in their path and query."""
        return sum(path in f"{r.url.path}?{r.url.query}" for r in self.requests)


@contextmanager
def rest_vcenter() -> Iterator[RestVcenter]:
    """A vCenter to talk to."""
    made = RestVcenter()
    with serve_app(made) as base:
        made.base = base
        yield made


def settings(base: str, **given: Any) -> Settings:
    """Settings for a vCenter at ``base``."""
    usual = {
        "VCENTER_URL": f"{base}/sdk",
        "VCENTER_USERNAME": ADMINISTRATOR,
        "VCENTER_PASSWORD": PASSWORD,
        "VCENTER_ALIASES": "vcenter.test",
        "TAG": "owner/pytag",
    }
    return Settings.load(**{**usual, **given})


def log_in(given: Settings) -> None:
    """Log in and out as pytag does. Raises what it raises."""

    async def check() -> None:
        client = VcenterClient(create_http_client(given.target), Account(given.credentials), Tracing("pytag"))
        try:
            await client.check()
        finally:
            await client.close()

    asyncio.run(check())


def pytag_app(base: str, tracing: Tracing | None = None, **given: Any) -> Starlette:
    """pytag, as ``python -m pytag`` serves it."""
    own = settings(base, **given)
    return create_app(build_service(load(HANDLER), own, tracing or Tracing("pytag"), {Settings: own}, MESSAGES))


@contextmanager
def pytag(base: str, tracing: Tracing | None = None, **given: Any) -> Iterator[httpx.Client]:
    """pytag itself on the wire, and a client that talks to it."""
    with (
        serve_app(pytag_app(base, tracing, **given), **http_limits.uvicorn_options()) as url,
        loopback.Client(base_url=url, trust_env=False, timeout=30) as client,
    ):
        yield client


def binary(subject: str | None = ":".join(POOL), **headers: str) -> dict[str, str]:
    """The headers of an event in binary mode."""
    usual = {
        "ce-specversion": "1.0",
        "ce-id": "42",
        "ce-source": "https://vcenter.test/sdk",
        "ce-type": "com.vmware.event.resourcepool.created",
        "content-type": "application/json",
    }
    if subject is not None:
        usual["ce-subject"] = subject
    return usual | {name.replace("_", "-"): value for name, value in headers.items()}
